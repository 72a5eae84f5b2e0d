using System.Security.Authentication;
using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Records;
using Segno.Tests.Connections.Traces;

namespace Segno.Tests.Connections;

/// <summary>What holds however bytes arrive, and whatever a peer says.</summary>
public class HandshakePropertyTests
{
    private static readonly Gen<HandshakeVariant> Variants = Gen.Int[0, Enum.GetValues<HandshakeVariant>().Length - 1].Select(value => (HandshakeVariant)value);

    /// <summary>How one message is tampered with.</summary>
    private enum Tampering
    {
        Skip,
        Duplicate,
        InsertBefore,
        InsertBehind,
        Replace,
        ReplaceByMutated,
        FlipBit,
        Shorten,
        Lengthen,
    }

    [Fact]
    public void AnyFragmentationAndCoalescingGivesTheSame()
    {
        Gen<int> fragments = Gen.OneOf(Gen.Int[1, 50], Gen.Int[51, 16384]);
        Gen.Select(Variants, fragments, Gen.Int[1, 2000], Gen.Int).Sample(
            (variant, fragment, arrival, seed) =>
            {
                using var contexts = new VariantContexts(variant, fragment);
                contexts.Prepare();
                var random = new Random(seed);
                using var pair = new EnginePair(contexts.Client, contexts.Server) { Arrival = all => random.Next(1, Math.Min(all, arrival) + 1) };
                pair.Handshake();
                contexts.AssertVariant(pair);
                byte[] data = new byte[random.Next(3000)];
                random.NextBytes(data);
                pair.Send(pair.Client, data);
                pair.Send(pair.Server, data);
                pair.Client.Close();
                pair.Server.Close();
                pair.Run();
                Assert.Equal(data, pair.AtServer);
                Assert.Equal(data, pair.AtClient);
                Assert.True(pair.Client.IsReceiveClosed && pair.Server.IsReceiveClosed);
            },
            iter: 100,
            threads: 1);
    }

    /// <summary>A recorded stream, sound or with a bit flipped: however it is cut, the same data, the same answer, the same fault.</summary>
    [Fact]
    public void AnyArrivalOfTheSameBytesHasTheSameOutcome()
    {
        var trace = Trace.Load("simple-1rtt");
        Gen.Select(Gen.Bool, Gen.Int[-1000, 20_000], Gen.Int[1, 600], Gen.Int).Sample(
            (asClient, bit, arrival, seed) =>
            {
                byte[] bytes = [.. trace.Steps.Where(step => step.Verb == "sends" && step.ByClient != asClient).SelectMany(step => step.Bytes)];
                if (bit >= 0)
                {
                    bytes[bit / 8 % bytes.Length] ^= (byte)(1 << (bit % 8));
                }
                var random = new Random(seed);
                string whole = Outcome(trace, asClient, bytes, all => all);
                Assert.Equal(whole, Outcome(trace, asClient, bytes, all => random.Next(1, Math.Min(all, arrival) + 1)));
                // A flipped bit of a plaintext record's version changes nothing (RFC 9846 §5.1).
                Assert.True(bit >= 0 || whole.StartsWith("None, True", StringComparison.Ordinal));
            },
            iter: 150,
            threads: 1);
    }

    /// <summary>
    /// Skipped, repeated, inserted, exchanged and mutated messages in every state: a named fault or legal progress, never a hang,
    /// never a handshake that is complete without what the protocol asks for.
    /// </summary>
    [Fact]
    public void NoMessageInAWrongStateGoesUnnoticed()
    {
        Dictionary<HandshakeVariant, (VariantContexts Contexts, List<byte[]> FromClient, List<byte[]> FromServer)> known = [];
        foreach (HandshakeVariant variant in Enum.GetValues<HandshakeVariant>())
        {
            var contexts = new VariantContexts(variant);
            (List<byte[]> fromClient, List<byte[]> fromServer) = contexts.Record();
            known.Add(variant, (contexts, fromClient, fromServer));
        }
        Gen.Select(Variants, Gen.Bool, Gen.Int[0, 1000], Gen.Int[0, Enum.GetValues<Tampering>().Length - 1].Select(value => (Tampering)value), Gen.Int[0, 1000], Gen.Int).Sample(
            (variant, toServer, index, tampering, other, seed) =>
            {
                (VariantContexts contexts, List<byte[]> fromClient, List<byte[]> fromServer) = known[variant];
                index %= (toServer ? fromClient : fromServer).Count;
                byte[]? original = null;
                byte[]? said = null;
                using var pair = new TamperedPair(contexts, toServer, index, own =>
                {
                    original = own;
                    return said = Tamper(own, tampering, HandshakeCorpus.All[other % HandshakeCorpus.All.Count], new Random(seed));
                });
                TlsException? thrown = pair.Run();
                if (thrown is not null)
                {
                    Assert.True(HandshakeCorpus.IsNamed(thrown.Fault), thrown.ToString());
                }
                if (pair.Victim.IsHandshakeCompleted)
                {
                    Assert.Matches(LegalFor(pair), UpToFinished(pair.Said));
                    if (original is [(byte)HandshakeType.Finished or (byte)HandshakeType.CertificateVerify or (byte)HandshakeType.ServerKeyExchange, ..])
                    {
                        Assert.True(said.AsSpan().StartsWith(original));
                    }
                }
                else if (thrown is null)
                {
                    Assert.Equal(TlsFault.ClosedDuringHandshake, Assert.ThrowsAny<TlsException>(pair.Victim.ReceiveEnd).Fault);
                }
                Assert.Empty(pair.Pair.AtServer);
                Assert.Empty(pair.Pair.AtClient);
            },
            iter: 1500,
            threads: 1);
        foreach ((VariantContexts contexts, _, _) in known.Values)
        {
            contexts.Dispose();
        }
    }

    /// <summary>Application data under the right key and with the right number, behind each record of a handshake that is not complete.</summary>
    [Theory]
    [MemberData(nameof(VariantContexts.OfTls13), MemberType = typeof(VariantContexts))]
    public void NoDataIsDeliveredBeforeTheHandshakeIsComplete(HandshakeVariant variant)
    {
        foreach (bool toServer in (bool[])[true, false])
        {
            using var contexts = new VariantContexts(variant, fragment: 40);
            int tried = 0;
            while (InjectData(contexts, toServer, tried))
            {
                tried++;
            }
            Assert.True(tried > 0);
        }
    }

    /// <returns>Whether the handshake was not yet complete at that record.</returns>
    private static bool InjectData(VariantContexts contexts, bool toServer, int behind)
    {
        contexts.Prepare();
        int sealedRecords = 0;
        bool injected = false;
        EnginePair pair = null!;
        using (pair = new EnginePair(contexts.Client, contexts.Server)
        {
            Wire = (isToServer, bytes) => isToServer != toServer ? bytes : [.. WireRecords.Split(bytes).SelectMany(Pass)],
        })
        {
            TlsConnection victim = toServer ? pair.Server : pair.Client;
            pair.Client.Start();
            TlsException? thrown = (TlsException?)Record.Exception(pair.Run);
            if (victim.IsHandshakeCompleted)
            {
                return false;
            }
            Assert.True(injected);
            Assert.Contains(thrown!.Fault, (TlsFault[])[TlsFault.UnexpectedApplicationData, TlsFault.InterleavedHandshakeMessage]);
            Assert.Empty(pair.AtServer);
            Assert.Empty(pair.AtClient);
            return true;
        }

        byte[] Pass(byte[] record)
        {
            if (injected)
            {
                return [];
            }
            if (record[0] != WireRecords.ApplicationData || sealedRecords++ < behind)
            {
                return record;
            }
            injected = true;
            byte[] secret = contexts.Secrets[toServer ? "CLIENT_HANDSHAKE_TRAFFIC_SECRET" : "SERVER_HANDSHAKE_TRAFFIC_SECRET"];
            CipherSuiteInfo suite = Array.Find(CipherSuiteInfo.AllTls13.ToArray(), info => info.Suite == pair.Server.Info.CipherSuite)!;
            using var protection = new Tls13Protection(CryptoProvider.Default, suite, secret);
            byte[] forged = new byte[5 + 4 + protection.Overhead];
            for (int i = 0; i <= behind; i++)
            {
                protection.Seal(ContentType.ApplicationData, "data"u8, 0, forged);
            }
            return forged;
        }
    }

    private static byte[] Tamper(byte[] own, Tampering tampering, byte[] other, Random random) => tampering switch
    {
        Tampering.Skip => [],
        Tampering.Duplicate => [.. own, .. own],
        Tampering.InsertBefore => [.. other, .. own],
        Tampering.InsertBehind => [.. own, .. other],
        Tampering.Replace => other,
        Tampering.ReplaceByMutated => FlipBit(other, random),
        Tampering.FlipBit => FlipBit(own, random),
        Tampering.Shorten => Resize(own, own.Length - 4 == 0 ? 0 : random.Next(own.Length - 4), random),
        _ => Resize(own, own.Length - 4 + random.Next(1, 300), random),
    };

    private static byte[] FlipBit(byte[] message, Random random)
    {
        byte[] flipped = [.. message];
        flipped[random.Next(message.Length)] ^= (byte)(1 << random.Next(8));
        return flipped;
    }

    /// <summary>Another length, in the header too.</summary>
    private static byte[] Resize(byte[] message, int length, Random random)
    {
        byte[] resized = new byte[4 + length];
        random.NextBytes(resized);
        message.AsSpan(0, Math.Min(message.Length, resized.Length)).CopyTo(resized);
        (resized[1], resized[2], resized[3]) = ((byte)(length >> 16), (byte)((length >> 8) & 0xff), (byte)(length & 0xff));
        return resized;
    }

    /// <summary>The messages up to Finished, a letter each.</summary>
    private static string UpToFinished(IReadOnlyList<byte> said)
    {
        byte[] bytes = [.. said];
        StringBuilder letters = new();
        for (int at = 0; at + 4 <= bytes.Length;)
        {
            int end = at + 4 + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
            string name = end <= bytes.Length ? StateWalk.NameOf(bytes[at..end]) : "";
            letters.Append(name switch
            {
                nameof(HandshakeType.ClientHello) => 'H',
                "HelloRetryRequest" => 'R',
                nameof(HandshakeType.ServerHello) => 'S',
                nameof(HandshakeType.EncryptedExtensions) => 'E',
                nameof(HandshakeType.CertificateRequest) => 'Q',
                nameof(HandshakeType.Certificate) or nameof(HandshakeType.CompressedCertificate) => 'C',
                nameof(HandshakeType.CertificateVerify) => 'V',
                nameof(HandshakeType.Finished) => 'F',
                nameof(HandshakeType.CertificateStatus) => 'O',
                nameof(HandshakeType.ServerKeyExchange) => 'K',
                nameof(HandshakeType.ServerHelloDone) => 'D',
                nameof(HandshakeType.ClientKeyExchange) => 'X',
                nameof(HandshakeType.NewSessionTicket) => 'T',
                _ => '?',
            });
            if (letters[^1] is 'F')
            {
                break;
            }
            at = end;
        }
        return letters.ToString();
    }

    /// <summary>What a peer must have said for the victim to take the handshake as complete (RFC 9846 §2, RFC 5246 §7.3, RFC 5077 §3.1).</summary>
    private static Regex LegalFor(TamperedPair pair)
    {
        TlsConnectionInfo info = pair.Victim.Info;
        string hello = info.HelloRetried ? pair.Victim.IsServer ? "HH" : "RS" : pair.Victim.IsServer ? "H" : "S";
        string certificate = info.RemoteCertificate is not null ? "CV" : pair.AsksForCertificate ? "C" : "";
        string proof = (info.ProtocolVersion, pair.Victim.IsServer, info.Resumption.IsResumed) switch
        {
            (SslProtocols.Tls13, false, true) => "E",
            (SslProtocols.Tls13, false, false) => "EQ?CV",
            (SslProtocols.Tls13, true, false) => certificate,
            (SslProtocols.Tls12, false, true) => "T?",
            (SslProtocols.Tls12, false, false) => "CO?KQ?DT?",
            (SslProtocols.Tls12, true, false) => certificate is "CV" ? "CXV" : certificate + "X",
            _ => "",
        };
        return new Regex($"^{hello}{proof}F$");
    }

    private static string Outcome(Trace trace, bool asClient, byte[] bytes, Func<int, int> arrival)
    {
        using TracedConnection connection = asClient ? TracedConnection.AsClient(trace) : TracedConnection.AsServer(trace);
        TlsFault fault = TlsFault.None;
        try
        {
            if (asClient)
            {
                connection.Connection.Start();
            }
            connection.TakeAll(bytes, arrival);
            connection.Connection.ReceiveEnd();
        }
        catch (TlsException e)
        {
            fault = e.Fault;
        }
        return $"{fault}, {connection.Connection.IsReceiveClosed && fault == TlsFault.None}, "
            + $"{Convert.ToHexStringLower([.. connection.Received])}, {Convert.ToHexStringLower([.. connection.Sent])}";
    }
}
