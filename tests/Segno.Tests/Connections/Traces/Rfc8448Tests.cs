using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Connections.Traces;

/// <summary>
/// The traces of RFC 8448 out of the real connection, byte for byte and in both roles: every record, the key log, the ticket's PSK.
/// Messages that have extensions which Segno does not send are put in its mouth ("puts" in the files); ServerHello,
/// CertificateRequest, Certificate, CertificateVerify and Finished are its own.
/// </summary>
public class Rfc8448Tests
{
    private const string ResumptionPsk = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3";

    /// <summary>The signature_algorithms of the traces' CertificateRequest, SHA-1 and DSA included.</summary>
    private static readonly TlsSignatureScheme[] TraceSchemes =
        [.. new[] { 0x0403, 0x0503, 0x0603, 0x0203, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0201, 0x0402, 0x0502, 0x0602, 0x0202 }.Select(scheme => (TlsSignatureScheme)scheme)];

    public static TheoryData<string> Complete => ["simple-1rtt", "hello-retry", "client-authentication", "compatibility-mode"];

    [Theory]
    [MemberData(nameof(Complete))]
    public void AsClient(string name)
    {
        using var client = TracedConnection.AsClient(Trace.Load(name));
        client.Play();
        Assert.Equal(name == "hello-retry", client.Connection.Info.HelloRetried);
        Assert.Equal(name == "client-authentication", client.Connection.Info.LocalCertificate is not null);
    }

    [Theory]
    [MemberData(nameof(Complete))]
    public void AsServer(string name)
    {
        using var server = TracedConnection.AsServer(Trace.Load(name), options =>
        {
            options.TicketCount = name == "simple-1rtt" ? 1 : 0;
            options.SupportedGroups = name == "hello-retry" ? [TlsNamedGroup.P256] : null;
            options.SignatureSchemes = TraceSchemes;
            options.ClientCertificateMode = name == "client-authentication" ? TlsClientCertificateMode.Required : TlsClientCertificateMode.None;
        });
        server.Play();
        Assert.Equal(name == "hello-retry", server.Connection.Info.HelloRetried);
        Assert.Equal(name == "client-authentication" ? "CN=client" : null, server.Connection.Info.RemoteCertificate?.Subject);
    }

    [Fact]
    public void ATraceThatIsNotOursIsTold()
    {
        // The checker, checked: one bit of the trace's ServerHello, and the server no longer repeats it.
        var trace = Trace.Load("simple-1rtt");
        trace.Steps[1].Values[0] = trace.Steps[1].Values[0][..^1] + "5";
        using var server = TracedConnection.AsServer(trace);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(server.Play);
    }

    //
    [Fact]
    public void TheTicketHasThePskOfTheTrace()
    {
        using var client = TracedConnection.AsClient(Trace.Load("simple-1rtt"));
        client.Play();
        TlsSession session = client.Connection.Session!;
        byte[] psk = new byte[32];
        Assert.Equal(32, session.CopySecret(psk));
        Assert.Equal(ResumptionPsk, Convert.ToHexStringLower(psk));
        Assert.Equal(TimeSpan.FromSeconds(30), session.TicketLifetime);
        // The ticket is the identity of the trace that resumes.
        byte[] hello = Trace.Load("resumed").Client.Put(HandshakeType.ClientHello);
        Assert.True(hello.AsSpan().IndexOf(session.Ticket.Span) > 0);
    }

    [Fact]
    public void TheBinderIsThatOfTheTrace()
    {
        using var first = TracedConnection.AsClient(Trace.Load("simple-1rtt"));
        first.Play();
        var trace = Trace.Load("resumed");
        byte[] expected = trace.Client.Put(HandshakeType.ClientHello);
        using var client = TracedConnection.AsClient(trace, options => options.Resume = first.Connection.Session);
        // Our own binder over the trace's hello: the hello is put twice, without its binder and, with what we made of that, again.
        List<byte[]> hellos = [];
        client.Client!.Settings.MessageRewriter = own =>
        {
            hellos.Add(own);
            return hellos.Count == 1 ? [.. expected[..^32], .. new byte[32]] : own;
        };
        client.Connection.Start();
        Assert.Equal(2, hellos.Count);
        Assert.Equal(expected, hellos[1]);
    }

    /// <summary>Up to the server's Finished; what follows is early data, which this server refuses.</summary>
    [Fact]
    public void ResumedAsServer()
    {
        using var server = TracedConnection.AsServer(Trace.Load("resumed"));
        server.Server!.Settings.Sessions = new TraceSessions(server.Server.Settings, Convert.FromHexString(ResumptionPsk));
        server.Play();
        Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), server.Connection.Info.Resumption);
    }

    [Fact]
    public void AnotherSecretMakesAnotherBinder()
    {
        using var server = TracedConnection.AsServer(Trace.Load("resumed"));
        byte[] other = Convert.FromHexString(ResumptionPsk);
        other[0] ^= 1;
        server.Server!.Settings.Sessions = new TraceSessions(server.Server.Settings, other);
        Assert.Equal(TlsFault.PskBinderInvalid, Assert.ThrowsAny<TlsException>(server.Play).Fault);
    }

    /// <summary>A server that knows the trace's ticket: it is none of ours.</summary>
    private sealed class TraceSessions(ServerSettings settings, byte[] psk) : ServerSessions(new TicketKeyRing(), stored: null, settings.Crypto)
    {
        public override ValueTask<LocatedSession> LocateAsync(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity, CancellationToken cancellationToken = default)
        {
            DateTimeOffset now = settings.TimeProvider.GetUtcNow();
            var state = new TlsSessionState
            {
                IsServer = true,
                ProtocolVersion = SslProtocols.Tls13,
                CipherSuite = System.Net.Security.TlsCipherSuite.TLS_AES_128_GCM_SHA256,
                Hash = HashKind.Sha256,
                Scope = settings.Scope,
                Lineage = SessionLineage.Begin(now, TimeSpan.FromDays(1), [], null, null, CryptoProvider.Default),
                IssuedAt = now,
                Lifetime = TimeSpan.FromSeconds(30),
                ServerName = "server",
            };
            Assert.True(TlsSession.TryCreate(state, psk, out TlsSession? session));
            return new ValueTask<LocatedSession>(new LocatedSession(session, mechanism, ResumptionReason.None));
        }
    }
}
