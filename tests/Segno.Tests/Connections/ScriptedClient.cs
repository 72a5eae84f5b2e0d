using System.Net.Security;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>A client, played against the server engine.</summary>
internal sealed class ScriptedClient(TlsServerContext context) : ScriptedPeer(new TlsConnection(context))
{
    private readonly KeyExchange _share = Crypto.StartKeyExchange(TlsNamedGroup.X25519);
    private byte[] _secret = [];

    public byte[] Random { get; set; } = RandomBytes(ClientHello.RandomLength);

    public byte[] SessionId { get; set; } = [];

    public ushort[] Suites { get; set; } =
        [.. CipherSuiteInfo.AllTls13.ToArray().Concat(CipherSuiteInfo.AllTls12.ToArray()).Select(suite => (ushort)suite.Suite)];

    public string? ServerName { get; set; } = "localhost";

    /// <summary>The server's hello, once it is read.</summary>
    public ServerHello? Hello { get; private set; }

    public CipherSuiteInfo Suite => CipherSuiteInfo.Find((TlsCipherSuite)Hello!.CipherSuite)!;

    /// <summary>The extensions of a client of TLS 1.2; what a test does not want it takes out.</summary>
    public List<(ExtensionType Type, byte[] Data)> Extensions12 => [.. Common, Extension(ExtensionType.RenegotiationInfo, 0), Extension(ExtensionType.ExtendedMasterSecret)];

    /// <summary>The extensions of a client of TLS 1.3.</summary>
    public List<(ExtensionType Type, byte[] Data)> Extensions13
    {
        get
        {
            byte[] share = new byte[_share.ShareLength];
            _share.WriteShare(share);
            return
            [
                .. Common, Extension(ExtensionType.SupportedVersions, 2, 3, 4),
                Extension(ExtensionType.KeyShare, [0, (byte)(share.Length + 4), 0, 29, 0, (byte)share.Length, .. share]),
                Extension(ExtensionType.PskKeyExchangeModes, 1, 1),
            ];
        }
    }

    private List<(ExtensionType Type, byte[] Data)> Common
    {
        get
        {
            List<(ExtensionType, byte[])> extensions =
            [
                Extension(ExtensionType.SupportedGroups, 0, 6, 0, 29, 0, 23, 0, 24),
                Extension(ExtensionType.SignatureAlgorithms, 0, 4, 4, 3, 8, 4),
            ];
            if (ServerName is { } name)
            {
                byte[] bytes = System.Text.Encoding.ASCII.GetBytes(name);
                extensions.Add(Extension(ExtensionType.ServerName, [0, (byte)(bytes.Length + 3), 0, 0, (byte)bytes.Length, .. bytes]));
            }
            return extensions;
        }
    }

    public byte[] Build(IEnumerable<(ExtensionType Type, byte[] Data)> extensions, int version = 0x0303) => Message(
        HandshakeType.ClientHello,
        writer =>
        {
            writer.UInt16(version);
            writer.Bytes(Random);
            writer.Vector8(SessionId);
            TlsWriter.OpenVector suites = writer.Open(2);
            foreach (ushort suite in Suites)
            {
                writer.UInt16(suite);
            }
            writer.Close(suites);
            writer.Vector8([0]);
            WriteExtensions(writer, extensions);
        });

    public void SendHello(IEnumerable<(ExtensionType Type, byte[] Data)> extensions) => Send(Build(extensions));

    /// <summary>A hello of TLS 1.2 that offers a ticket; an empty one only asks for one.</summary>
    public void SendHello12(byte[]? ticket = null, params (ExtensionType Type, byte[] Data)[] more)
        => SendHello([.. Extensions12, .. ticket is null ? [] : new[] { Extension(ExtensionType.SessionTicket, ticket) }, .. more]);

    /// <summary>A hello of TLS 1.3 with PSKs, each with the binder of its session.</summary>
    /// <param name="sessions">The sessions, in order.</param>
    /// <param name="binders">May change the binders.</param>
    /// <param name="extensions">Other extensions than <see cref="Extensions13"/>.</param>
    public void SendHello13(TlsSession[] sessions, Func<List<byte[]>, List<byte[]>>? binders = null, List<(ExtensionType Type, byte[] Data)>? extensions = null)
        => SendHello13(Array.ConvertAll(sessions, session => new OfferedPsk(session)), binders, extensions);

    /// <summary>A hello of TLS 1.3 with PSKs of any kind.</summary>
    /// <param name="psks">The PSKs, in order.</param>
    /// <param name="binders">May change the binders.</param>
    /// <param name="extensions">Other extensions than <see cref="Extensions13"/>.</param>
    /// <param name="label">What all binders are labelled with, whatever the PSKs are.</param>
    /// <param name="ages">The obfuscated ages of the PSKs; by default 0.</param>
    public void SendHello13(
        OfferedPsk[] psks,
        Func<List<byte[]>, List<byte[]>>? binders = null,
        List<(ExtensionType Type, byte[] Data)>? extensions = null,
        PskKind? label = null,
        Func<OfferedPsk, uint>? ages = null)
    {
        List<byte[]> values = [.. psks.Select(psk => new byte[psk.Hash.Length()])];
        byte[] hello = WithBinders(values);
        int length = 2 + values.Sum(binder => binder.Length + 1);
        for (int i = 0; i < values.Count; i++)
        {
            byte[] psk = new byte[OfferedPsk.MaxSecretLength];
            psk = psk[..psks[i].CopySecret(psk)];
            byte[] hash = new byte[HashKinds.MaxLength];
            ReadOnlySpan<byte> transcript = Transcript.CurrentWith(psks[i].Hash, hello.AsSpan(0, hello.Length - length), hash);
            KeySchedule.ComputeBinder(Crypto, psks[i].Hash, psk, label ?? psks[i].External?.Kind ?? PskKind.Resumption, transcript, values[i]);
        }
        Send(WithBinders(binders?.Invoke(values) ?? values));

        byte[] WithBinders(List<byte[]> list) => Build([.. extensions ?? Extensions13, PreSharedKey(psks.Select(psk => psk.Identity.ToArray()), list, psks.Select(psk => ages?.Invoke(psk) ?? 0))]);
    }

    public static (ExtensionType Type, byte[] Data) PreSharedKey(IEnumerable<byte[]> identities, IEnumerable<byte[]> binders, IEnumerable<uint>? ages = null)
    {
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        TlsWriter.OpenVector list = writer.Open(2);
        foreach ((byte[] identity, uint age) in identities.Zip(ages ?? Enumerable.Repeat(0u, int.MaxValue)))
        {
            writer.Vector16(identity);
            writer.UInt32(age);
        }
        writer.Close(list);
        list = writer.Open(2);
        foreach (byte[] binder in binders)
        {
            writer.Vector8(binder);
        }
        writer.Close(list);
        return Extension(ExtensionType.PreSharedKey, buffer.Span.ToArray());
    }

    public ServerHello ReceiveHello()
    {
        byte[] message = Receive(HandshakeType.ServerHello);
        var all = new HashSet<ExtensionType>(Enum.GetValues<ExtensionType>());
        Hello = ServerHello.Read(new HandshakeMessage(message), all, afterRetry: Hello is { IsRetry: true });
        return Hello;
    }

    /// <summary>A HelloRetryRequest; the transcript begins anew.</summary>
    public ServerHello ReceiveRetry()
    {
        byte[] message = Peek(HandshakeType.ServerHello);
        Hello = ServerHello.Read(new HandshakeMessage(message), new HashSet<ExtensionType>(Enum.GetValues<ExtensionType>()), afterRetry: false);
        Assert.True(Hello.IsRetry);
        Transcript.ReplaceByMessageHash(Suite.Hash);
        Transcript.Append(message);
        return Hello;
    }

    /// <summary>The server's ServerHello of TLS 1.2.</summary>
    public ServerHello ReceiveHello12()
    {
        ServerHello hello = ReceiveHello();
        Keys12 = new KeySchedule12(Crypto, Suite, Random, hello.Random);
        Transcript.Start(Suite.Hash, keepMessages: true);
        return hello;
    }

    /// <summary>All that the server sends before the client's key exchange.</summary>
    public void ReceiveFlight12()
    {
        ReceiveHello12();
        Receive(HandshakeType.Certificate);
        byte[] exchange = Receive(HandshakeType.ServerKeyExchange);
        Assert.Equal((int)TlsNamedGroup.X25519, (exchange[5] << 8) | exchange[6]);
        byte[] secret = new byte[NamedGroups.MaxSecretLength];
        _secret = secret[.._share.Agree(exchange.AsSpan(8, exchange[7]), secret)];
        Receive(HandshakeType.ServerHelloDone);
    }

    public void SendKeyExchange12()
    {
        byte[] share = new byte[_share.ShareLength];
        _share.WriteShare(share);
        Send(Message(HandshakeType.ClientKeyExchange, writer => writer.Vector8(share)));
        Keys12!.Derive(_secret, Hello!.Extensions.Has(ExtensionType.ExtendedMasterSecret) ? Hash() : []);
    }

    /// <summary>Finished for the transcript as it stands, not sent yet.</summary>
    public byte[] MakeFinished12() => Finished12(ofServer: false);

    /// <summary>change_cipher_spec, then Finished under the keys.</summary>
    public void SendFinished12()
    {
        SendChangeCipherSpec();
        ProtectWrites12();
        Send(Finished12(ofServer: false));
    }

    public void ProtectWrites12()
    {
        (RecordProtection client, RecordProtection server) = Keys12!.MakeProtections();
        server.Dispose();
        WriteUnder(client);
    }

    /// <summary>What the server ends the handshake with.</summary>
    /// <returns>The ticket, if one was announced.</returns>
    public byte[]? ReceiveFinished12()
    {
        byte[]? ticket = Hello!.Extensions.Has(ExtensionType.SessionTicket) ? Receive(HandshakeType.NewSessionTicket)[10..] : null;
        ReceiveChangeCipherSpec();
        (RecordProtection client, RecordProtection server) = Keys12!.MakeProtections();
        client.Dispose();
        ReadUnder(server);
        AssertFinished12(ofServer: true);
        return ticket;
    }

    /// <summary>A full handshake of TLS 1.2, from behind the hello.</summary>
    public byte[]? Full12()
    {
        ReceiveFlight12();
        SendKeyExchange12();
        SendFinished12();
        return ReceiveFinished12();
    }

    /// <summary>A resumed handshake of TLS 1.2, from behind the hello.</summary>
    public byte[]? Resume12(TlsSession session)
    {
        ReceiveHello12();
        Keys12!.Resume(session);
        byte[]? ticket = ReceiveFinished12();
        SendFinished12();
        return ticket;
    }

    /// <summary>The server's ServerHello of TLS 1.3, and the keys behind it.</summary>
    public void ReceiveHello13(TlsSession? session = null)
    {
        ServerHello hello = ReceiveHello();
        Assert.True(hello.Extensions.TryGet(ExtensionType.KeyShare, out TlsReader data));
        data.UInt16();
        byte[] secret = new byte[NamedGroups.MaxSecretLength];
        secret = secret[.._share.Agree(data.Vector16(), secret)];
        byte[] psk = new byte[session?.SecretLength ?? 0];
        session?.CopySecret(psk);
        Keys = new KeySchedule(Crypto, Suite);
        Transcript.Start(Suite.Hash);
        Keys.Start(psk);
        Keys.EnterHandshake(secret, Hash());
        ReadUnder(new Tls13Protection(Crypto, Suite, Keys.ServerHandshakeSecret));
        WriteUnder(new Tls13Protection(Crypto, Suite, Keys.ClientHandshakeSecret));
    }

    /// <summary>The server's flight behind its hello.</summary>
    public void ReceiveFlight13(bool resumed = false)
    {
        Receive(HandshakeType.EncryptedExtensions);
        if (!resumed)
        {
            Receive(HandshakeType.Certificate);
            Receive(HandshakeType.CertificateVerify);
        }
        AssertFinished13(Keys!.ServerHandshakeSecret);
        Keys.EnterMain(Hash());
    }

    public void SendFinished13()
    {
        Send(Finished13(Keys!.ClientHandshakeSecret));
        ReadUnder(new Tls13Protection(Crypto, Suite, Keys.ServerApplicationSecret));
        WriteUnder(new Tls13Protection(Crypto, Suite, Keys.ClientApplicationSecret));
        Keys.Finish(Hash());
    }

    public override void Dispose()
    {
        _share.Dispose();
        base.Dispose();
    }
}
