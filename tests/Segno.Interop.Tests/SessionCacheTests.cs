using System.Security.Authentication;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;

namespace Segno.Interop.Tests;

/// <summary>Ten thousand TLS 1.2 sessions in a server's cache: which ones are still there is what openssl is told.</summary>
public sealed partial class SessionCacheTests
{
    private const int Sessions = 10_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_oldest_goes_for_the_newest_and_the_expired_are_gone()
    {
        LaterClock clock = new();
        using MemorySessionStore store = new(Sessions, maxBytes: 1L << 30, timeProvider: clock);
        TlsServerOptions options = Make.Server(Make.Certificate("ecdsa"), SslProtocols.Tls12);
        options.TicketCount = 0;
        options.SessionStore = store;
        options.Group = "test";
        options.TimeProvider = clock;
        await using SegnoServer server = new(options, Exchange.HelloAsync);
        using Scratch scratch = Make.Scratch();

        string first = await ConnectAsync(scratch, server, "first");
        string second = await ConnectAsync(scratch, server, "second");
        await FillAsync(server, Sessions - 2);
        Assert.Equal(Sessions, store.Count);

        // All fit. The first is used and stays; as many new ones take the place of all that nobody came back for, oldest first.
        Assert.True(await ResumesAsync(scratch, server, first));
        await FillAsync(server, Sessions);
        Assert.Equal(Sessions, store.Count);
        Assert.False(await ResumesAsync(scratch, server, second));
        Assert.True(await ResumesAsync(scratch, server, first));

        clock.Ahead = options.Tls12SessionLifetime - TimeSpan.FromMinutes(10);
        Assert.True(await ResumesAsync(scratch, server, first));
        clock.Ahead = options.Tls12SessionLifetime;
        Assert.False(await ResumesAsync(scratch, server, first));
    }

    /// <summary>A full handshake of openssl; returns the file of its session.</summary>
    private static async Task<string> ConnectAsync(Scratch scratch, SegnoServer server, string name)
    {
        string file = scratch.File(name);
        Assert.False(await RunAsync(scratch, server, "-sess_out", file));
        return file;
    }

    private static Task<bool> ResumesAsync(Scratch scratch, SegnoServer server, string session) => RunAsync(scratch, server, "-sess_in", session);

    private static async Task<bool> RunAsync(Scratch scratch, SegnoServer server, params string[] more)
    {
        await using PeerProcess client = PeerProcess.Start(
            Peer.Find("openssl"),
            ["s_client", "-connect", OpenSslPeer.Address(server.Port), "-servername", "localhost", "-CAfile", scratch.Root(), "-verify_return_error", "-nocommands", "-ign_eof", "-tls1_2", .. more]);
        await client.WriteAsync(Exchange.Hello, Token);
        await client.ExitAsync(Token);
        Match said = HandshakePattern().Match(client.Output);
        Assert.True(said.Success, client.Tail);
        return said.Groups["resumed"].Success;
    }

    /// <summary>Full handshakes of our own client, two at a time.</summary>
    private static async Task FillAsync(SegnoServer server, int count)
    {
        TlsClientOptions options = Make.Client();
        options.AllowTlsResume = false;
        TlsClientContext context = new(options);
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = Token }, async (_, cancellationToken) =>
        {
            await using TlsStream stream = new(await Loopback.ConnectAsync(server.Port, cancellationToken));
            await stream.AuthenticateAsClientAsync(context, "localhost", server.Port, cancellationToken);
            await Exchange.EchoedAsync(stream, Exchange.Hello, 0, cancellationToken);
        });
    }

    [GeneratedRegex(@"\n(New|(?<resumed>Reused)), TLSv1\.2, Cipher is ")]
    private static partial Regex HandshakePattern();

    /// <summary>The system's clock, set ahead.</summary>
    private sealed class LaterClock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;

        public override long GetTimestamp() => base.GetTimestamp() + (long)(Ahead.TotalSeconds * TimestampFrequency);
    }
}
