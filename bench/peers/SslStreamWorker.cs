using System.Net.Security;
using System.Reflection;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Bench.Peers;

/// <summary>
/// SslStream, by its asynchronous calls over <see cref="LockstepStream"/>. Suite, group and the number of tickets come from
/// the OPENSSL_CONF that the coordinator gives this process: with a CipherSuitesPolicy SslStream would not resume at all.
/// </summary>
internal sealed class SslStreamWorker : Worker
{
    // What SslStream itself asks libssl for its metrics, SSL_session_reused, is not public.
    private static readonly FieldInfo _securityContext = typeof(SslStream).GetField("_securityContext", BindingFlags.Instance | BindingFlags.NonPublic)
        ?? throw new MissingFieldException("SslStream._securityContext");

    private static readonly MethodInfo _sessionReused = typeof(SslStream).Assembly.GetType("Interop+Ssl")?.GetMethod("SslSessionReused", BindingFlags.Static | BindingFlags.NonPublic)
        ?? throw new MissingMethodException("Interop.Ssl.SslSessionReused");

    private readonly BenchFiles _files;
    private readonly SslServerAuthenticationOptions _serverOptions;
    private readonly X509ChainPolicy _chainPolicy;
    private readonly LockstepStream _clientEnd = new();
    private readonly LockstepStream _serverEnd = new();
    private readonly byte[] _byte = new byte[1];
    private readonly byte[] _record = new byte[RecordLength];
    private readonly byte[] _received = new byte[RecordLength];
    private SslStream? _client;
    private SslStream? _server;

    public SslStreamWorker(BenchFiles files)
        : base("sslstream")
    {
        _files = files;
        (_clientEnd.Other, _serverEnd.Other) = (_serverEnd, _clientEnd);
        using X509Certificate2 leaf = X509Certificate2.CreateFromPemFile(files.Chain, files.Key);
        _serverOptions = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(X509CertificateLoader.LoadPkcs12(leaf.Export(X509ContentType.Pfx), null), null, offline: true),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        _chainPolicy = files.ChainPolicy();
    }

    public override string Version => $".NET {Environment.Version}, OpenSSL {BenchFiles.LibsslVersion()}";

    protected override void Select(string name)
        => _serverOptions.EnabledSslProtocols = Cases.IsTls12(name) ? SslProtocols.Tls12 : SslProtocols.Tls13;

    protected override void Handshake(bool resume)
    {
        Open(resume ? BenchFiles.Host : _files.FreshHost());
        ResumedClient += IsResumed(_client!) ? 1 : 0;
        ResumedServer += IsResumed(_server!) ? 1 : 0;
        Close();
        ClientBytes += _clientEnd.BytesWritten;
        ServerBytes += _serverEnd.BytesWritten;
    }

    protected override void OpenBulk() => Open(_files.FreshHost());

    protected override void CloseBulk() => Close();

    protected override long SendRecord(bool toServer)
    {
        (SslStream sender, SslStream receiver) = toServer ? (_client!, _server!) : (_server!, _client!);
        LockstepStream from = toServer ? _clientEnd : _serverEnd;
        long before = from.BytesWritten;
        Meter.Start();
        Completed(sender.WriteAsync(_record));
        Look(toServer);
        int count = 0;
        while (count < RecordLength)
        {
            count += Completed(receiver.ReadAsync(_received.AsMemory(count)));
        }
        Look(!toServer);
        return from.BytesWritten - before;
    }

    public override void Dispose()
    {
        _client?.Dispose();
        _server?.Dispose();
        _clientEnd.Dispose();
        _serverEnd.Dispose();
    }

    private void Open(string host)
    {
        _clientEnd.Reset();
        _serverEnd.Reset();
        SslClientAuthenticationOptions clientOptions = new()
        {
            TargetHost = host,
            EnabledSslProtocols = _serverOptions.EnabledSslProtocols,
            CertificateChainPolicy = _chainPolicy,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        Meter.Start();
        _client = new SslStream(_clientEnd, leaveInnerStreamOpen: true);
        Task client = _client.AuthenticateAsClientAsync(clientOptions);
        Meter.Client();
        _server = new SslStream(_serverEnd, leaveInnerStreamOpen: true);
        Task server = _server.AuthenticateAsServerAsync(_serverOptions);
        Meter.Server();
        while (!client.IsCompleted || !server.IsCompleted)
        {
            if (_clientEnd.CanGoOn)
            {
                _clientEnd.Wake();
                Meter.Client();
            }
            else if (_serverEnd.CanGoOn)
            {
                _serverEnd.Wake();
                Meter.Server();
            }
            else
            {
                throw new InvalidOperationException("the handshake hangs, or went on to another thread");
            }
        }
        client.GetAwaiter().GetResult();
        server.GetAwaiter().GetResult();
        Completed(_server.WriteAsync(_byte));
        Meter.Server();
        _ = Completed(_client.ReadAsync(_byte));
        Meter.Client();
    }

    private void Close()
    {
        Meter.Start();
        Completed(new ValueTask(_server!.ShutdownAsync()));
        Meter.Server();
        if (Completed(_client!.ReadAsync(_byte)) != 0)
        {
            throw new InvalidOperationException("no close_notify from the server");
        }
        Completed(new ValueTask(_client.ShutdownAsync()));
        _client.Dispose();
        Meter.Client();
        if (Completed(_server!.ReadAsync(_byte)) != 0)
        {
            throw new InvalidOperationException("no close_notify from the client");
        }
        _server.Dispose();
        Meter.Server();
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

    private static bool IsResumed(SslStream stream) => (bool)_sessionReused.Invoke(null, [_securityContext.GetValue(stream)])!;

    private static int Completed(ValueTask<int> task)
        => task.IsCompleted ? task.GetAwaiter().GetResult() : throw new InvalidOperationException("a read had to wait");

    private static void Completed(ValueTask task)
    {
        if (!task.IsCompleted)
        {
            throw new InvalidOperationException("a write had to wait");
        }
        task.GetAwaiter().GetResult();
    }
}
