using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Redis.Tests;

/// <summary>Connections over loopback between a client and servers of ours: what the client saw, and what the server says.</summary>
internal static class TlsPair
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>TLS 1.2 without tickets, so that sessions are known by their IDs and go into the store.</summary>
    public static TlsServerContext Server(ISessionStore? store, TicketKeyRing? keys = null, Kind kind = Kind.Tls12Ids, string? tenant = null)
        => new(new TlsServerOptions
        {
            ServerCertificates = [TestPki.Ecdsa().Tls],
            EnabledSslProtocols = kind == Kind.Tls13 ? SslProtocols.Tls13 : SslProtocols.Tls12,
            TicketCount = kind == Kind.Tls12Ids ? 0 : 2,
            SessionStore = store,
            TicketKeys = keys,
            Group = "fleet",
            Tenant = tenant,
        });

    /// <summary>Of TLS 1.2 alone where sessions are known by IDs: an ID that is not found may else be one that means nothing (RFC 9846 §D.4).</summary>
    public static TlsClientContext Client(Kind kind = Kind.Tls12Ids) => new(new TlsClientOptions
    {
        CertificateChainPolicy = TestPki.TrustRoot(),
        EnabledSslProtocols = kind == Kind.Tls13 ? SslProtocols.Tls13 : SslProtocols.Tls12,
    });

    /// <summary>One connection with a byte each way: whatever the store does, it has to succeed.</summary>
    public static async Task<ResumptionOutcome> ConnectAsync(TlsClientContext client, TlsServerContext server)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task<ResumptionOutcome> serving = ServeAsync(listener, server);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Token);
        await using var stream = new TlsStream(tcp.GetStream());
        await stream.AuthenticateAsClientAsync(client, "localhost", 443, Token);
        await stream.WriteAsync(new byte[] { 1 }, Token);
        Assert.Equal(1, await stream.ReadAsync(new byte[1], Token));
        ResumptionOutcome outcome = await serving;
        Assert.Equal(outcome.IsResumed, stream.Resumption.IsResumed);
        return outcome;
    }

    private static async Task<ResumptionOutcome> ServeAsync(TcpListener listener, TlsServerContext server)
    {
        using TcpClient tcp = await listener.AcceptTcpClientAsync(Token);
        await using var stream = new TlsStream(tcp.GetStream());
        await stream.AuthenticateAsServerAsync(server, Token);
        Assert.Equal(1, await stream.ReadAsync(new byte[1], Token));
        await stream.WriteAsync(new byte[] { 2 }, Token);
        await stream.ShutdownAsync();
        return stream.Resumption;
    }
}

/// <summary>How sessions come back.</summary>
internal enum Kind
{
    Tls12Ids,
    Tls13,
}
