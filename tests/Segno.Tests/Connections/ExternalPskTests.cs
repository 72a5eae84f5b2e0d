using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>Handshakes by an external PSK (TLS 1.3), between engines and against scripts.</summary>
public class ExternalPskTests
{
    internal static readonly byte[] Secret = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private static readonly (ExtensionType, byte[]) NoShares = ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 0);

    internal static TlsExternalPsk Plain { get; } = new("client one"u8, Secret);

    internal static TlsExternalPsk Imported { get; } = TlsExternalPsk.Import("client two"u8, Secret, "context"u8);

    private static TlsExternalPsk Unknown { get; } = new("nobody"u8, Secret);

    public static TheoryData<bool, TlsCipherSuite> KindsAndSuites => new()
    {
        { false, TlsCipherSuite.TLS_AES_128_GCM_SHA256 },
        { false, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256 },
        { true, TlsCipherSuite.TLS_AES_128_GCM_SHA256 },
        { true, TlsCipherSuite.TLS_AES_256_GCM_SHA384 },
    };

    /// <summary>An application that knows these PSKs, and looks for them as it should.</summary>
    internal static Func<TlsPskIdentity, CancellationToken, ValueTask<TlsExternalPsk?>> Knows(params TlsExternalPsk[] psks) => (identity, _)
        => ValueTask.FromResult(Array.Find(psks, psk => psk.IsImported == identity.IsImported && psk.Identity.Span.SequenceEqual(identity.ExternalIdentity.Span)));

    /// <summary>A client with these PSKs, and a server without a certificate that knows the same.</summary>
    internal static (TlsClientContext Client, TlsServerContext Server) Contexts(
        TlsExternalPsk[] psks, Action<TlsClientOptions>? configureClient = null, Action<TlsServerOptions>? configureServer = null)
        => HandshakeTests.Contexts(
            o =>
            {
                o.ExternalPsks = psks;
                configureClient?.Invoke(o);
            },
            o =>
            {
                o.ServerCertificates = [];
                o.ExternalPskSelector = Knows(psks);
                configureServer?.Invoke(o);
            });

    [Theory]
    [MemberData(nameof(KindsAndSuites))]
    public void BothSidesAreAuthenticatedByThePskAndTicketsFollow(bool imported, TlsCipherSuite suite)
    {
        TlsExternalPsk psk = imported ? Imported : Plain;
        (TlsClientContext client, TlsServerContext server) = Contexts([psk], o => o.CipherSuites = [suite]);
        for (int i = 0; i < 3; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            ResumptionMechanism mechanism = i == 0 ? ResumptionMechanism.ExternalPsk : ResumptionMechanism.Psk;
            foreach (TlsConnection end in (TlsConnection[])[pair.Client, pair.Server])
            {
                TlsConnectionInfo info = end.Info;
                Assert.Equal(ResumptionOutcome.Resumed(mechanism), info.Resumption);
                Assert.Equal((SslProtocols.Tls13, suite), (info.ProtocolVersion, info.CipherSuite));
                Assert.NotNull(info.Group);
                // Who it is, on resumption too.
                Assert.Equal(psk.Identity.ToArray(), info.ExternalPskIdentity!.ExternalIdentity.ToArray());
                Assert.Equal(psk.Context.ToArray(), info.ExternalPskIdentity.Context.ToArray());
                Assert.Equal(imported, info.ExternalPskIdentity.IsImported);
                Assert.Equal(i, info.ResumptionCount);
                Assert.Equal(i == 0, info.SessionAge is null);
                Assert.NotNull(info.LineageId);
                Assert.NotEqual(default, info.AuthenticatedAt);
                // And no certificate of anybody.
                Assert.Null(info.RemoteCertificate);
                Assert.Null(info.LocalCertificate);
                Assert.Null(info.RemoteSignatureScheme);
                Assert.False(info.IsMutuallyAuthenticated);
            }
            pair.Send(pair.Client, "ping"u8);
            pair.Send(pair.Server, "pong"u8);
            pair.Run();
            Assert.Equal("ping"u8.ToArray(), pair.AtServer);
            Assert.Equal("pong"u8.ToArray(), pair.AtClient);
        }
    }

    [Fact]
    public void ItCostsNoSignature()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts([Plain]);
        CryptoCounters.Current.Reset();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal((0, 0, 2), (CryptoCounters.Current.Signatures, CryptoCounters.Current.Verifications, CryptoCounters.Current.KeyAgreements));
    }

    /// <summary>R-92: one identity, its bytes, and an age of 0, which servers ignore.</summary>
    [Fact]
    public void TheHelloOffersTheIdentityWithoutAnAge()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts([Plain]);
        EnginePair.Connect(client, server).Dispose();
        // A ticket is there as well, and goes first.
        using var script = new ScriptedServer(client);
        script.Hello.ReadPreSharedKeys();
        Assert.Equal(2, script.Hello.Identities.Count);
        Assert.Equal("client one"u8.ToArray(), script.Hello.Identities[1].Identity.ToArray());
        Assert.Equal(0u, script.Hello.Identities[1].ObfuscatedAge);
        Assert.NotEqual(0u, script.Hello.Identities[0].ObfuscatedAge);
    }

    /// <summary>What a client of PSKs alone would refuse it does not ask for.</summary>
    [Fact]
    public void AClientThatTakesNoCertificateAsksForNone()
    {
        ExtensionType[] ofCertificates =
            [ExtensionType.SignatureAlgorithms, ExtensionType.StatusRequest, ExtensionType.CompressCertificate, ExtensionType.CertificateAuthorities];
        foreach (bool allow in (bool[])[false, true])
        {
            (TlsClientContext client, _) = Contexts([Plain], o => (o.AllowCertificateInsteadOfPsk, o.ServerCertificateAuthorities) = (allow, [TestPki.Root.Certificate.SubjectName.RawData]));
            using var script = new ScriptedServer(client);
            Assert.All(ofCertificates, type => Assert.Equal(allow, script.Hello.Extensions.Has(type)));
            Assert.Equal(allow, script.Hello.Offers(SslProtocols.Tls12));
            Assert.True(script.Hello.Offers(SslProtocols.Tls13));
        }
    }

    /// <summary>External PSKs are no resumption: they work where that is off.</summary>
    [Fact]
    public void WithoutResumptionItWorksAndGivesNoTicket()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts([Plain], o => o.AllowTlsResume = false, o => o.AllowTlsResume = false);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.ExternalPsk), pair.Server.Info.Resumption);
            Assert.Null(pair.Client.Session);
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void WithoutAKeyExchangeOnlyWhereBothSidesSaySo(bool client, bool server)
    {
        (TlsClientContext clientContext, TlsServerContext serverContext) = Contexts(
            [Plain], o => o.AllowPskWithoutKeyExchange = client, o => o.AllowPskWithoutKeyExchange = server);
        using EnginePair pair = EnginePair.Connect(clientContext, serverContext);
        Assert.Equal(client && server, pair.Client.Info.Group is null);
        Assert.Equal(ResumptionMechanism.ExternalPsk, pair.Client.Info.Resumption.Mechanism);
    }

    /// <summary>R-89: with a key exchange, unless the client offered to do without.</summary>
    [Fact]
    public void AServerHelloWithoutKeyShareIsRefused()
    {
        (TlsClientContext client, _) = Contexts([Plain]);
        using var script = new ScriptedServer(client);
        script.AssertRefused(TlsFault.PskWithoutKeyShare, TlsAlert.MissingExtension, () => script.Send(script.ServerHello(
            (ushort)script.Suite13.Suite, script.Hello.SessionId, [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.PreSharedKey, 0, 0)])));
    }

    [Theory]
    [InlineData(1, TlsFault.PskHashMismatch)]
    [InlineData(2, TlsFault.PskIdentityOutOfRange)]
    [InlineData(0xffff, TlsFault.PskIdentityOutOfRange)]
    public void TheServerSelectsOneOfThoseOfferedWithItsHash(int index, TlsFault fault)
    {
        // 0 is for SHA-256, 1 for SHA-384.
        (TlsClientContext client, _) = Contexts([Imported]);
        using var script = new ScriptedServer(client);
        script.AssertRefused(fault, TlsAlert.IllegalParameter, () => script.Send(script.ServerHello(
            (ushort)script.Suite13.Suite,
            script.Hello.SessionId,
            [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.PreSharedKey, (byte)(index >> 8), (byte)(index & 0xff))])));
    }

    [Theory]
    [InlineData(false, TlsCipherSuite.TLS_AES_128_GCM_SHA256)]
    [InlineData(true, TlsCipherSuite.TLS_AES_128_GCM_SHA256)]
    [InlineData(true, TlsCipherSuite.TLS_AES_256_GCM_SHA384)]
    public void WithARetryTheBindersAreMadeAnew(bool imported, TlsCipherSuite suite)
    {
        // Three PSKs, of which the hash of the HelloRetryRequest leaves some.
        TlsExternalPsk psk = imported ? Imported : Plain;
        (TlsClientContext client, TlsServerContext server) = Contexts(
            [Unknown384, psk], o => o.KeyShareGroups = [], o => (o.CipherSuites, o.ExternalPskSelector) = ([suite], Knows(psk)));
        foreach (ResumptionMechanism mechanism in (ResumptionMechanism[])[ResumptionMechanism.ExternalPsk, ResumptionMechanism.Psk])
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.True(pair.Client.Info.HelloRetried);
            Assert.Equal(ResumptionOutcome.Resumed(mechanism), pair.Server.Info.Resumption);
            Assert.Equal(ResumptionOutcome.Resumed(mechanism), pair.Client.Info.Resumption);
        }
    }

    [Fact]
    public void ARetryThatLeavesNoPskEndsAClientOfPsksAlone()
    {
        (TlsClientContext client, _) = Contexts([Plain]);
        using var script = new ScriptedServer(client) { Suite13 = CipherSuiteInfo.Find(TlsCipherSuite.TLS_AES_256_GCM_SHA384)! };
        script.AssertRefused(
            TlsFault.ExternalPskNotSelected,
            TlsAlert.HandshakeFailure,
            () => script.SendRetry(ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 24)));
    }

    [Fact]
    public void ASecondHelloWithoutThePskIsRefused()
    {
        (_, TlsServerContext server) = Contexts([Plain]);
        using var script = new ScriptedClient(server);
        script.SendHello13([Offered(Plain)], extensions: WithoutShares(script));
        script.ReceiveRetry();
        script.AssertRefused(TlsFault.PskChangedAfterRetry, TlsAlert.IllegalParameter, () => script.SendHello(script.Extensions13));
    }

    /// <summary>The first binder was right, so nothing but the second can be what is wrong.</summary>
    [Fact]
    public void ASecondHelloWithAWrongBinderIsRefused()
    {
        (_, TlsServerContext server) = Contexts([Plain]);
        using var script = new ScriptedClient(server);
        script.SendHello13([Offered(Plain)], extensions: WithoutShares(script));
        script.ReceiveRetry();
        script.AssertRefused(TlsFault.PskBinderInvalid, TlsAlert.DecryptError, () => script.SendHello13([Offered(Plain)], Spoiled));
    }

    /// <summary>The hash of an external PSK has a say in the suite (RFC 9846 §4.3.11).</summary>
    [Fact]
    public void APskOfAnotherHashChangesTheSuite()
    {
        var psk = new TlsExternalPsk("client one"u8, Secret, HashAlgorithmName.SHA384);
        (TlsClientContext client, TlsServerContext server) = Contexts([psk]);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(TlsCipherSuite.TLS_AES_256_GCM_SHA384, pair.Server.Info.CipherSuite);
        }
        // Also where a HelloRetryRequest names it.
        (client, server) = Contexts([psk], o => o.KeyShareGroups = []);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal((TlsCipherSuite.TLS_AES_256_GCM_SHA384, true), (pair.Server.Info.CipherSuite, pair.Server.Info.HelloRetried));
        }
        // A server that has no such suite cannot use it.
        (client, server) = Contexts([psk], null, o => o.CipherSuites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256]);
        AssertFails(client, server, TlsFault.ExternalPskUnknown);
    }

    /// <summary>Imported for both hashes, in whatever order: the server's favourite suite is taken.</summary>
    [Fact]
    public void AnImportedPskFitsTheServersFavouriteSuite()
    {
        foreach (TlsCipherSuite favourite in (TlsCipherSuite[])[TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_AES_256_GCM_SHA384])
        {
            (TlsClientContext client, TlsServerContext server) = Contexts(
                [Imported], null, o => o.CipherSuites = [favourite, TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_AES_256_GCM_SHA384]);
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(favourite, pair.Client.Info.CipherSuite);
        }
        // One that was imported for the other alone is better than none.
        using var script = new ScriptedClient(Contexts([Imported]).Server);
        script.SendHello13([new OfferedPsk(Imported.Keys[1])]);
        Assert.Equal((ushort)TlsCipherSuite.TLS_AES_256_GCM_SHA384, script.ReceiveHello().CipherSuite);
    }

    [Fact]
    public void TheFirstKnownIdentityIsTakenAndTheIndexSaysWhich()
    {
        (_, TlsServerContext server) = Contexts([Plain]);
        using var script = new ScriptedClient(server);
        script.SendHello13([Offered(Unknown), Offered(Plain)]);
        Assert.True(script.ReceiveHello().Extensions.TryGet(ExtensionType.PreSharedKey, out TlsReader selected));
        Assert.Equal(1, selected.UInt16());
    }

    /// <summary>Two look-ups for a hello, whatever it offers; what cannot be taken anyhow is not looked up.</summary>
    [Fact]
    public void TheApplicationIsAskedForTwoIdentitiesAtMost()
    {
        List<string> asked = [];
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o =>
        {
            o.CipherSuites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256];
            o.ExternalPskSelector = (identity, _) =>
            {
                asked.Add(System.Text.Encoding.ASCII.GetString(identity.ExternalIdentity.Span));
                return Knows(Plain)(identity, default);
            };
        });
        Assert.Equal(2, ExternalPskSelection.MaxAsked);
        foreach (int before in (int[])[1, 2])
        {
            asked.Clear();
            using var script = new ScriptedClient(server);
            // Those for SHA-384 do not count: this server has no suite of that hash.
            script.SendHello13([new OfferedPsk(Imported.Keys[1]), .. Enumerable.Repeat(Offered(Unknown), before), Offered(Plain)]);
            Assert.Equal(before == 1 ? ["nobody", "client one"] : ["nobody", "nobody"], asked);
            Assert.Equal(before == 1, script.ReceiveHello().Extensions.Has(ExtensionType.PreSharedKey));
        }
    }

    /// <summary>R-91a: what opens as a ticket is no PSK, and costs no look-up; a declined one keeps its reason.</summary>
    [Fact]
    public void ADeclinedTicketIsNotLookedUp()
    {
        int asked = 0;
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ExternalPskSelector = (identity, _) =>
        {
            asked++;
            return Knows(Plain)(identity, default);
        });
        TlsSession session = Museum.Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server) { ServerName = "other.example" })
        {
            script.SendHello13([new OfferedPsk(session), Offered(Unknown), Offered(Plain)]);
            Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.ExternalPsk), script.Engine.Info.Resumption);
            Assert.Equal(2, asked);
        }
        Assert.Equal(ResumptionReason.ServerNameMismatch, Museum.Exhibits.Redeem(server, session, "other.example").Reason);
        // A ticket of a key that is gone has still the form of one.
        (_, TlsServerContext restarted) = HandshakeTests.Contexts(null, o => o.ExternalPskSelector = Knows(Plain));
        Assert.Equal(ResumptionReason.UnknownTicketKey, Museum.Exhibits.Redeem(restarted, session).Reason);
    }

    /// <summary>Eight identities are looked at.</summary>
    [Theory]
    [InlineData(7, true)]
    [InlineData(8, false)]
    public void TheNinthIdentityIsNotLookedAt(int before, bool found)
    {
        // Imported for nothing that anybody has: none of them is looked up.
        var other = new ExternalPskKey(new TlsPskIdentity(Convert.FromHexString("000169000003040009")), HashKind.Sha256, PskKind.Imported, Secret);
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ExternalPskSelector = Knows(Plain));
        using var script = new ScriptedClient(server);
        script.SendHello13([.. Enumerable.Repeat(new OfferedPsk(other), before), Offered(Plain)]);
        Assert.Equal(found, script.ReceiveHello().Extensions.Has(ExtensionType.PreSharedKey));
    }

    [Fact]
    public void TheSelectorMayPause()
    {
        var answer = new TaskCompletionSource<TlsExternalPsk?>();
        (TlsClientContext client, TlsServerContext server) = Contexts([Plain], null, o => o.ExternalPskSelector = (_, _) => new ValueTask<TlsExternalPsk?>(answer.Task));
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        var hello = new System.Buffers.ArrayBufferWriter<byte>();
        pair.Client.Flush(hello);
        byte[] bytes = hello.WrittenSpan.ToArray();
        int consumed = pair.Server.Receive(bytes, new byte[1000]).Consumed;
        Assert.Equal(bytes.Length, consumed);
        Assert.NotNull(pair.Server.Pending);
        answer.SetResult(Plain);
        pair.Run();
        Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.ExternalPsk), pair.Client.Info.Resumption);
    }

    [Fact]
    public void ASelectorThatFailsEndsTheHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts([Plain], null, o => o.ExternalPskSelector = (_, _) => throw new InvalidOperationException("down"));
        AssertFails(client, server, TlsFault.CallbackFailed, TlsAlert.InternalError);
    }

    /// <summary>Unknown here, the wrong secret there: who tries identities sees the same (RFC 9846 appendix F.6).</summary>
    [Fact]
    public void AServerWithoutCertificatesDoesNotSayWhichIdentitiesItKnows()
    {
        (_, TlsServerContext server) = Contexts([Plain]);
        List<byte[]> answers = [];
        foreach ((TlsExternalPsk psk, TlsFault fault) in (IEnumerable<(TlsExternalPsk, TlsFault)>)
            [(Unknown, TlsFault.ExternalPskUnknown), (new TlsExternalPsk(Plain.Identity.Span, Other), TlsFault.PskBinderInvalid)])
        {
            using var script = new ScriptedClient(server);
            Assert.Equal(fault, Assert.ThrowsAny<TlsException>(() => script.SendHello13([Offered(psk)])).Fault);
            answers.Add(script.ReadRaw());
            Assert.True(script.IsQuiet());
        }
        Assert.Equal(answers[0], answers[1]);
        Assert.Equal([2, (byte)TlsAlert.DecryptError], answers[0][5..]);
    }

    /// <summary>With a certificate, an unknown identity is ignored, and a wrong binder is fatal .</summary>
    [Fact]
    public void AServerWithACertificateGoesOnWithoutThePsk()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.ExternalPsks, o.AllowCertificateInsteadOfPsk) = ([Unknown], true), o => o.ExternalPskSelector = Knows(Plain));
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.ExternalPsk, ResumptionReason.ExternalPskUnknown), pair.Server.Info.Resumption);
            Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.ExternalPsk, ResumptionReason.DeclinedByServer), pair.Client.Info.Resumption);
            Assert.NotNull(pair.Client.Info.RemoteCertificate);
            Assert.Null(pair.Client.Info.ExternalPskIdentity);
            Assert.Null(pair.Server.Info.ExternalPskIdentity);
        }
        using var script = new ScriptedClient(server);
        script.AssertRefused(TlsFault.PskBinderInvalid, TlsAlert.DecryptError, () => script.SendHello13([Offered(Plain)], Spoiled));
    }

    [Fact]
    public void AClientOfPsksAloneTakesNoCertificate()
    {
        (TlsClientContext client, _) = Contexts([Plain]);
        using (var script = new ScriptedServer(client))
        {
            script.AssertRefused(
                TlsFault.ExternalPskNotSelected,
                TlsAlert.HandshakeFailure,
                () => script.Send(script.ServerHello((ushort)script.Suite13.Suite, script.Hello.SessionId, [ScriptedServer.Version13])));
        }
        using var old = new ScriptedServer(client);
        old.AssertRefused(TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion, () => old.Send(old.ServerHello((ushort)old.Suite12.Suite, [], [])));
    }

    [Fact]
    public void AServerOfPsksAloneRefusesTheOthersByName()
    {
        (_, TlsServerContext server) = Contexts([Plain]);
        using (var script = new ScriptedClient(server))
        {
            script.AssertRefused(TlsFault.NoSuitableCertificate, TlsAlert.HandshakeFailure, () => script.SendHello(script.Extensions13));
        }
        using (var script = new ScriptedClient(server))
        {
            script.AssertRefused(TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion, () => script.SendHello12());
        }
        // Where psk_dhe_ke is not offered, no PSK can be taken.
        using (var script = new ScriptedClient(server))
        {
            List<(ExtensionType Type, byte[] Data)> extensions = [.. script.Extensions13];
            extensions[extensions.FindIndex(extension => extension.Type == ExtensionType.PskKeyExchangeModes)] = ScriptedPeer.Extension(ExtensionType.PskKeyExchangeModes, 1, 0);
            script.AssertRefused(TlsFault.NoSuitableCertificate, TlsAlert.HandshakeFailure, () => script.SendHello13([Offered(Plain)], extensions: extensions));
        }
    }

    /// <summary>The server asks nobody for a certificate whose PSK it takes (RFC 9846 §4.4.2), and a client takes no such request (D16).</summary>
    [Theory]
    [InlineData(TlsClientCertificateMode.Optional)]
    [InlineData(TlsClientCertificateMode.Required)]
    public void NoClientCertificateIsAskedFor(TlsClientCertificateMode mode)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.ExternalPsks, o.ClientCertificate) = ([Plain], TestPki.ClientEcdsa().Tls),
            o => (o.ExternalPskSelector, o.ClientCertificateMode, o.AllowPskInsteadOfClientCertificate, o.CertificateChainPolicy) =
                (Knows(Plain), mode, true, TestPki.TrustRoot()));
        foreach (ResumptionMechanism mechanism in (ResumptionMechanism[])[ResumptionMechanism.ExternalPsk, ResumptionMechanism.Psk])
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(ResumptionOutcome.Resumed(mechanism), pair.Server.Info.Resumption);
            Assert.Null(pair.Server.Info.RemoteCertificate);
            Assert.Null(pair.Client.Info.LocalCertificate);
            Assert.False(pair.Server.Info.IsMutuallyAuthenticated);
        }
        // Who has no PSK still needs a certificate where one is required.
        (TlsClientContext stranger, _) = HandshakeTests.Contexts();
        using var other = new EnginePair(stranger, server);
        other.Client.Start();
        if (mode == TlsClientCertificateMode.Required)
        {
            Assert.Equal(TlsFault.CertificateMissing, Assert.ThrowsAny<TlsException>(other.Run).Fault);
        }
        else
        {
            other.Run();
            Assert.True(other.Server.IsHandshakeCompleted);
        }
    }

    [Fact]
    public void RequiringCertificatesAndKnowingPsksIsAContradictionUnlessSaid()
    {
        Assert.Contains("AllowPskInsteadOfClientCertificate", Assert.Throws<ArgumentException>(() => HandshakeTests.Contexts(
            null, o => (o.ExternalPskSelector, o.ClientCertificateMode) = (Knows(Plain), TlsClientCertificateMode.Required))).Message, StringComparison.Ordinal);
    }

    /// <summary>A session that a PSK began does not outlive that PSK: the application is asked again.</summary>
    [Theory]
    [InlineData("the same", null)]
    [InlineData("removed", ResumptionReason.ExternalPskUnknown)]
    [InlineData("another secret", ResumptionReason.ExternalPskUnknown)]
    [InlineData("no selector", ResumptionReason.ExternalPskUnknown)]
    public void ASessionIsDeclinedWhereItsPskIsNotKnownAnyMore(string what, ResumptionReason? reason)
    {
        (TlsClientContext client, TlsServerContext issuer) = Contexts([Plain], null, o => (o.Group, o.ServerCertificates) = ("g", [TestPki.Ecdsa("localhost").Tls]));
        TlsSession session;
        using (EnginePair pair = EnginePair.Connect(client, issuer))
        {
            session = pair.Client.Session!;
        }
        (_, TlsServerContext redeemer) = HandshakeTests.Contexts(null, o =>
        {
            o.Group = "g";
            o.ExternalPskSelector = what switch
            {
                "the same" => Knows(new TlsExternalPsk(Plain.Identity.Span, Secret)),
                "removed" => Knows(Unknown),
                "another secret" => Knows(new TlsExternalPsk(Plain.Identity.Span, Other)),
                _ => null,
            };
        });
        Museum.Exhibits.ShareSessions(issuer, redeemer);
        Assert.Equal(
            reason is { } declined ? ResumptionOutcome.Declined(ResumptionMechanism.Psk, declined) : ResumptionOutcome.Resumed(ResumptionMechanism.Psk),
            Museum.Exhibits.Redeem(redeemer, session));
    }

    /// <summary>Where certificates are required and PSKs do not stand in for them any more, neither do the sessions they began.</summary>
    [Fact]
    public void APskSessionIsNoClientCertificate()
    {
        (TlsClientContext client, TlsServerContext issuer) = Contexts(
            [Plain], null, o => (o.Group, o.ClientCertificateMode, o.AllowPskInsteadOfClientCertificate) = ("g", TlsClientCertificateMode.Required, true));
        using EnginePair pair = EnginePair.Connect(client, issuer);
        (_, TlsServerContext redeemer) = HandshakeTests.Contexts(null, o => (o.Group, o.ClientCertificateMode) = ("g", TlsClientCertificateMode.Required));
        Museum.Exhibits.ShareSessions(issuer, redeemer);
        Assert.Equal(
            ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.ClientCertificateRequired), Museum.Exhibits.Redeem(redeemer, pair.Client.Session!));
    }

    /// <summary>A client's sessions are in the scope of its PSKs, and of whether a certificate would have done.</summary>
    [Theory]
    [InlineData("other PSK")]
    [InlineData("other secret")]
    [InlineData("no PSK")]
    [InlineData("or a certificate")]
    public void AClientWithOtherPsksDoesNotOfferTheSession(string what)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts([Plain], null, o => (o.ServerCertificates, o.Group) = ([TestPki.Ecdsa("localhost").Tls], "g"));
        using EnginePair first = EnginePair.Connect(client, server);
        (TlsClientContext other, _) = HandshakeTests.Contexts(o =>
        {
            o.Resume = first.Client.Session;
            o.AllowCertificateInsteadOfPsk = true;
            o.ExternalPsks = what switch
            {
                "other PSK" => [Unknown],
                "other secret" => [new TlsExternalPsk(Plain.Identity.Span, Other)],
                "no PSK" => null,
                _ => [Plain],
            };
        });
        using var script = new ScriptedServer(other);
        script.Hello.ReadPreSharedKeys();
        Assert.Equal(what == "no PSK" ? 0 : 1, script.Hello.Identities.Count);
        Assert.DoesNotContain(script.Hello.Identities, identity => identity.Identity.Span.SequenceEqual(first.Client.Session!.Ticket.Span));
    }

    [Fact]
    public void AClientsListIsChecked()
    {
        TlsExternalPsk[] different = [.. Enumerable.Range(1, 5).Select(i => new TlsExternalPsk([(byte)i], [.. Secret, (byte)i]))];
        Contexts(different[..4]);
        AssertRefused("more than 4", different);
        AssertRefused("same identity", [Plain, new TlsExternalPsk(Plain.Identity.Span, Other)]);
        // one PSK for one pair, one hash, one use; R-91: not imported and as it is.
        AssertRefused("same secret", [Plain, new TlsExternalPsk("another"u8, Secret)]);
        AssertRefused("same secret", [Plain, new TlsExternalPsk("another"u8, Secret, HashAlgorithmName.SHA384)]);
        AssertRefused("same secret", [Plain, Imported]);
        AssertRefused("no cipher suite", [Unknown384], o => o.CipherSuites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256]);
        Contexts([new TlsExternalPsk(new byte[32768], Secret)]);
        AssertRefused("32768", [new TlsExternalPsk(new byte[32769], Secret)]);
        // no PSK of ours is ever used in TLS 1.2.
        AssertRefused("TLS 1.3", [Plain], o => o.EnabledSslProtocols = SslProtocols.Tls12);
        Assert.Contains("TLS 1.3", Assert.Throws<ArgumentException>(() => Contexts([], null, o => (o.ExternalPskSelector, o.EnabledSslProtocols) = (Knows(Plain), SslProtocols.Tls12))).Message, StringComparison.Ordinal);

        static void AssertRefused(string why, TlsExternalPsk[] psks, Action<TlsClientOptions>? configure = null)
            => Assert.Contains(why, Assert.Throws<ArgumentException>(() => Contexts(psks, configure)).Message, StringComparison.Ordinal);
    }

    /// <summary>The longest identities still make a hello that a server takes.</summary>
    [Fact]
    public void TheLongestIdentityWorksAndGetsNoTicket()
    {
        var psk = new TlsExternalPsk([.. Enumerable.Range(0, 32768).Select(i => (byte)(i & 0xff))], Secret);
        (TlsClientContext client, TlsServerContext server) = Contexts([psk]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionMechanism.ExternalPsk, pair.Server.Info.Resumption.Mechanism);
        // It would not fit: a ticket names the PSK that it rests on.
        Assert.Null(pair.Client.Session);
    }

    private static TlsExternalPsk Unknown384 { get; } = new("nobody"u8, Other, HashAlgorithmName.SHA384);

    private static byte[] Other => [.. Secret.Reverse()];

    private static OfferedPsk Offered(TlsExternalPsk psk) => new(psk.Keys[0]);

    private static List<byte[]> Spoiled(List<byte[]> binders) => [[.. binders[0][..^1], (byte)(binders[0][^1] ^ 1)]];

    private static List<(ExtensionType Type, byte[] Data)> WithoutShares(ScriptedClient script)
        => [.. script.Extensions13.Where(extension => extension.Type != ExtensionType.KeyShare), NoShares];

    private static void AssertFails(TlsClientContext client, TlsServerContext server, TlsFault fault, TlsAlert alert = TlsAlert.DecryptError)
    {
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((fault, alert), (thrown.Fault, thrown.Alert));
    }
}
