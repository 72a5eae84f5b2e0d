using System.Buffers;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Tests.Sessions;

namespace Segno.Tests.Connections.Traces;

/// <summary>A real connection in one of the two roles of a trace, with that side's keys, randoms and signatures.</summary>
internal sealed class TracedConnection : IDisposable
{
    private static readonly HandshakeType[] MayBePut =
        [HandshakeType.ClientHello, HandshakeType.ServerHello, HandshakeType.EncryptedExtensions, HandshakeType.NewSessionTicket];

    private readonly Trace _trace;
    private readonly List<byte[]> _puts;
    private readonly List<byte> _sent = [];
    private readonly List<byte> _received = [];
    private readonly byte[] _room = new byte[32768];

    private TracedConnection(Trace trace, bool client, Action<TlsClientOptions>? configureClient, Action<TlsServerOptions>? configureServer)
    {
        _trace = trace;
        Trace.Pockets pockets = trace.Of(client);
        _puts = [.. pockets.Puts];
        Assert.All(_puts, message => Assert.Contains((HandshakeType)message[0], MayBePut));
        var provider = new TraceProvider(pockets);
        if (client)
        {
            var options = new TlsClientOptions { SendGrease = false, ClientCertificate = Certificate(pockets, provider) };
            Configure(options, provider);
            configureClient?.Invoke(options);
            var context = new TlsClientContext(options);
            context.Settings.MessageRewriter = Rewrite;
            Client = context;
            byte[] hello = pockets.Put(HandshakeType.ClientHello);
            byte[] sessionId = hello[38] == 32 ? hello[39..71] : new byte[32];
            provider.NextRandom(pockets.Random, sessionId, new byte[6]);
            Connection = new TlsConnection(context, "server", 443);
        }
        else
        {
            var options = new TlsServerOptions { TicketCount = 1 };
            Configure(options, provider);
            options.ServerCertificates.Add(Certificate(pockets, provider) ?? TestPki.Ecdsa("server").Tls);
            configureServer?.Invoke(options);
            var context = new TlsServerContext(options);
            context.Settings.MessageRewriter = Rewrite;
            Server = context;
            provider.NextRandom(pockets.Random);
            Connection = new TlsConnection(context);
        }
    }

    public TlsConnection Connection { get; }

    public TlsClientContext? Client { get; }

    public TlsServerContext? Server { get; }

    /// <summary>The key log: label → secret.</summary>
    public Dictionary<string, string> Secrets { get; } = [];

    /// <summary>What went out in place of a message → what would have.</summary>
    public List<(byte[] Put, byte[] Own)> Rewritten { get; } = [];

    public static TracedConnection AsClient(Trace trace, Action<TlsClientOptions>? configure = null) => new(trace, client: true, configure, null);

    public static TracedConnection AsServer(Trace trace, Action<TlsServerOptions>? configure = null) => new(trace, client: false, null, configure);

    /// <summary>Goes through the trace: what this side sends must be the trace's bytes, what the other side sends is given to it.</summary>
    public void Play()
    {
        bool client = Client is not null;
        List<byte> expected = [];
        if (client)
        {
            Connection.Start();
        }
        foreach (Trace.Line step in _trace.Steps)
        {
            switch (step.Verb)
            {
                case "sends" when step.ByClient == client:
                    AssertSends(step.Bytes);
                    break;
                case "sends":
                    TakeAll(step.Bytes, all => all);
                    break;
                case "says" when step.ByClient == client:
                    var output = new ArrayBufferWriter<byte>();
                    Connection.Send(step.Bytes, output);
                    _sent.AddRange(output.WrittenSpan);
                    break;
                case "says":
                    expected.AddRange(step.Bytes);
                    break;
                case "closes" when step.ByClient == client:
                    Connection.Close();
                    break;
                default:
                    Assert.Equal("closes", step.Verb);
                    break;
            }
        }
        Drain();
        Assert.Empty(_sent);
        Assert.Empty(_puts);
        Assert.Equal(expected, _received);
        Assert.Equal(_trace.Steps.Any(step => step.Verb == "closes"), Connection.IsReceiveClosed);
        Assert.All(_trace.Secrets, secret => Assert.Equal(secret.Value, Secrets[secret.Key]));
    }

    /// <summary>What it sent and no step of the trace has taken.</summary>
    public IReadOnlyList<byte> Sent => _sent;

    /// <summary>The application data that it received.</summary>
    public IReadOnlyList<byte> Received => _received;

    /// <summary>Gives it bytes of the peer as they arrive, and takes what it sends at the end.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="arrival">How many of the bytes that are left arrive at once.</param>
    public void TakeAll(byte[] bytes, Func<int, int> arrival)
    {
        int start = 0;
        try
        {
            for (int available = 0; available < bytes.Length;)
            {
                available += arrival(bytes.Length - available);
                TlsReceiveResult result;
                do
                {
                    RunPending();
                    result = Connection.Receive(bytes.AsSpan(start, available - start), _room);
                    start += result.Consumed;
                    _received.AddRange(_room.AsSpan(0, result.Written));
                }
                while (result.Consumed > 0 || result.Written > 0 || Connection.Pending is not null);
            }
        }
        finally
        {
            Drain();
        }
    }

    public void Dispose()
    {
        Connection.Dispose();
        Server?.Dispose();
    }

    private void AssertSends(byte[] record)
    {
        Drain();
        Assert.Equal(Convert.ToHexStringLower(record), Convert.ToHexStringLower([.. _sent.Take(record.Length)]));
        _sent.RemoveRange(0, record.Length);
    }

    private void RunPending()
    {
        while (Connection.Pending is { } pending)
        {
            pending.Execute(TestContext.Current.CancellationToken);
            Connection.Resume();
        }
    }

    private void Drain()
    {
        RunPending();
        var output = new ArrayBufferWriter<byte>();
        Connection.Flush(output);
        _sent.AddRange(output.WrittenSpan);
    }

    private byte[] Rewrite(byte[] own)
    {
        int index = _puts.FindIndex(put => put[0] == own[0]);
        if (index < 0)
        {
            return own;
        }
        byte[] put = _puts[index];
        _puts.RemoveAt(index);
        Rewritten.Add((put, own));
        return put;
    }

    private void Configure(TlsOptions options, TraceProvider provider)
    {
        options.Crypto = provider;
        // The certificates are self-signed, and their time is over.
        options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        options.ValidationPolicyName = "traces";
        // What is younger than the traces.
        options.SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256, TlsNamedGroup.P384];
        options.CompressCertificates = false;
        options.TimeProvider = new TestClock { Wall = new DateTimeOffset(2019, 1, 1, 0, 0, 0, TimeSpan.Zero) };
        options.KeyLog = line => Secrets.Add(line.Split(' ')[0], line.Split(' ')[2]);
    }

    private static TlsCertificate? Certificate(Trace.Pockets pockets, TraceProvider provider)
    {
        if (pockets.Certificate is not { } der)
        {
            return null;
        }
        X509Certificate2 leaf = X509CertificateLoader.LoadCertificate(der);
        return TlsCertificate.Create(leaf, null, provider.Signer(pockets.Signature!, leaf.PublicKey.ExportSubjectPublicKeyInfo()), ownsLeaf: true);
    }
}
