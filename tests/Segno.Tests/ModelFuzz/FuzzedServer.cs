using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Records;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Connections;

namespace Segno.Tests.ModelFuzz;

/// <summary>A scripted client against a server engine.</summary>
internal sealed class FuzzedServer(FuzzWorld world, Random random, List<string> steps) : FuzzPlay(world, random, steps)
{
    private static readonly (ExtensionType Type, byte[] Data) EarlyData = ScriptedPeer.Extension(ExtensionType.EarlyData);

    private readonly List<KnownSession> _offered = [];
    private FuzzServer _server = null!;
    private ScriptedClient _script = null!;
    private OfferedPsk[] _psks = [];
    private bool _isAltered;
    private bool _isMutated;
    private bool _offersEarly;
    private byte[] _binder = [];
    private List<(ExtensionType Type, byte[] Data)> _first = [];
    private (byte[] Hello, string Binder, FuzzServer Server)? _replayed;

    protected override ScriptedPeer Peer => _script;

    protected override void Open()
    {
        _server = Pick(World.Servers);
        if (World.EarlyHellos.Count > 0 && Chance(8))
        {
            _replayed = Pick(World.EarlyHellos.ToArray());
            _server = Chance(70) ? _replayed.Value.Server : _server;
        }
        string? name = Next(10) switch { 0 => null, 1 or 2 => FuzzWorld.OtherHost, 3 => "LOCALHOST", _ => FuzzWorld.Host };
        _script = new ScriptedClient(_server.Context) { ServerName = name, Random = Bytes(32), SessionId = Chance(50) ? Bytes(32) : [] };
    }

    protected override string Play()
    {
        Step($"server {_server.Scope.Group}, {_server.Scope.Tenant ?? "no tenant"}, {_server.Scope.ClientCertificate}, tickets {_server.Tickets}; name {_script.ServerName}");
        Noise(3);
        return _replayed is { } flight ? Replay(flight.Hello, flight.Binder) : Chance(22) ? Play12() : Play13();
    }

    /// <summary>A first flight of another connection, word for word.</summary>
    private string Replay(byte[] hello, string binder)
    {
        // Whose session it is says its lineage.
        _offered.AddRange(World.Sessions);
        _script.ServerName = FuzzWorld.Host;
        Step("replayed hello", () => _script.Deliver(hello));
        InStep = false;
        if (!Engine.Info.HelloRetried)
        {
            AssertResumption(binder);
        }
        return "replayed";
    }

    private string Play13()
    {
        ChoosePsks();
        _offersEarly = _psks.Length > 0 && Chance(40);
        _first = FirstExtensions();
        SendHello13("hello", _first);
        if (Engine.Info.ProtocolVersion == SslProtocols.Tls12)
        {
            InStep = false;
            return "TLS 1.2 instead";
        }
        bool retried = Engine.Info.HelloRetried;
        if (retried)
        {
            if (_isMutated)
            {
                InStep = false;
                return "mutated hello, retried";
            }
            _script.ReceiveRetry();
            Noise();
            if (_offersEarly && Chance(50))
            {
                Step("early data behind the retry", () => _script.Deliver(WireRecords.Plaintext(WireRecords.ApplicationData, Bytes(17 + Next(80)))));
            }
            _offersEarly = Chance(5);
            if (Chance(10))
            {
                Step("second hello changes its suites", () => _script.Suites = [(ushort)TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256]);
            }
            SendHello13("second hello", Chance(85) ? SecondExtensions() : FirstExtensions());
        }
        AssertResumption(Convert.ToHexString(_binder));
        bool isResumed = Engine.Info.Resumption.IsResumed;
        string kind = $"{(retried ? "retried, " : "")}{(isResumed ? $"resumed by {Engine.Info.Resumption.Mechanism}" : $"full ({Engine.Info.Resumption.Reason})")}";
        KnownSession? known = isResumed ? _offered.Find(IsEngines) : null;
        if (_isMutated || Engine.Info.Group is null || (isResumed && known is null) || (!isResumed && (_server.Scope.ClientCertificate != TlsClientCertificateMode.None || Chance(75))))
        {
            InStep = false;
            return $"{kind}, left";
        }
        Finish13(known);
        return $"{kind}, completed{(Engine.Info.EarlyData.IsAccepted ? " with early data" : "")}";
    }

    /// <summary>From the server's hello to its conversation.</summary>
    private void Finish13(KnownSession? known)
    {
        InStep = false;
        bool acceptsEarly = Engine.Info.EarlyData.IsAccepted;
        if (_offersEarly && !acceptsEarly && Chance(70))
        {
            Step("refused early data", () =>
            {
                for (int i = Next(12); i >= 0; i--)
                {
                    _script.Deliver(WireRecords.Plaintext(WireRecords.ApplicationData, Bytes(17 + Next(40))));
                }
            });
        }
        Tls13Protection? early = acceptsEarly ? EarlyProtection(known!.Session) : null;
        _script.ReceiveHello13(known?.Session);
        _script.ReceiveFlight13(resumed: known is not null);
        // What the server sends from here on is under its application keys, which the script reads behind its own Finished.
        if (early is not null)
        {
            _script.WriteUnder(early);
            for (int left = Next(4); left > 0; left--)
            {
                byte[] data = Bytes(Chance(10) ? FuzzWorld.MaxEarlyData : 20);
                if (Sendable.Count + data.Length <= FuzzWorld.MaxEarlyData)
                {
                    Sendable.AddRange(data);
                }
                Step("early data", () => _script.SendRecord(ContentType.ApplicationData, data));
                Assert.Equal(Sendable, _script.Data);
            }
            Noise();
            if (Chance(90))
            {
                Step("end of early data", () => _script.Send([(byte)HandshakeType.EndOfEarlyData, 0, 0, 0]));
                _script.WriteUnder(new Tls13Protection(ScriptedPeer.Crypto, _script.Suite, _script.Keys!.ClientHandshakeSecret));
            }
        }
        Noise();
        if (Chance(10))
        {
            Step("wrong Finished", () => _script.Falsify = (_, message) => [.. message[..^1], (byte)(message[^1] ^ 1)]);
            TlsException refusal = Assert.ThrowsAny<TlsException>(_script.SendFinished13);
            Assert.False(Engine.IsHandshakeCompleted);
            throw refusal;
        }
        Step("Finished", _script.SendFinished13);
        if (known is not null)
        {
            AssertIdentity(known);
        }
        Converse(isTls13: true);
    }

    /// <summary>Under the early traffic secret (RFC 9846 §7.1); the transcript is that of the hello.</summary>
    private Tls13Protection EarlyProtection(TlsSession session)
    {
        CipherSuiteInfo suite = CipherSuiteInfo.Find(session.CipherSuite)!;
        using var keys = new KeySchedule(ScriptedPeer.Crypto, suite);
        byte[] psk = new byte[session.SecretLength];
        session.CopySecret(psk);
        keys.Start(psk);
        byte[] hash = new byte[HashKinds.MaxLength];
        keys.EnterEarly(_script.Transcript.CurrentWith(suite.Hash, [], hash));
        return new Tls13Protection(ScriptedPeer.Crypto, suite, keys.ClientEarlySecret);
    }

    private void ChoosePsks()
    {
        int count = Next(100) switch { < 20 => 0, < 85 => 1, _ => 2 };
        List<OfferedPsk> psks = [];
        for (int i = 0; i < count; i++)
        {
            KnownSession known = PickSession(SslProtocols.Tls13);
            switch (Next(12))
            {
                case 0:
                    psks.Add(new OfferedPsk(Copy(known.Session, Bytes(1 + Next(200)))));
                    Step("unknown PSK");
                    break;
                case 1:
                    byte[] ticket = known.Session.Ticket.IsEmpty ? [1] : known.Session.Ticket.ToArray();
                    ticket[Next(ticket.Length)] ^= (byte)(1 << Next(8));
                    psks.Add(new OfferedPsk(Copy(known.Session, ticket)));
                    Step("tampered PSK");
                    break;
                case 2:
                    psks.Add(new OfferedPsk(ExternalPskTests.Plain.Keys[0]));
                    Step("external PSK");
                    break;
                default:
                    // Of TLS 1.2, too, which must not cross over.
                    if (known.Session.Ticket.IsEmpty || _offered.Exists(other => other.Lineage == known.Lineage))
                    {
                        continue;
                    }
                    psks.Add(new OfferedPsk(known.Session));
                    _offered.Add(known);
                    Step($"PSK of {Array.IndexOf(World.Sessions, known)}");
                    break;
            }
        }
        _psks = [.. psks.Where(psk => psk.Hash is HashKind.Sha256 or HashKind.Sha384)];
    }

    /// <summary>Mostly one that this server may resume.</summary>
    private KnownSession PickSession(SslProtocols version)
    {
        bool ofScope = Chance(65);
        bool ofVersion = Chance(90);
        bool unspent = Chance(85);
        return Pick(Array.FindAll(
            World.Sessions,
            known => (!ofScope || known.Home.Scope == _server.Scope) && (!ofVersion || known.Session.ProtocolVersion == version) && !(unspent && known.IsSpent)));
    }

    private static TlsSession Copy(TlsSession session, byte[] ticket) => Museum.Exhibits.Copy(session, session.Scope, session.ServerName, ticket);

    private List<(ExtensionType Type, byte[] Data)> FirstExtensions()
    {
        List<(ExtensionType Type, byte[] Data)> extensions = _script.Extensions13;
        switch (Next(20))
        {
            case 0:
            case 1:
                Replace(extensions, ExtensionType.KeyShare, 0, 0);
                break;
            case 2:
                // A group that nobody knows.
                Replace(extensions, ExtensionType.KeyShare, 0, 6, 0x2a, 0x2a, 0, 2, 1, 2);
                Replace(extensions, ExtensionType.SupportedGroups, Chance(80) ? [0, 4, 0x2a, 0x2a, 0, 29] : [0, 2, 0, 29]);
                break;
            case 3:
                byte[] own = extensions.Find(extension => extension.Type == ExtensionType.KeyShare).Data[2..];
                byte[] all = [.. Enumerable.Range(1, 6).SelectMany(i => (byte[])[0x3a, (byte)i, 0, 1, 7]), .. own];
                Replace(extensions, ExtensionType.KeyShare, [0, (byte)all.Length, .. all]);
                Replace(extensions, ExtensionType.SupportedGroups, [0, 14, .. Enumerable.Range(1, 6).SelectMany(i => (byte[])[0x3a, (byte)i]), 0, 29]);
                break;
            case 4 when Chance(30):
                Replace(extensions, ExtensionType.KeyShare);
                break;
            default:
                break;
        }
        if (Chance(10))
        {
            Replace(extensions, ExtensionType.PskKeyExchangeModes, Pick<byte[]>([[1, 0], [2, 0, 1], [2, 7, 1], [1, 7], []]));
        }
        if (Chance(4))
        {
            extensions.RemoveAt(Next(extensions.Count));
        }
        if (Chance(4))
        {
            Replace(extensions, ExtensionType.SupportedVersions, Pick<byte[]>([[2, 3, 3], [4, 3, 3, 3, 4], [2, 3, 2], [4, 0x7a, 0x7a, 3, 4]]));
        }
        if (_offersEarly ? Chance(85) : Chance(40))
        {
            extensions.Add(ScriptedPeer.Extension(ExtensionType.ApplicationLayerProtocolNegotiation, Chance(92) ? [0, 3, 2, (byte)'h', (byte)'2'] : [0, 2, 1, (byte)'x']));
        }
        if (_offersEarly)
        {
            extensions.Add(EarlyData);
        }
        if (Chance(3))
        {
            extensions.Add(((ExtensionType)(0x5000 + Next(100)), Bytes(Next(20))));
        }
        return extensions;
    }

    /// <summary>As the first, but for what a second hello changes.</summary>
    private List<(ExtensionType Type, byte[] Data)> SecondExtensions()
    {
        List<(ExtensionType Type, byte[] Data)> extensions = [.. _first.Where(extension => extension.Type != ExtensionType.EarlyData)];
        Replace(extensions, ExtensionType.KeyShare, _script.Extensions13.Find(extension => extension.Type == ExtensionType.KeyShare).Data);
        if (_offersEarly)
        {
            extensions.Add(EarlyData);
        }
        return extensions;
    }

    private static void Replace(List<(ExtensionType Type, byte[] Data)> extensions, ExtensionType type, params byte[] data)
    {
        int at = extensions.FindIndex(extension => extension.Type == type);
        if (at >= 0)
        {
            extensions[at] = (type, data);
        }
    }

    private void SendHello13(string what, List<(ExtensionType Type, byte[] Data)> extensions)
    {
        int binders = Next(100);
        _isMutated = Chance(3);
        // Of two PSKs only the binder of the one that is taken is looked at.
        _isAltered = binders < 9 || (_isMutated && _psks.Length < 2);
        uint? wrongAge = Chance(15) ? (uint)Next(int.MaxValue) : null;
        _script.Falsify = (_, message) =>
        {
            if (_isMutated)
            {
                message = [.. message];
                message[4 + Next(message.Length - 4)] ^= (byte)(1 << Next(8));
            }
            if (_offersEarly && !_isAltered)
            {
                World.EarlyHellos.Enqueue((WireRecords.Plaintext(WireRecords.Handshake, message), Convert.ToHexString(_binder), _server));
                if (World.EarlyHellos.Count > 8)
                {
                    World.EarlyHellos.Dequeue();
                }
            }
            return message;
        };
        Step($"{what}{(_offersEarly ? " with early data" : "")}, binders {binders}{(_isMutated ? ", mutated" : "")}, extensions {string.Join(' ', extensions.Select(extension => extension.Type))}", () =>
        {
            if (_psks.Length == 0)
            {
                _script.SendHello(extensions);
                return;
            }
            _script.SendHello13(
                _psks,
                list =>
                {
                    _binder = list[0];
                    return binders switch
                    {
                        < 5 => [.. list.Select(binder => (byte[])[.. binder[..^1], (byte)(binder[^1] ^ 1)])],
                        < 7 => [.. list.Select(binder => binder[..^1])],
                        < 8 => list[1..],
                        < 9 => [.. list, list[0]],
                        _ => list,
                    };
                },
                extensions,
                ages: psk => wrongAge ?? (psk.Session is { } session ? TicketAge.Obfuscate(session, World.Clock.Wall) : 0));
        });
        _script.Falsify = (_, message) => message;
    }

    private string Play12()
    {
        KnownSession known = PickSession(SslProtocols.Tls12);
        bool isOffered = Chance(75) && FuzzWorld.IsTls12(known.Session);
        byte[]? ticket = Chance(60) ? [] : null;
        if (isOffered)
        {
            _offered.Add(known);
            _script.SessionId = known.Session.SessionId.ToArray();
            ticket = known.Session.Ticket.IsEmpty ? ticket : known.Session.Ticket.ToArray();
            if (ticket is { Length: > 0 } && Chance(10))
            {
                ticket[Next(ticket.Length)] ^= (byte)(1 << Next(8));
                _isAltered = true;
            }
        }
        else if (Chance(30))
        {
            ticket = Bytes(Next(150));
        }
        List<(ExtensionType Type, byte[] Data)> extensions = _script.Extensions12;
        if (Chance(6))
        {
            extensions.RemoveAt(Next(extensions.Count));
        }
        if (ticket is not null)
        {
            extensions.Add(ScriptedPeer.Extension(ExtensionType.SessionTicket, ticket));
        }
        bool retainsSecret = extensions.Exists(extension => extension.Type == ExtensionType.ExtendedMasterSecret);
        Step($"hello of TLS 1.2{(isOffered ? $", session {Array.IndexOf(World.Sessions, known)}" : "")}, ticket of {ticket?.Length}{(_isAltered ? ", tampered" : "")}", () => _script.SendHello(extensions));
        AssertResumption("");
        if (Engine.Info.Resumption.IsResumed)
        {
            Assert.True(retainsSecret);
            InStep = false;
            _script.ReceiveHello12();
            bool knowsSecret = Chance(80);
            if (knowsSecret)
            {
                _script.Keys12!.Resume(known.Session);
                _script.ReceiveFinished12();
                Noise();
                Step("Finished", _script.SendFinished12);
                AssertIdentity(known);
                Converse(isTls13: false);
                return "TLS 1.2, resumed, completed";
            }
            Step("Finished from zeros");
            TlsException refusal = Assert.ThrowsAny<TlsException>(_script.SendFinished12);
            Assert.False(Engine.IsHandshakeCompleted);
            throw refusal;
        }
        if (_server.Scope.ClientCertificate != TlsClientCertificateMode.None || !retainsSecret || Chance(80))
        {
            InStep = false;
            return "TLS 1.2, full, left";
        }
        InStep = false;
        _script.ReceiveFlight12();
        Noise();
        Step("key exchange", _script.SendKeyExchange12);
        Noise();
        Step("Finished", _script.SendFinished12);
        Converse(isTls13: false);
        return "TLS 1.2, full, completed";
    }

    private bool IsEngines(KnownSession known) => known.Lineage == Engine.Info.LineageId && known.Session.ProtocolVersion == Engine.Info.ProtocolVersion;

    /// <summary>The model: what is resumed was offered, unaltered, is of this scope and name, still lasts, and was not spent.</summary>
    private void AssertResumption(string binder)
    {
        TlsConnectionInfo info = Engine.Info;
        if (info.EarlyData.IsAccepted)
        {
            Assert.True(info.Resumption.IsResumed, "early data without a session");
            Assert.True(World.AcceptedEarly.Add(binder), "early data was accepted twice");
        }
        if (!info.Resumption.IsResumed)
        {
            Assert.Null(info.RemoteCertificate);
            return;
        }
        Assert.False(_isAltered, "an altered offer was taken");
        if (info.Resumption.Mechanism == ResumptionMechanism.ExternalPsk)
        {
            Assert.True(_replayed is not null || Array.Exists(_psks, psk => psk.External is not null), "an external PSK was taken that was not offered");
            return;
        }
        List<KnownSession> candidates = _offered.FindAll(IsEngines);
        Assert.True(candidates.Count > 0, "a session was resumed that was not offered");
        KnownSession known = candidates[0];
        Assert.Equal(known.Home.Scope, _server.Scope);
        Assert.Equal(known.Session.ServerName, _script.ServerName, ignoreCase: true);
        Assert.True(known.Session.ExpiresAt >= World.Clock.Wall, "a session was resumed that was over");
        if (known.IsStateful && candidates.Count == 1)
        {
            Assert.False(known.IsSpent, "a stateful ticket was redeemed twice");
            known.IsSpent = true;
        }
    }

    /// <summary>Who the peer is says the session.</summary>
    private void AssertIdentity(KnownSession known)
        => Assert.Equal(known.Home.Scope.ClientCertificate != TlsClientCertificateMode.None, Engine.Info.RemoteCertificates.Count > 0);
}
