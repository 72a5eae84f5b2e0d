using System.Buffers;
using System.Globalization;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Tests.Architecture;

namespace Segno.Tests.Connections;

/// <summary>
/// What a resumed handshake costs each end: operations of the crypto seam exactly, allocated bytes at most, as ResumedCost.txt says. A change
/// that makes it cost less, or has a reason to make it cost more, changes the file with it.
/// </summary>
public sealed class ResumedCostTests
{
    private const string Baseline = "tests/Segno.Tests/Connections/ResumedCost.txt";

    // Of so many handshakes the cheapest counts: pools fill and methods are compiled in the first ones.
    private const int Handshakes = 60;

    // How far the compiler has come with a method decides whether a delegate or two are on the heap.
    private const long Tolerance = 128;

    [Theory]
    [InlineData("1.2 session ID", SslProtocols.Tls12, 0)]
    [InlineData("1.2 ticket", SslProtocols.Tls12, 1)]
    [InlineData("1.3 PSK-DHE", SslProtocols.Tls13, 1)]
    public void AResumedHandshakeCostsWhatTheBaselineSays(string mechanism, SslProtocols version, int tickets)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256],
            o => (o.EnabledSslProtocols, o.TicketCount, o.TicketCountOnResumption, o.SupportedGroups) = (version, tickets, tickets, [TlsNamedGroup.X25519, TlsNamedGroup.P256]));
        EnginePair.Connect(client, server).Dispose();
        var pair = new MeteredPair();
        (Cost Client, Cost Server) best = pair.Resume(client, server);
        for (int i = 1; i < Handshakes; i++)
        {
            (Cost Client, Cost Server) next = pair.Resume(client, server);
            // The operations are those of every one of them.
            Assert.Equal(best.Client.Operations, next.Client.Operations);
            Assert.Equal(best.Server.Operations, next.Server.Operations);
            best = (best.Client.Cheaper(next.Client), best.Server.Cheaper(next.Server));
        }
        string ofClient = Line(mechanism + ", client", best.Client);
        string ofServer = Line(mechanism + ", server", best.Server);
        Assert.True(Holds(ofClient) && Holds(ofServer), $"It costs:\n{ofClient}\n{ofServer}");
    }

    private static string Line(string name, Cost cost) => string.Create(CultureInfo.InvariantCulture, $"{name}: {cost.Operations}; bytes {cost.Bytes}");

    private static bool Holds(string line)
    {
        (string name, string operations, long bytes) = Parse(line);
        (_, string expected, long limit) = Assert.Single(File.ReadAllLines(Path.Combine(SourceTree.Root, Baseline)).Select(Parse), known => known.Name == name);
#if DEBUG
        bool countsBytes = false;
#else
        bool countsBytes = CryptoProvider.Default.Name == LibcryptoProvider.ProviderName;
#endif
        return operations == expected && (!countsBytes || bytes <= limit + Tolerance);
    }

    private static (string Name, string Operations, long Bytes) Parse(string line)
    {
        string[] parts = line.Split([": ", "; bytes "], StringSplitOptions.None);
        return (parts[0], parts[1], long.Parse(parts[2], CultureInfo.InvariantCulture));
    }

    private readonly record struct Cost(string Operations, long Bytes)
    {
        public Cost Cheaper(Cost other) => Bytes <= other.Bytes ? this : other;
    }

    /// <summary>Two engines that are measured apart, and a wire between them that allocates nothing while they are.</summary>
    private sealed class MeteredPair
    {
        private readonly ArrayBufferWriter<byte> _toServer = new(1 << 16);
        private readonly ArrayBufferWriter<byte> _toClient = new(1 << 16);
        private readonly byte[] _room = new byte[1 << 15];

        public (Cost Client, Cost Server) Resume(TlsClientContext clientContext, TlsServerContext serverContext)
        {
            var clientMeter = new Meter();
            var serverMeter = new Meter();
            clientMeter.Begin();
            var client = new TlsConnection(clientContext, "localhost", 443);
            client.Start();
            client.Flush(_toServer);
            clientMeter.End();
            serverMeter.Begin();
            var server = new TlsConnection(serverContext);
            serverMeter.End();
            while (_toServer.WrittenCount + _toClient.WrittenCount > 0)
            {
                Take(server, serverMeter, _toServer, _toClient);
                Take(client, clientMeter, _toClient, _toServer);
            }
            Assert.True(client.IsHandshakeCompleted && server.IsHandshakeCompleted);
            Assert.True(client.Info.Resumption.IsResumed && server.Info.Resumption.IsResumed);
            clientMeter.Begin();
            client.Dispose();
            clientMeter.End();
            serverMeter.Begin();
            server.Dispose();
            serverMeter.End();
            return (clientMeter.Cost, serverMeter.Cost);
        }

        private void Take(TlsConnection engine, Meter meter, ArrayBufferWriter<byte> input, ArrayBufferWriter<byte> output)
        {
            meter.Begin();
            ReadOnlySpan<byte> bytes = input.WrittenSpan;
            while (!bytes.IsEmpty)
            {
                bytes = bytes[engine.Receive(bytes, _room).Consumed..];
            }
            engine.Flush(output);
            meter.End();
            // Nothing of it waits: the session store is in memory.
            Assert.Null(engine.Pending);
            input.ResetWrittenCount();
        }
    }

    private sealed class Meter
    {
        private readonly CryptoCounters _sum = new();
        private long _begun;
        private long _bytes;

        public Cost Cost => new(
            $"random {_sum.RandomCalls}, hashes {_sum.Hashes}, HMACs {_sum.Hmacs}, keys {_sum.AeadKeys}, seals {_sum.Seals}, opens {_sum.Opens}, "
            + $"key pairs {_sum.KeyPairs}, agreements {_sum.KeyAgreements}, signatures {_sum.Signatures}, verifications {_sum.Verifications}",
            _bytes);

        public void Begin()
        {
            CryptoCounters.Current.Reset();
            _begun = GC.GetAllocatedBytesForCurrentThread();
        }

        public void End()
        {
            _bytes += GC.GetAllocatedBytesForCurrentThread() - _begun;
            CryptoCounters now = CryptoCounters.Current;
            _sum.RandomCalls += now.RandomCalls;
            _sum.Hashes += now.Hashes;
            _sum.Hmacs += now.Hmacs;
            _sum.AeadKeys += now.AeadKeys;
            _sum.Seals += now.Seals;
            _sum.Opens += now.Opens;
            _sum.KeyPairs += now.KeyPairs;
            _sum.KeyAgreements += now.KeyAgreements;
            _sum.Signatures += now.Signatures;
            _sum.Verifications += now.Verifications;
        }
    }
}
