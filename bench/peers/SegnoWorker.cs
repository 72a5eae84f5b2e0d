using System.Net.Security;
using System.Reflection;
using System.Security.Authentication;

namespace Segno.Bench.Peers;

/// <summary>Segno's engine, both ends on one thread; the bytes go from buffer to buffer.</summary>
internal sealed class SegnoWorker : Worker
{
    private readonly BenchFiles _files;
    private readonly TlsCertificate _certificate;
    private readonly Dictionary<string, (TlsServerContext Server, TlsClientContext Client)> _contexts = [];
    private TlsServerContext _serverContext = null!;
    private TlsClientContext _clientContext = null!;
    private readonly OutputBuffer _toServer = new();
    private readonly OutputBuffer _toClient = new();
    private readonly byte[] _byte = new byte[1];
    private readonly byte[] _record = new byte[RecordLength];
    private readonly byte[] _received = new byte[RecordLength];
    private TlsConnection? _client;
    private TlsConnection? _server;

    public SegnoWorker(BenchFiles files)
        : base("segno")
    {
        _files = files;
        _certificate = TlsCertificate.FromPemFile(files.Chain, files.Key);
    }

    public override string Version
        => typeof(TlsConnection).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "?";

    protected override void Select(string name)
    {
        if (!_contexts.TryGetValue(name, out (TlsServerContext Server, TlsClientContext Client) contexts))
        {
            bool tls12 = Cases.IsTls12(name);
            SslProtocols version = tls12 ? SslProtocols.Tls12 : SslProtocols.Tls13;
            TlsCipherSuite suite = tls12 ? TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 : TlsCipherSuite.TLS_AES_128_GCM_SHA256;
            TlsNamedGroup[] groups = tls12 ? [TlsNamedGroup.X25519, TlsNamedGroup.P256] : [TlsNamedGroup.X25519]; // RFC 8422 §5.1: the curve of an ECDSA certificate too
            contexts = (
                new TlsServerContext(new TlsServerOptions
                {
                    ServerCertificates = [_certificate],
                    EnabledSslProtocols = version,
                    CipherSuites = [suite],
                    SupportedGroups = groups,
                    TicketCount = name == Cases.Tls12Id ? 0 : 1,
                    TicketCountOnResumption = 1,
                }),
                new TlsClientContext(new TlsClientOptions
                {
                    EnabledSslProtocols = version,
                    CipherSuites = [suite],
                    SupportedGroups = groups,
                    CertificateChainPolicy = _files.ChainPolicy(),
                }));
            _contexts.Add(name, contexts);
        }
        (_serverContext, _clientContext) = contexts;
    }

    protected override void Handshake(bool resume)
    {
        Open(resume ? BenchFiles.Host : _files.FreshHost());
        ResumedClient += _client!.Info.Resumption.IsResumed ? 1 : 0;
        ResumedServer += _server!.Info.Resumption.IsResumed ? 1 : 0;
        Close();
        ClientBytes += _toServer.TotalWritten;
        ServerBytes += _toClient.TotalWritten;
    }

    protected override void OpenBulk() => Open(_files.FreshHost());

    protected override void CloseBulk() => Close();

    protected override long SendRecord(bool toServer)
    {
        (TlsConnection sender, TlsConnection receiver, OutputBuffer wire) = toServer
            ? (_client!, _server!, _toServer)
            : (_server!, _client!, _toClient);
        long before = wire.TotalWritten;
        Meter.Start();
        sender.Send(_record, wire);
        Look(toServer);
        int count = Feed(receiver, wire, _received);
        Look(!toServer);
        return count == RecordLength ? wire.TotalWritten - before : throw new InvalidOperationException($"{count} bytes arrived");
    }

    public override void Dispose()
    {
        _client?.Dispose();
        _server?.Dispose();
        foreach ((TlsServerContext server, _) in _contexts.Values)
        {
            server.Dispose();
        }
        _certificate.Dispose();
    }

    private void Open(string host)
    {
        _toServer.Reset();
        _toClient.Reset();
        Meter.Start();
        _client = new TlsConnection(_clientContext, host, 443);
        _client.Start();
        _client.Flush(_toServer);
        Meter.Client();
        _server = new TlsConnection(_serverContext);
        _ = Feed(_server, _toServer, default);
        _server.Flush(_toClient);
        Meter.Server();
        _ = Feed(_client, _toClient, default);
        _client.Flush(_toServer);
        Meter.Client();
        _ = Feed(_server, _toServer, default);
        _server.Send(_byte, _toClient);
        Meter.Server();
        if (Feed(_client, _toClient, _byte) != 1)
        {
            throw new InvalidOperationException("the server's byte did not arrive");
        }
        Meter.Client();
    }

    private void Close()
    {
        Meter.Start();
        _server!.Close();
        _server.Flush(_toClient);
        Meter.Server();
        _ = Feed(_client!, _toClient, default);
        _client!.Close();
        _client.Flush(_toServer);
        bool clientClosed = _client.IsReceiveClosed;
        _client.Dispose();
        Meter.Client();
        _ = Feed(_server, _toServer, default);
        bool serverClosed = _server.IsReceiveClosed;
        _server.Dispose();
        Meter.Server();
        if (!clientClosed || !serverClosed)
        {
            throw new InvalidOperationException("close_notify did not arrive");
        }
    }

    /// <summary>Gives all that waits in the buffer to the connection, doing what it asks for in between.</summary>
    private static int Feed(TlsConnection connection, OutputBuffer wire, Span<byte> destination)
    {
        int written = 0;
        while (true)
        {
            if ((connection.Wants & TlsWants.Resume) != 0)
            {
                connection.Pending!.Execute(CancellationToken.None);
                connection.Resume();
                continue;
            }
            if (wire.IsEmpty)
            {
                return written;
            }
            TlsReceiveResult result = connection.Receive(wire.Unread, destination[written..]);
            wire.Consume(result.Consumed);
            written += result.Written;
            if (result is { Consumed: 0, Written: 0 } && (connection.Wants & TlsWants.Resume) == 0)
            {
                return written;
            }
        }
    }

    private void Look(bool client)
    {
        if (client)
        {
            Meter.Client();
        }
        else
        {
            Meter.Server();
        }
    }
}
