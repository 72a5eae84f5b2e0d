using System.Buffers.Binary;
using System.Net.Security;
using Segno.Cryptography;
using Segno.Records;

namespace Segno.Tests.Records;

/// <summary>Record protection of TLS 1.2 (RFC 5246 §6.2.3.3, RFC 5288, RFC 7905), against records that OpenSSL's AEADs made.</summary>
public class Tls12ProtectionTests
{
    private static readonly byte[] Content = [.. "hello, world"u8];

    /// <summary>Key 00 01 02 …, implicit IV a0 a1 …, application data "hello, world" as records 0 and 1.</summary>
    public static TheoryData<TlsCipherSuite, string, string> Records => new()
    {
        {
            TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            "17030300240000000000000000e238a2f128a314183cb44647c4a493668b549cfcf146ab1479e2878d",
            "170303002400000000000000012e14709e03a85727e81e2a73db63f051517ce21148b0194bd0908b9a"
        },
        {
            TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            "1703030024000000000000000074dc305a4c4895cbd649d757e4574f20bde25ac0a294124f6deab4d1",
            "17030300240000000000000001d8cad4e20358e6c374a8c10e022c5c6c99a9ddf7f51717407936403c"
        },
        {
            TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            "170303001c64ce143322cae2dacf7d9f70fcf4ff7407106923f91e0d914157de68",
            "170303001c1a10a09f8051639a7be20553d25d40d94f884cc14baf62be9e186d08"
        },
    };

    public static TheoryData<TlsCipherSuite> Suites => [.. CipherSuiteInfo.AllTls12.ToArray().Select(suite => suite.Suite)];

    [Theory]
    [MemberData(nameof(Records))]
    public void RecordsAreThoseOfOpenSsl(TlsCipherSuite suite, string first, string second)
    {
        using Tls12Protection seal = Make(suite);
        using Tls12Protection open = Make(suite);
        foreach (string expected in (string[])[first, second])
        {
            byte[] record = Seal(seal, Content);
            Assert.Equal(expected, Convert.ToHexStringLower(record));
            byte[] plaintext = new byte[Content.Length];
            Assert.True(open.TryOpen(record, plaintext, out ContentType type, out int length));
            Assert.Equal((ContentType.ApplicationData, Content.Length), (type, length));
            Assert.Equal(Content, plaintext);
        }
    }

    // nothing but the record itself, whole and in its place, opens.
    [Theory]
    [MemberData(nameof(Records))]
    public void AnyOtherBitOrPlaceDoesNotOpen(TlsCipherSuite suite, string first, string second)
    {
        using Tls12Protection open = Make(suite);
        byte[] record = Convert.FromHexString(first);
        byte[] plaintext = new byte[record.Length];
        Assert.False(open.TryOpen(Convert.FromHexString(second), plaintext, out _, out _));
        for (int i = 0; i < record.Length; i++)
        {
            // The version and the length in the header are not what is authenticated: the content's length is.
            if (i is 1 or 2 or 3 or 4)
            {
                continue;
            }
            byte[] wrong = [.. record];
            wrong[i] ^= 1;
            Assert.False(open.TryOpen(wrong, plaintext, out _, out _), $"byte {i}");
        }
        for (int length = RecordHeader.Size; length < record.Length; length++)
        {
            Assert.False(open.TryOpen(record.AsSpan(0, length), plaintext, out _, out _), $"length {length}");
        }
        Assert.True(open.TryOpen(record, plaintext, out _, out _));
        // A replay has another number.
        Assert.False(open.TryOpen(record, plaintext, out _, out _));
    }

    // a nonce never comes twice, and the explicit one counts.
    [Theory]
    [MemberData(nameof(Suites))]
    public void NoNonceComesTwice(TlsCipherSuite suite)
    {
        using Tls12Protection seal = Make(suite);
        bool isExplicit = CipherSuiteInfo.Find(suite)!.Aead != AeadKind.ChaCha20Poly1305;
        HashSet<string> sealedRecords = [];
        for (long i = 0; i < 1000; i++)
        {
            byte[] record = Seal(seal, Content);
            Assert.True(sealedRecords.Add(Convert.ToHexString(record)));
            if (isExplicit)
            {
                Assert.Equal(i, BinaryPrimitives.ReadInt64BigEndian(record.AsSpan(RecordHeader.Size)));
            }
        }
    }

    //
    [Theory]
    [InlineData(16384, false)]
    [InlineData(16385, true)]
    public void ContentIsBounded(int length, bool refused)
    {
        foreach (TlsCipherSuite suite in CipherSuiteInfo.AllTls12.ToArray().Select(info => info.Suite))
        {
            using Tls12Protection seal = Make(suite);
            using Tls12Protection open = Make(suite);
            byte[] record = Seal(seal, new byte[length]);
            byte[] plaintext = new byte[length];
            if (refused)
            {
                Assert.Equal(TlsFault.PlaintextTooLong, Assert.Throws<TlsException>(() => open.TryOpen(record, plaintext, out _, out _)).Fault);
            }
            else
            {
                Assert.True(open.TryOpen(record, plaintext, out _, out _));
            }
        }
    }

    //
    [Fact]
    public void AesGcmHasItsLimitAndChaChaItsNumbers()
    {
        foreach (CipherSuiteInfo suite in CipherSuiteInfo.AllTls12)
        {
            using Tls12Protection protection = Make(suite.Suite);
            Assert.Equal(suite.Aead == AeadKind.ChaCha20Poly1305 ? long.MaxValue - 1 : 23_726_566, protection.RecordLimit);
            protection.RecordLimit = 2;
            Seal(protection, Content);
            Assert.False(protection.IsWornOut);
            Seal(protection, Content);
            Assert.True(protection.IsWornOut);
        }
    }

    [Fact]
    public void KeysCannotBeUpdated()
    {
        using Tls12Protection protection = Make(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
        Assert.Equal(TlsFault.SequenceNumberExhausted, Assert.Throws<TlsException>(protection.Update).Fault);
    }

    private static Tls12Protection Make(TlsCipherSuite suite)
    {
        CipherSuiteInfo info = CipherSuiteInfo.Find(suite)!;
        byte[] key = [.. Enumerable.Range(0, info.Aead.KeyLength()).Select(i => (byte)i)];
        byte[] iv = [.. Enumerable.Range(0xa0, Tls12Protection.IvLength(info.Aead)).Select(i => (byte)i)];
        return new Tls12Protection(CryptoProvider.Default, info, key, iv);
    }

    private static byte[] Seal(Tls12Protection protection, byte[] content)
    {
        byte[] record = new byte[RecordHeader.Size + content.Length + protection.Overhead];
        Assert.Equal(record.Length, protection.Seal(ContentType.ApplicationData, content, 0, record));
        return record;
    }
}
