using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Authentication;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Records;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>What a handshake state may do to its connection, and what all states of one handshake share.</summary>
internal abstract class HandshakeLink(CryptoProvider crypto) : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public CryptoProvider Crypto { get; } = crypto;

    public TranscriptHash Transcript { get; } = new(crypto);

    public TlsConnectionInfo Info { get; } = new();

    /// <summary>The TLS 1.3 key schedule, once the suite is chosen.</summary>
    public KeySchedule? Keys { get; set; }

    /// <summary>The TLS 1.2 keys, once the suite is chosen.</summary>
    public KeySchedule12? Keys12 { get; set; }

    /// <summary>Client: the keys of early data that was offered, until the server has answered. They wait for no server's choice of a suite.</summary>
    public KeySchedule? EarlyKeys { get; set; }

    /// <summary>The client's random, by which the key log names a connection.</summary>
    public byte[] ClientRandom { get; set; } = [];

    /// <summary>Server: under which IDs the store has the sessions of this connection.</summary>
    public List<ReadOnlyMemory<byte>> StoredSessionIds { get; } = [];

    /// <summary>Client: the host connected to, in its canonical form, and its port.</summary>
    public (string? Host, int Port) Target { get; set; }

    /// <summary>Server: what the application wants to find in the sessions of this connection, where it said so; else they carry on what the resumed one had.</summary>
    public ReadOnlyMemory<byte>? ApplicationData { get; set; }

    /// <summary>Server, after the handshake: what gives its client sessions; <see langword="null"/> where there is nothing to give.</summary>
    public SessionIssuer? Issuer { get; set; }

    /// <summary>The sender that callbacks of the application see.</summary>
    public abstract object Sender { get; }

    /// <summary>Where the peer is; <see langword="null"/> where the transport did not say.</summary>
    public virtual IPAddress? RemoteAddress => null;

    /// <summary>Cancelled when the connection ends.</summary>
    public abstract CancellationToken Aborted { get; }

    /// <summary>Whether the connection stands, and its write half is open.</summary>
    public abstract bool MaySend { get; }

    public abstract TlsSettings Settings { get; }

    public DateTimeOffset Now => Callback.Now(Settings.TimeProvider);

    protected abstract FlightBuffer Messages { get; }

    /// <summary>What comes next is protected so. Nothing that came under the keys before may still wait.</summary>
    public abstract void SetReadProtection(RecordProtection protection);

    /// <summary>What goes out next is protected so.</summary>
    public abstract void SetWriteProtection(RecordProtection protection);

    public void SetReadSecret(CipherSuiteInfo suite, ReadOnlySpan<byte> secret)
    {
        // Before there are keys that nobody would take.
        CheckEndOfRecord();
        SetReadProtection(new Tls13Protection(Crypto, suite, secret));
    }

    public void SetWriteSecret(CipherSuiteInfo suite, ReadOnlySpan<byte> secret) => SetWriteProtection(new Tls13Protection(Crypto, suite, secret));

    /// <summary>Read half: the next application traffic secret.</summary>
    public abstract void UpdateReadKey();

    /// <summary>The peer asked for a KeyUpdate of ours; the write half sends it.</summary>
    public abstract void RequestKeyUpdate();

    /// <summary>A warning for the peer; the write half sends it.</summary>
    public abstract void Warn(TlsAlert alert);

    /// <summary>Write half: no record from here on holds more content.</summary>
    public abstract void LimitSent(int maxPlaintext);

    /// <summary>Read half: no protected record from here on may hold more content.</summary>
    public abstract void LimitReceived(int maxPlaintext);

    /// <summary>The change_cipher_spec of TLS 1.2, or of compatibility mode: at most once.</summary>
    public abstract void SendChangeCipherSpec();

    /// <summary>The peer has to hear from us before it can go on, or its keys change: nothing may stand behind the message in its record (RFC 9846 §5.1).</summary>
    public abstract void CheckEndOfRecord();

    /// <summary>Server: the client sent early data that will not be read; records that do not open are skipped up to the limit.</summary>
    public abstract void SkipEarlyData();

    /// <summary>Who the peer is, by what was verified.</summary>
    public void ShowPeer(PeerVerified peer)
    {
        Info.RemoteCertificates = peer.Chain;
        Info.RemoteCertificate = peer.Certificate?.Leaf;
        Info.ExternalPskIdentity = peer.ExternalPsk?.Identity;
        // A client knows since it showed its certificate, or offered the session.
        Info.IsMutuallyAuthenticated |= Info.IsServer && peer.Chain.Count > 0;
    }

    /// <summary>Early data may flow from here on, under keys that are set: a client's to send, a server's to read.</summary>
    public abstract void OpenEarlyData(uint maxSize);

    /// <summary>No early data from here on.</summary>
    public abstract void CloseEarlyData();

    /// <summary>Client: the server did not get as far as to early data; what comes next goes out in the clear again.</summary>
    public abstract void ClearWriteProtection();

    /// <summary>Server: another context was chosen.</summary>
    public abstract void UseSettings(TlsSettings settings);

    /// <summary>The handshake is over: application data may flow, and what follows is not counted as its bytes.</summary>
    public abstract void Complete(FinishedVerified finished);

    public abstract void SessionReceived(TlsSession session);

    /// <summary>Client: a ticket came that is not to be kept.</summary>
    public abstract void ZeroLifetimeReceived();

    /// <summary>The peer of a session was refused when it was to be resumed: it is forgotten, a client's with its siblings. Tickets that clients hold are refused each time.</summary>
    public abstract void SessionRefused(TlsSession session);

    /// <summary>Server: what was found for an offer. For the metrics, as is <see cref="TicketIssued"/>.</summary>
    public abstract void Located(in LocatedSession located);

    public abstract void TicketIssued(ResumptionMechanism mechanism, bool isStateful = false);

    /// <summary>Server: the policy was asked. For the metrics.</summary>
    public abstract void PolicyAsked(ResumptionStage stage, PolicyEffect effect);

    /// <summary>What holds a secret and may be left over when the handshake ends early: wiped with the connection at the latest.</summary>
    public T Own<T>(T secret)
        where T : IDisposable
    {
        _owned.Add(secret);
        return secret;
    }

    /// <summary>Begins a handshake message.</summary>
    public TlsWriter Begin(HandshakeType type, out int start)
    {
        var writer = new TlsWriter(Messages);
        start = writer.Position;
        writer.UInt8((int)type);
        writer.UInt24(0);
        return writer;
    }

    /// <summary>Ends the message and, unless told otherwise, takes it into the transcript.</summary>
    public ReadOnlySpan<byte> End(int start, bool toTranscript = true)
    {
        Span<byte> message = Messages.Span[start..];
        int length = message.Length - HandshakeMessage.HeaderSize;
        message[1] = (byte)(length >> 16);
        message[2] = unchecked((byte)(length >> 8));
        message[3] = unchecked((byte)length);
        if (Settings.MessageRewriter is { } rewriter)
        {
            byte[] rewritten = rewriter(message.ToArray());
            Messages.Truncate(start);
            Messages.Append(rewritten);
            message = Messages.Span[start..];
        }
        if (toTranscript)
        {
            Transcript.Append(message);
        }
        return message;
    }

    /// <summary>A message that was begun and may still be changed.</summary>
    public Span<byte> Unfinished(int start) => Messages.Span[start..];

    public void Log(string label, ReadOnlySpan<byte> secret)
    {
        if (Settings.KeyLog is { } log)
        {
            Write(log, $"{label} {Convert.ToHexStringLower(ClientRandom)} {Convert.ToHexStringLower(secret)}");
        }

        // Apart, so that a handshake that is not logged makes no delegate.
        static void Write(Action<string> log, string line) => Callback.Call(() => log(line));
    }

    public void LogEarlySecrets(KeySchedule keys)
    {
        Log("CLIENT_EARLY_TRAFFIC_SECRET", keys.ClientEarlySecret);
        Log("EARLY_EXPORTER_SECRET", keys.EarlyExporterSecret);
    }

    public void LogHandshakeSecrets()
    {
        Log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", Keys!.ClientHandshakeSecret);
        Log("SERVER_HANDSHAKE_TRAFFIC_SECRET", Keys.ServerHandshakeSecret);
    }

    public void LogApplicationSecrets()
    {
        Log("CLIENT_TRAFFIC_SECRET_0", Keys!.ClientApplicationSecret);
        Log("SERVER_TRAFFIC_SECRET_0", Keys.ServerApplicationSecret);
        Log("EXPORTER_SECRET", Keys.ExporterSecret);
    }

    public void Negotiated(CipherSuiteInfo suite)
    {
        Info.ProtocolVersion = SslProtocols.Tls13;
        Info.CipherSuite = suite.Suite;
        Transcript.Start(suite.Hash);
        Keys = new KeySchedule(Crypto, suite);
    }

    /// <param name="suite">The suite.</param>
    /// <param name="serverRandom">The server's random.</param>
    /// <param name="keepMessages">Whether a client's CertificateVerify may need the messages themselves.</param>
    public void Negotiated12(CipherSuiteInfo suite, byte[] serverRandom, bool keepMessages)
    {
        Info.ProtocolVersion = SslProtocols.Tls12;
        Info.CipherSuite = suite.Suite;
        Transcript.Start(suite.Hash, keepMessages);
        Keys12 = new KeySchedule12(Crypto, suite, ClientRandom, serverRandom);
    }

    /// <summary>TLS 1.2: both directions, of which one or both wait for their change_cipher_spec.</summary>
    public (RecordProtection Client, RecordProtection Server) MakeProtections12()
    {
        (RecordProtection client, RecordProtection server) = Keys12!.MakeProtections();
        return (Own(client), Own(server));
    }

    /// <summary>A session of this connection.</summary>
    /// <returns><see langword="false"/> where there can be none: its authentication is about to end.</returns>
    public bool TryCreateSession(
        SessionLineage lineage, TimeSpan lifetime, ReadOnlySpan<byte> secret, in SessionHandles handles, [NotNullWhen(true)] out TlsSession? session)
    {
        CipherSuiteInfo suite = Keys?.Suite ?? Keys12!.Suite;
        return TlsSession.TryCreate(
            new TlsSessionState
            {
                IsServer = Info.IsServer,
                ProtocolVersion = Info.ProtocolVersion,
                CipherSuite = suite.Suite,
                Hash = suite.Hash,
                Scope = Settings.Scope,
                Lineage = lineage,
                IssuedAt = Now,
                Lifetime = lifetime,
                ServerName = Info.ServerName,
                TargetHost = Target.Host,
                TargetPort = Target.Port,
                ApplicationProtocol = Info.ApplicationProtocol,
                Group = Info.Group,
                ExtendedMasterSecret = Info.ExtendedMasterSecret && Info.ProtocolVersion == SslProtocols.Tls12,
                OwnCertificateShown = !Info.IsServer && Info.IsMutuallyAuthenticated,
                Ticket = handles.Ticket,
                SessionId = handles.SessionId,
                AgeAdd = handles.AgeAdd,
                MaxEarlyDataSize = handles.MaxEarlyDataSize,
                Zone = handles.Zone,
                ApplicationData = ApplicationData ?? default,
            },
            secret,
            out session);
    }

    public virtual void Dispose()
    {
        Transcript.Dispose();
        Keys?.Dispose();
        Keys12?.Dispose();
        EarlyKeys?.Dispose();
        _owned.ForEach(static secret => secret.Dispose());
        _owned.Clear();
    }
}

/// <summary>By what a session is found again: its ticket (clients) or its ID, with what belongs to a TLS 1.3 ticket.</summary>
internal readonly struct SessionHandles
{
    public ReadOnlyMemory<byte> Ticket { get; init; }

    public ReadOnlyMemory<byte> SessionId { get; init; }

    public uint AgeAdd { get; init; }

    public uint MaxEarlyDataSize { get; init; }

    public ReadOnlyMemory<byte> Zone { get; init; }
}
