using System.Net.Security;
using System.Security.Authentication;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.ModelFuzz;

/// <summary>A scripted server against a client engine that has a session, or none.</summary>
internal sealed class FuzzedClient(FuzzWorld world, Random random, List<string> steps) : FuzzPlay(world, random, steps)
{
    private FuzzClient _client = null!;
    private ScriptedServer _script = null!;
    private string _host = "";

    /// <summary>Whether the script has shown that it knows the session.</summary>
    private bool _isProved;

    protected override ScriptedPeer Peer => _script;

    private TlsSession? Session => _client.Known?.Session;

    protected override void Open()
    {
        _client = Pick(World.Clients);
        _host = Chance(85) ? FuzzWorld.Host : FuzzWorld.OtherHost;
        _script = new ScriptedServer(_client.Context, _host) { Random = Bytes(32) };
    }

    protected override string Play()
    {
        bool offered13 = _script.Hello.Extensions.Has(ExtensionType.PreSharedKey);
        bool offered12 = Session is { } known && FuzzWorld.IsTls12(known)
            && (known.Ticket.IsEmpty
                ? _script.Hello.SessionId.AsSpan().SequenceEqual(known.SessionId.Span)
                : _script.Hello.Extensions.TryGet(ExtensionType.SessionTicket, out TlsReader ticket) && ticket.Remaining > 0);
        Step($"client with session {Array.IndexOf(World.Sessions, _client.Known)} to {_host}: {(offered13 ? "PSK" : offered12 ? "session of 1.2" : "nothing")} offered");
        if (offered13 || offered12)
        {
            Assert.Equal(FuzzWorld.Host, _host);
            Assert.True(Session is null || Session.ExpiresAt >= World.Clock.Wall, "a session was offered that is over");
        }
        Noise();
        if (Chance(15))
        {
            Retry();
        }
        string ending = Next(100) switch
        {
            < 55 when offered13 => Resume13(Session ?? Pick(World.Sessions).Session),
            < 62 => Resume13(Pick(World.Sessions).Session),
            < 78 when offered12 => Resume12(Session!),
            < 80 => Resume12(Pick(World.Sessions).Session),
            < 83 => Full12(),
            < 87 => Full13(),
            _ => Nonsense(),
        };
        if (Engine.Info.Resumption.IsResumed && Engine.IsHandshakeCompleted)
        {
            Assert.True(_isProved, "a session was resumed by a server that does not know it");
            Assert.Equal(FuzzWorld.Host, _host);
        }
        return ending;
    }

    private void Retry()
    {
        int group = Pick([(int)TlsNamedGroup.P256, (int)TlsNamedGroup.X25519, (int)TlsNamedGroup.P384, 0x2a2a]);
        List<(ExtensionType, byte[])> extensions = [ScriptedServer.Version13];
        if (Chance(85))
        {
            extensions.Add(ScriptedPeer.Extension(ExtensionType.KeyShare, (byte)(group >> 8), (byte)(group & 0xff)));
        }
        if (Chance(30))
        {
            extensions.Add(ScriptedPeer.Extension(ExtensionType.Cookie, 0, 2, 1, 2));
        }
        if (Session is { ProtocolVersion: SslProtocols.Tls13 } session && Chance(80))
        {
            _script.Suite13 = CipherSuiteInfo.Find(session.CipherSuite)!;
        }
        Step($"retry for {group:x}", () => _script.SendRetry([.. extensions]));
        _script.ReceiveHello();
        Noise();
        if (Chance(5))
        {
            Step("second retry", () => _script.SendRetry([.. extensions]));
        }
    }

    private string Resume13(TlsSession session)
    {
        if (FuzzWorld.IsTls12(session) || _script.Hello.KeyShares() is not { Count: > 0 })
        {
            return Nonsense();
        }
        bool isTheirs = ReferenceEquals(session, Session);
        _script.Suite13 = CipherSuiteInfo.Find(session.CipherSuite)!;
        bool isMutated = Chance(5);
        _script.Falsify = (_, message) => isMutated ? Mutated(message) : message;
        InStep = false;
        Step($"resumes {(isTheirs ? "its session" : "another one")}{(isMutated ? ", mutated" : "")}", () => _script.SendHello13(session));
        _script.Falsify = (_, message) => message;
        Noise();
        if (Chance(94))
        {
            Step("EncryptedExtensions", () => _script.SendEncryptedExtensions(Next(20) switch
            {
                0 => [ScriptedPeer.Extension(ExtensionType.ApplicationLayerProtocolNegotiation, 0, 2, 1, (byte)'x')],
                1 => [ScriptedPeer.Extension(ExtensionType.EarlyData)],
                2 => [ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 29)],
                _ => [],
            }));
        }
        Noise();
        if (Chance(5))
        {
            Step("data before Finished", () => _script.SendRecord(ContentType.ApplicationData, 1, 2, 3));
        }
        if (Chance(6))
        {
            Step("certificate in a resumed handshake", _script.SendCertificate13);
        }
        Finish13(isTheirs);
        return "TLS 1.3, resumed, completed";
    }

    private string Full13()
    {
        if (_script.Hello.KeyShares() is not { Count: > 0 })
        {
            return Nonsense();
        }
        InStep = false;
        Step("full handshake", () => _script.SendHello13());
        _script.SendEncryptedExtensions();
        _script.SendCertificate13();
        Noise();
        if (Chance(90))
        {
            Step("CertificateVerify", _script.SendCertificateVerify13);
        }
        Finish13(isProved: true);
        return "TLS 1.3, full, completed";
    }

    private void Finish13(bool isProved)
    {
        bool isFalse = Chance(8);
        _script.Falsify = (_, message) => isFalse ? [.. message[..^1], (byte)(message[^1] ^ 1)] : message;
        Step(isFalse ? "wrong Finished" : "Finished", _script.SendFinished13);
        Assert.False(isFalse, "a wrong Finished was taken");
        _script.Falsify = (_, message) => message;
        _isProved = isProved;
        _script.ReceiveFinished13();
        for (int i = Next(4); i > 0; i--)
        {
            Step("ticket", () => _script.Send(ScriptedServer.Ticket13((uint)Pick([0, 3600, int.MaxValue]), [(byte)i], Bytes(Chance(5) ? 0 : 32))));
        }
        Converse(isTls13: true);
    }

    private string Resume12(TlsSession session)
    {
        if (!FuzzWorld.IsTls12(session))
        {
            return Nonsense();
        }
        InStep = false;
        Step(ReferenceEquals(session, Session) ? "resumes its session of 1.2" : "resumes another session of 1.2", () => _script.Resume12(session));
        _isProved = ReferenceEquals(session, Session);
        _script.ReceiveFinished12();
        Converse(isTls13: false);
        return "TLS 1.2, resumed, completed";
    }

    private string Full12()
    {
        InStep = false;
        byte[]? ticket = Chance(50) ? Bytes(40) : null;
        Step("full handshake of 1.2", () => _script.Full12(Chance(50) ? Bytes(32) : null, ticket, 3600));
        Converse(isTls13: false);
        return "TLS 1.2, full, completed";
    }

    /// <summary>A ServerHello that answers nothing.</summary>
    private string Nonsense()
    {
        List<(ExtensionType, byte[])> extensions = [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, [0, 29, 0, 32, .. Bytes(32)])];
        extensions.RemoveAll(_ => Chance(15));
        (ExtensionType, byte[])[] more =
        [
            ScriptedPeer.Extension(ExtensionType.PreSharedKey, 0, (byte)Next(3)),
            ScriptedPeer.Extension(ExtensionType.ExtendedMasterSecret),
            ScriptedPeer.Extension(ExtensionType.RenegotiationInfo, 0),
            ScriptedPeer.Extension(ExtensionType.SessionTicket),
            ScriptedPeer.Extension(ExtensionType.EarlyData),
        ];
        extensions.AddRange(more.Where(_ => Chance(15)));
        ushort suite = (ushort)Pick([(int)TlsCipherSuite.TLS_AES_128_GCM_SHA256, (int)TlsCipherSuite.TLS_AES_256_GCM_SHA384, (int)_script.Suite12.Suite, 0x1399]);
        byte[] echo = Chance(70) ? _script.Hello.SessionId : Bytes(32);
        Step($"ServerHello {suite:x4}, {string.Join(' ', extensions.Select(extension => extension.Item1))}", () => _script.Send(_script.ServerHello(suite, echo, extensions)));
        InStep = false;
        Noise();
        return "left behind a ServerHello";
    }

    private byte[] Mutated(byte[] message)
    {
        byte[] mutated = [.. message];
        mutated[4 + Next(message.Length - 4)] ^= (byte)(1 << Next(8));
        return mutated;
    }
}
