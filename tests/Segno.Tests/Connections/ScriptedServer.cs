using System.Net.Security;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>A server, played against the client engine. The client has started, and its hello is read.</summary>
internal sealed class ScriptedServer : ScriptedPeer
{
    private readonly TestCertificate _certificate = TestPki.Ecdsa("localhost");
    private KeyExchange? _share;

    public ScriptedServer(TlsClientContext context, string host = "localhost", int earlyData = 0)
        : base(new TlsConnection(context, host, 443))
    {
        Engine.Start(earlyData);
        Hello = ReceiveHello();
    }

    /// <summary>The client's last hello.</summary>
    public ClientHello Hello { get; private set; }

    /// <summary>TLS 1.3: the client's first application traffic secret, once the handshake is over.</summary>
    public byte[]? ClientSecret { get; private set; }

    public byte[] Random { get; set; } = RandomBytes(ClientHello.RandomLength);

    public CipherSuiteInfo Suite12 { get; set; } = CipherSuiteInfo.Find(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)!;

    public CipherSuiteInfo Suite13 { get; set; } = CipherSuiteInfo.Find(TlsCipherSuite.TLS_AES_128_GCM_SHA256)!;

    /// <summary>What a server of TLS 1.2 answers by default.</summary>
    /// <summary>The PSK under which <see cref="SendHello13"/> begins where it resumes no session.</summary>
    public byte[] Psk { get; set; } = [];

    public static (ExtensionType Type, byte[] Data)[] Extensions12 =>
        [Extension(ExtensionType.RenegotiationInfo, 0), Extension(ExtensionType.ExtendedMasterSecret)];

    public ClientHello ReceiveHello() => Hello = ClientHello.Read(new HandshakeMessage(Receive(HandshakeType.ClientHello)));

    public byte[] ServerHello(ushort suite, byte[] sessionId, IEnumerable<(ExtensionType Type, byte[] Data)> extensions) => Message(
        HandshakeType.ServerHello,
        writer =>
        {
            Segno.Handshake.Messages.ServerHello.WriteStart(writer, Random, sessionId, suite);
            WriteExtensions(writer, extensions);
        });

    /// <summary>ServerHello of TLS 1.2; by default that of a full handshake without a session ID.</summary>
    public void SendHello12(byte[]? sessionId = null, params (ExtensionType Type, byte[] Data)[] more)
    {
        Keys12 = new KeySchedule12(Crypto, Suite12, Hello.Random, Random);
        Transcript.Start(Suite12.Hash, keepMessages: true);
        Send(ServerHello((ushort)Suite12.Suite, sessionId ?? [], [.. Extensions12, .. more]));
    }

    public void SendCertificate12() => Send(Message(
        HandshakeType.Certificate,
        writer =>
        {
            TlsWriter.OpenVector list = writer.Open(3);
            foreach (byte[] certificate in _certificate.Chain)
            {
                writer.Vector24(certificate);
            }
            writer.Close(list);
        }));

    public void SendKeyExchange12(TlsNamedGroup group = TlsNamedGroup.X25519)
    {
        _share = Crypto.StartKeyExchange(group);
        byte[] point = new byte[_share.ShareLength];
        _share.WriteShare(point);
        byte[] parameters = [3, (byte)((int)group >> 8), (byte)((int)group & 0xff), (byte)point.Length, .. point];
        byte[] signature = new byte[_certificate.Tls.Signer.MaxSignatureLength];
        int length = _certificate.Tls.Signer.SignTls12(TlsSignatureScheme.EcdsaP256Sha256, [.. Hello.Random, .. Random, .. parameters], signature);
        Send(Message(
            HandshakeType.ServerKeyExchange,
            writer =>
            {
                writer.Bytes(parameters);
                writer.UInt16((int)TlsSignatureScheme.EcdsaP256Sha256);
                writer.Vector16(signature.AsSpan(0, length));
            }));
    }

    public void SendHelloDone() => Send(Message(HandshakeType.ServerHelloDone, _ => { }));

    /// <summary>All that a server of TLS 1.2 sends before the client's key exchange.</summary>
    public void SendFlight12(byte[]? sessionId = null, params (ExtensionType Type, byte[] Data)[] more)
    {
        SendHello12(sessionId, more);
        SendCertificate12();
        SendKeyExchange12();
        SendHelloDone();
    }

    /// <summary>The client's key exchange, change_cipher_spec and Finished.</summary>
    public void ReceiveFlight12()
    {
        byte[] exchange = Receive(HandshakeType.ClientKeyExchange);
        Span<byte> premaster = stackalloc byte[NamedGroups.MaxSecretLength];
        int length = _share!.Agree(exchange.AsSpan(5), premaster);
        Keys12!.Derive(premaster[..length], Engine.Info.ExtendedMasterSecret ? Hash() : []);
        ReceiveFinished12();
    }

    public void ReceiveFinished12()
    {
        ReceiveChangeCipherSpec();
        (RecordProtection client, RecordProtection server) = Keys12!.MakeProtections();
        server.Dispose();
        ReadUnder(client);
        AssertFinished12(ofServer: false);
    }

    public void SendTicket12(uint lifetime, byte[] ticket) => Send(Message(
        HandshakeType.NewSessionTicket,
        writer =>
        {
            writer.UInt32(lifetime);
            writer.Vector16(ticket);
        }));

    /// <summary>Finished for the transcript as it stands, not sent yet.</summary>
    public byte[] MakeFinished12() => Finished12(ofServer: true);

    /// <summary>change_cipher_spec, then Finished under the keys.</summary>
    public void SendFinished12()
    {
        SendChangeCipherSpec();
        ProtectWrites12();
        Send(Finished12(ofServer: true));
    }

    public void ProtectWrites12()
    {
        (RecordProtection client, RecordProtection server) = Keys12!.MakeProtections();
        client.Dispose();
        WriteUnder(server);
    }

    /// <summary>A full handshake of TLS 1.2.</summary>
    public void Full12(byte[]? sessionId = null, byte[]? ticket = null, uint lifetime = 0)
    {
        SendFlight12(sessionId, ticket is null ? [] : [Extension(ExtensionType.SessionTicket)]);
        ReceiveFlight12();
        if (ticket is not null)
        {
            SendTicket12(lifetime, ticket);
        }
        SendFinished12();
    }

    /// <summary>A resumed handshake of TLS 1.2, up to the server's Finished.</summary>
    public void Resume12(TlsSession session, params (ExtensionType Type, byte[] Data)[] more)
    {
        Suite12 = CipherSuiteInfo.Find(session.CipherSuite)!;
        SendHello12(Hello.SessionId, more);
        Keys12!.Resume(session);
        SendFinished12();
    }

    /// <summary>key_share of a ServerHello, for the last share of the client's, and the shared secret.</summary>
    public ((ExtensionType Type, byte[] Data) Extension, byte[] Secret) AnswerShare()
    {
        (TlsNamedGroup group, ReadOnlyMemory<byte> theirs) = Hello.KeyShares()![^1];
        byte[] share = new byte[NamedGroups.MaxShareLength];
        byte[] secret = new byte[NamedGroups.MaxSecretLength];
        (int shareLength, int secretLength) = Crypto.AnswerKeyExchange(group, theirs.Span, share, secret);
        return (
            Extension(
                ExtensionType.KeyShare,
                [(byte)((int)group >> 8), (byte)((int)group & 0xff), (byte)(shareLength >> 8), (byte)(shareLength & 0xff), .. share[..shareLength]]),
            secret[..secretLength]);
    }

    /// <summary>ServerHello of TLS 1.3, full or, with a session, resumed.</summary>
    public void SendHello13(TlsSession? session = null, params (ExtensionType Type, byte[] Data)[] more)
    {
        ((ExtensionType, byte[]) share, byte[] secret) = AnswerShare();
        Keys = new KeySchedule(Crypto, Suite13);
        Transcript.Start(Suite13.Hash);
        List<(ExtensionType, byte[])> extensions = [Version13, share, .. more];
        byte[] psk = Psk;
        if (session is not null)
        {
            extensions.Add(Extension(ExtensionType.PreSharedKey, 0, 0));
            psk = new byte[session.SecretLength];
            session.CopySecret(psk);
        }
        byte[] hello = Falsify(HandshakeType.ServerHello, ServerHello((ushort)Suite13.Suite, Hello.SessionId, extensions));
        Transcript.Append(hello);
        Keys.Start(psk);
        Keys.EnterHandshake(secret, Hash());
        Deliver(Seal(ContentType.Handshake, hello));
        ReadUnder(new Tls13Protection(Crypto, Suite13, Keys.ClientHandshakeSecret));
        WriteUnder(new Tls13Protection(Crypto, Suite13, Keys.ServerHandshakeSecret));
    }

    public static (ExtensionType Type, byte[] Data) Version13 => Extension(ExtensionType.SupportedVersions, 3, 4);

    public void SendRetry(params (ExtensionType Type, byte[] Data)[] extensions)
    {
        Transcript.ReplaceByMessageHash(Suite13.Hash);
        Send(Message(
            HandshakeType.ServerHello,
            writer =>
            {
                Segno.Handshake.Messages.ServerHello.WriteStart(writer, [], Hello.SessionId, (ushort)Suite13.Suite);
                WriteExtensions(writer, extensions);
            }));
    }

    public void SendEncryptedExtensions(params (ExtensionType Type, byte[] Data)[] extensions)
        => Send(Message(HandshakeType.EncryptedExtensions, writer => WriteExtensions(writer, extensions)));

    public void SendCertificate13() => Send(Message(
        HandshakeType.Certificate,
        writer =>
        {
            writer.Vector8([]);
            TlsWriter.OpenVector list = writer.Open(3);
            foreach (byte[] certificate in _certificate.Chain)
            {
                writer.Vector24(certificate);
                writer.Vector16([]);
            }
            writer.Close(list);
        }));

    public void SendCertificateVerify13()
    {
        byte[] content = [.. Enumerable.Repeat((byte)0x20, 64), .. "TLS 1.3, server CertificateVerify\0"u8, .. Hash()];
        byte[] signature = new byte[_certificate.Tls.Signer.MaxSignatureLength];
        int length = _certificate.Tls.Signer.Sign(TlsSignatureScheme.EcdsaP256Sha256, content, signature);
        Send(Message(
            HandshakeType.CertificateVerify,
            writer =>
            {
                writer.UInt16((int)TlsSignatureScheme.EcdsaP256Sha256);
                writer.Vector16(signature.AsSpan(0, length));
            }));
    }

    public void SendFinished13()
    {
        Send(Finished13(Keys!.ServerHandshakeSecret));
        Keys.EnterMain(Hash());
        WriteUnder(new Tls13Protection(Crypto, Suite13, Keys.ServerApplicationSecret));
    }

    public void ReceiveFinished13()
    {
        AssertFinished13(Keys!.ClientHandshakeSecret);
        ClientSecret = Keys.ClientApplicationSecret.ToArray();
        ReadUnder(new Tls13Protection(Crypto, Suite13, Keys.ClientApplicationSecret));
        Keys.Finish(Hash());
    }

    /// <summary>A full handshake of TLS 1.3.</summary>
    public void Full13()
    {
        SendHello13();
        SendEncryptedExtensions();
        SendCertificate13();
        SendCertificateVerify13();
        SendFinished13();
        ReceiveFinished13();
    }

    public static byte[] Ticket13(uint lifetime, byte[] nonce, byte[] ticket, params (ExtensionType Type, byte[] Data)[] extensions) => Message(
        HandshakeType.NewSessionTicket,
        writer =>
        {
            writer.UInt32(lifetime);
            writer.UInt32(0x01020304);
            writer.Vector8(nonce);
            writer.Vector16(ticket);
            WriteExtensions(writer, extensions);
        });

    public override void Dispose()
    {
        _share?.Dispose();
        base.Dispose();
    }
}
