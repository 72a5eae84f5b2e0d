using System.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Connections;

/// <summary>Which groups a client sends shares for, and what becomes of shares that are none.</summary>
public class KeyShareTests
{
    public static TheoryData<TlsNamedGroup[]?, TlsNamedGroup[]> Offers => new()
    {
        { null, [TlsNamedGroup.X25519MLKem768, TlsNamedGroup.X25519] },
        { [TlsNamedGroup.X25519MLKem768], [TlsNamedGroup.X25519MLKem768] },
        { [TlsNamedGroup.X25519MLKem768, TlsNamedGroup.P384, TlsNamedGroup.X25519], [TlsNamedGroup.X25519MLKem768, TlsNamedGroup.P384] },
        { [TlsNamedGroup.P256, TlsNamedGroup.X25519], [TlsNamedGroup.P256] },
    };

    [Theory]
    [MemberData(nameof(Offers))]
    public void SharesAreSentForTheBestAndForOneThatEverybodyHas(TlsNamedGroup[]? groups, TlsNamedGroup[] shares)
        => Assert.Equal(shares, HelloBytes.KeyShares(FirstHello(new TlsClientContext(new() { SupportedGroups = groups, SendGrease = false }))));

    // with a session, what its server took before stands instead of the guess; the best one is always offered.
    [Theory]
    [InlineData(TlsNamedGroup.X25519MLKem768, new[] { TlsNamedGroup.X25519MLKem768 })]
    [InlineData(TlsNamedGroup.X25519, new[] { TlsNamedGroup.X25519MLKem768, TlsNamedGroup.X25519 })]
    [InlineData(TlsNamedGroup.P384, new[] { TlsNamedGroup.X25519MLKem768, TlsNamedGroup.P384 })]
    public void AClientThatResumesSendsAShareOfTheGroupItsServerHas(TlsNamedGroup serverGroup, TlsNamedGroup[] shares)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.SendGrease = false, o => o.SupportedGroups = [serverGroup]);
        EnginePair.Connect(client, server).Dispose();
        byte[]? hello = null;
        using var pair = new EnginePair(client, server)
        {
            Wire = (toServer, bytes) =>
            {
                hello ??= toServer ? bytes : null;
                return bytes;
            },
        };
        pair.Handshake();
        Assert.Equal(shares, HelloBytes.KeyShares(hello!));
        Assert.True(pair.Client.Info.Resumption.IsResumed);
        Assert.False(pair.Client.Info.HelloRetried);
        Assert.Equal(serverGroup, pair.Server.Info.Group);
    }

    [Fact]
    public void SharesThatTheApplicationNamedAreSentWithASessionToo()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.KeyShareGroups = [TlsNamedGroup.P256], o => o.SupportedGroups = [TlsNamedGroup.P384]);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.True(pair.Client.Info.HelloRetried);
            Assert.Equal(i == 1, pair.Client.Info.Resumption.IsResumed);
        }
    }

    [Fact]
    public void BothSidesPreferTheHybrid()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(TlsNamedGroup.X25519MLKem768, pair.Client.Info.Group);
        Assert.Equal(TlsNamedGroup.X25519MLKem768, pair.Server.Info.Group);
    }

    // RFC 10024: what fails the checks of ML-KEM is an illegal parameter, as is an all-zero X25519 result.
    [Theory]
    [InlineData("short")]
    [InlineData("long")]
    [InlineData("modulus")]
    [InlineData("small order")]
    public void ABadHybridShareIsAnIllegalParameter(string what)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o =>
        {
            o.SupportedGroups = [TlsNamedGroup.X25519MLKem768];
            o.SendGrease = false;
        });
        byte[] hello = FirstHello(client);
        byte[] share = HelloBytes.Extension(hello, 51)[6..];
        share = what switch
        {
            "short" => share[1..],
            "long" => [.. share, 0],
            "modulus" => [0xff, 0xff, .. share[2..]], // the first coefficient becomes 4095
            _ => [.. share[..1184], .. new byte[32]],
        };
        byte[] data = [(byte)((share.Length + 4) >> 8), (byte)((share.Length + 4) & 0xff), 0x11, 0xec, (byte)(share.Length >> 8), (byte)(share.Length & 0xff), .. share];
        using var connection = new TlsConnection(server);
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => connection.Receive(HelloBytes.WithData(hello, 51, data), []));
        Assert.Equal((TlsFault.KeyShareInvalid, TlsAlert.IllegalParameter), (thrown.Fault, thrown.Alert));
    }

    [Theory]
    [InlineData("short")]
    [InlineData("long")]
    [InlineData("small order")]
    public void ABadHybridAnswerIsAnIllegalParameter(string what)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.SupportedGroups = [TlsNamedGroup.X25519MLKem768]);
        using var pair = new EnginePair(client, server)
        {
            // key_share is the first extension of the ServerHello of a full handshake: header 5 + 4, 2 + 32 + 33 + 3, 2, extension 4 + 4 + 1120.
            Wire = (toServer, bytes) => toServer || bytes.Length < 1215 ? bytes : Change(bytes),
        };
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.KeyShareInvalid, TlsAlert.IllegalParameter, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));

        byte[] Change(byte[] bytes)
        {
            const int Share = 5 + 4 + 70 + 2 + 4 + 4;
            if (what == "small order")
            {
                bytes.AsSpan(Share + 1088, 32).Clear();
                return bytes;
            }
            int delta = what == "long" ? 1 : -1;
            foreach (int length in (int[])[3, 7, 5 + 4 + 70, Share - 6, Share - 2])
            {
                int value = (bytes[length] << 8) + bytes[length + 1] + delta;
                (bytes[length], bytes[length + 1]) = ((byte)(value >> 8), (byte)(value & 0xff));
            }
            return [.. bytes[..(Share + 1120 + Math.Min(delta, 0))], .. new byte[Math.Max(delta, 0)], .. bytes[(Share + 1120)..]];
        }
    }

    // no share is used twice, by either side.
    [Fact]
    public void EveryConnectionHasAShareOfItsOwn()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.SupportedGroups = [TlsNamedGroup.X25519]);
        HashSet<string> shares = [];
        for (int i = 0; i < 200; i++)
        {
            using var pair = new EnginePair(client, server)
            {
                Wire = (toServer, bytes) =>
                {
                    if (bytes[0] == 22)
                    {
                        byte[] share = toServer ? HelloBytes.Extension(bytes, 51)[^32..] : bytes[89..121];
                        Assert.True(shares.Add(Convert.ToHexString(share)));
                    }
                    return bytes;
                },
            };
            pair.Handshake();
        }
        Assert.Equal(400, shares.Count);
    }

    /// <summary>A group that has two shares is refused before anything is computed with either, however many others there are.</summary>
    [Theory]
    [Trait("Museum", "I3")]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(100)]
    public void AGroupHasOneShare(int others)
    {
        var provider = new FaultingProvider(CryptoProvider.Default);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.SupportedGroups, o.SendGrease) = ([TlsNamedGroup.X25519], false), o => o.Crypto = provider);
        byte[] hello = FirstHello(client);
        byte[] share = HelloBytes.Extension(hello, (int)ExtensionType.KeyShare)[2..];
        byte[] shares = [.. share, .. Enumerable.Range(0, others).SelectMany(i => (byte[])[0x70, (byte)i, 0, 1, 1])];
        byte[] groups = [.. HelloBytes.Extension(hello, (int)ExtensionType.SupportedGroups)[2..], .. Enumerable.Range(0, others).SelectMany(i => (byte[])[0x70, (byte)i])];
        hello = HelloBytes.WithData(hello, (int)ExtensionType.SupportedGroups, [0, (byte)groups.Length, .. groups]);
        IEnumerable<string> calls = Receive(shares, out TlsException? none);
        Assert.Null(none);
        Assert.Contains(nameof(CryptoProvider.AnswerKeyExchange), calls);
        foreach (byte[] twice in others == 0 ? (byte[][])[share] : [share, shares[^5..]])
        {
            Assert.DoesNotContain(nameof(CryptoProvider.AnswerKeyExchange), Receive([.. shares, .. twice], out TlsException? refusal));
            Assert.Equal((TlsFault.DuplicateKeyShare, TlsAlert.IllegalParameter), (refusal!.Fault, Assert.IsType<TlsAlertException>(refusal).Alert));
        }

        IEnumerable<string> Receive(byte[] list, out TlsException? refusal)
        {
            int before = provider.Calls.Count;
            using var connection = new TlsConnection(server);
            byte[] bytes = HelloBytes.WithData(hello, (int)ExtensionType.KeyShare, [(byte)(list.Length >> 8), (byte)(list.Length & 0xff), .. list]);
            refusal = Record.Exception(() => connection.Receive(bytes, [])) as TlsException;
            return provider.Calls.Skip(before);
        }
    }

    internal static byte[] FirstHello(TlsClientContext context)
    {
        using var client = new TlsConnection(context, "localhost", 443);
        client.Start();
        var output = new ArrayBufferWriter<byte>();
        client.Flush(output);
        return output.WrittenSpan.ToArray();
    }
}
