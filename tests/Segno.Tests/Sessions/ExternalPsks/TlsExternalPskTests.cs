using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;

namespace Segno.Tests.Sessions.ExternalPsks;

/// <summary>External PSKs as objects: RFC 9258's importer, and what is no PSK (RFC 9257).</summary>
public class TlsExternalPskTests
{
    private static readonly byte[] Secret = Counting(0, 32);

    /// <summary>
    /// RFC 9258 has no vectors, and nobody else published any that we know of. These come from a script of forty lines over Python's
    /// hmac and hashlib, which shares nothing with this library, after RFC 9258 §5 and RFC 9846 §7.1.
    /// Columns: secret, hash, external identity, context, target KDF, imported identity, imported PSK, then the binders of that PSK
    /// over the SHA-2 of "truncated hello" under the labels imp, ext and res.
    /// </summary>
    private static readonly string[][] Vectors =
    [
        [
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "SHA256", "636c69656e74206f6e65", "736f6d6520636f6e74657874", "1",
            "000a636c69656e74206f6e65000c736f6d6520636f6e7465787403040001",
            "9625d57d8b519e79fae24c7924a000c4027ec94b1cd585be2f59e23fa21d155e",
            "2383bba5b1c2cfdb4575f082879e92332b78a852ce253778f5cfc6f1326c0385",
            "7cf5b910ebdb0d95fda7d20f53c42a106ce4176d876c5e1a27d9c30dba1e9883",
            "3a345c749a43d1f64a6fffe1a82765ae10672293b66e467fbc176b2c39677cff",
        ],
        [
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "SHA256", "636c69656e74206f6e65", "736f6d6520636f6e74657874", "2",
            "000a636c69656e74206f6e65000c736f6d6520636f6e7465787403040002",
            "0e1833893d5873293d8a7cce40b27bcaf6f01b8b51b2f195f9c9faa96cad4c31c61285b3750f0c546db763b48ef47c2d",
            "de3fec80f64fb132501a2b538a3e24f850719bc66cbebd330515b0369dcbf2c01887e2db5a977788c31155bca6c908b0",
            "3c0020c856e62167449304c394fb8648a427208286d567a70c42edd997d82c2f68a0161b1bb1122ef28dad1d2fd4f917",
            "c865b9b2ad3360969c694fbb4273261d4a4a3473b83bb387c3aefc4c6a5fa0bba7fe4d977eb1f6029a4d33faf886a8ac",
        ],
        [
            "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f90919293", "SHA384", "00ff", "", "1",
            "000200ff000003040001",
            "e3ce4d8c5114f4b361c339414e085648eed2192137b8ec6f36adadf55b409161",
            "73d5ba2a9364bc195d50bb0581af0aaaab82f406771b2fad79b4e45c7fa845f7",
            "818ec2b183227fc3922552906b148e826f2f225134c090ae5dac197e5054ac7c",
            "96be9cb1e07c16aefdbc05967f8e0e08fef710686439ee98dbe39e058802194e",
        ],
        [
            "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f90919293", "SHA384", "00ff", "", "2",
            "000200ff000003040002",
            "29092a17276629986394d494401e754672c3f51da1b4b4ebb14e9675c2497a590fea8ff057867a56059edd283478cef4",
            "ed059cec622ffc6c135b7e9c17c0cd0fda215e3a1bfcef3ba45ec868b940304eb3e66393df597052f7bc88ce9050aab3",
            "882516fba980fe931a6a39fd100fdce460a4952ad53d51cd48a90255b1152c90e53c58d7f2d507596f0be9612d26e3ca",
            "27a56a4757f4ab53b3f4dd9dfde7baca03e75e121fee34a76b5611a427ac74839ccabf53c5a6f86ddfd797faa2d16bb6",
        ],
    ];

    //
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void ImportsAsRfc9258Says(int index)
    {
        string[] vector = Vectors[index];
        TlsExternalPsk psk = TlsExternalPsk.Import(Hex(vector[2]), Hex(vector[0]), Hex(vector[3]), new HashAlgorithmName(vector[1]));
        Assert.True(psk.IsImported);
        Assert.Equal(Hex(vector[2]), psk.Identity.ToArray());
        Assert.Equal(Hex(vector[3]), psk.Context.ToArray());
        HashKind target = vector[4] == "1" ? HashKind.Sha256 : HashKind.Sha384;
        ExternalPskKey key = Array.Find(psk.Keys, candidate => candidate.Hash == target)!;
        Assert.Equal(PskKind.Imported, key.Kind);
        Assert.Equal(vector[5], Convert.ToHexStringLower(key.Identity.Value.Span));
        Assert.Equal(vector[6], Convert.ToHexStringLower(SecretOf(key)));
        byte[] hash = new byte[target.Length()];
        CryptoProvider.Default.Hash(target, "truncated hello"u8, hash);
        // D13: the three kinds have labels of their own.
        foreach ((PskKind kind, string expected) in (IEnumerable<(PskKind, string)>)[(PskKind.Imported, vector[7]), (PskKind.External, vector[8]), (PskKind.Resumption, vector[9])])
        {
            byte[] binder = new byte[target.Length()];
            KeySchedule.ComputeBinder(CryptoProvider.Default, target, SecretOf(key), kind, hash, binder);
            Assert.Equal(expected, Convert.ToHexStringLower(binder));
        }
    }

    [Fact]
    public void WhatIsNotImportedIsUsedAsItIs()
    {
        var psk = new TlsExternalPsk("client one"u8, Secret);
        ExternalPskKey key = Assert.Single(psk.Keys);
        // SHA-256 where nothing else was said.
        Assert.Equal((HashKind.Sha256, PskKind.External, false), (key.Hash, key.Kind, psk.IsImported));
        Assert.Equal(Secret, SecretOf(key));
        Assert.Equal("client one"u8.ToArray(), key.Identity.Value.ToArray());
        Assert.Equal("client one"u8.ToArray(), psk.Identity.ToArray());
        Assert.True(psk.Context.IsEmpty);
        Assert.Equal(HashKind.Sha384, Assert.Single(new TlsExternalPsk("client one"u8, Secret, HashAlgorithmName.SHA384).Keys).Hash);
    }

    /// <summary>R-91: everything that an imported PSK is bound to makes another of it.</summary>
    [Fact]
    public void EveryPartOfTheIdentityAndTheHashMakeAnotherPsk()
    {
        TlsExternalPsk[] psks =
        [
            TlsExternalPsk.Import("a"u8, Secret, "c"u8),
            TlsExternalPsk.Import("b"u8, Secret, "c"u8),
            TlsExternalPsk.Import("a"u8, Secret, "d"u8),
            TlsExternalPsk.Import("a"u8, Secret, "c"u8, HashAlgorithmName.SHA384),
            TlsExternalPsk.Import("a"u8, Counting(1, 32), "c"u8),
        ];
        Assert.Equal(10, psks.SelectMany(psk => psk.Keys).Select(key => Convert.ToHexString(SecretOf(key))).Distinct().Count());
    }

    //
    [Theory]
    [InlineData(15, false)]
    [InlineData(16, true)]
    [InlineData(512, true)]
    [InlineData(513, false)]
    public void ASecretHasAtLeast128Bits(int length, bool good)
    {
        AssertAccepted(good, "secret", () => new TlsExternalPsk("i"u8, Counting(1, length)));
        AssertAccepted(good, "secret", () => TlsExternalPsk.Import("i"u8, Counting(1, length)));
    }

    //
    [Fact]
    public void ASecretOfOneByteIsNone()
    {
        foreach (byte value in (byte[])[0, 0x41, 0xff])
        {
            AssertAccepted(false, "secret", () => new TlsExternalPsk("i"u8, Enumerable.Repeat(value, 32).ToArray()));
            AssertAccepted(false, "secret", () => TlsExternalPsk.Import("i"u8, Enumerable.Repeat(value, 32).ToArray()));
        }
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(65535, true)]
    [InlineData(65536, false)]
    public void AnIdentityHasOneTo65535Bytes(int length, bool good)
        => AssertAccepted(good, "identity", () => new TlsExternalPsk(new byte[length], Secret));

    [Theory]
    [InlineData(0, 0, "externalIdentity")]
    [InlineData(1, 0, null)]
    [InlineData(1, 65526, null)]
    [InlineData(1, 65527, "context")]
    [InlineData(65527, 0, null)]
    [InlineData(65528, 0, "context")]
    public void AnImportedIdentityHasAtMost65535Bytes(int identity, int context, string? parameter)
        => AssertAccepted(parameter is null, parameter ?? "", () => TlsExternalPsk.Import(new byte[identity], Secret, new byte[context]));

    [Fact]
    public void OtherHashesAreRefused()
    {
        AssertAccepted(false, "hashAlgorithm", () => new TlsExternalPsk("i"u8, Secret, HashAlgorithmName.SHA512));
        AssertAccepted(false, "hashAlgorithm", () => TlsExternalPsk.Import("i"u8, Secret, hashAlgorithm: HashAlgorithmName.SHA1));
    }

    /// <summary>R-91: an identity says which kind it is of.</summary>
    [Fact]
    public void WhatLooksImportedMustBeImported()
    {
        foreach (ExternalPskKey key in TlsExternalPsk.Import("i"u8, Secret, "c"u8).Keys)
        {
            AssertAccepted(false, "identity", () => new TlsExternalPsk(key.Identity.Value.Span, Secret));
            // One byte less, one more, or another protocol: no such identity.
            AssertAccepted(true, "identity", () => new TlsExternalPsk(key.Identity.Value.Span[..^1], Secret));
            AssertAccepted(true, "identity", () => new TlsExternalPsk([.. key.Identity.Value.Span, 0], Secret));
            AssertAccepted(true, "identity", () => new TlsExternalPsk([.. key.Identity.Value.Span[..^4], 0xfe, 0xfc, 0, 1], Secret));
        }
    }

    [Theory]
    [InlineData("0001690001630304 0001", true, "69", "63", "Sha256")]
    [InlineData("0001690001630304 0002", true, "69", "63", "Sha384")]
    [InlineData("0001690001630304 0003", true, "69", "63", null)]
    [InlineData("000169000003040001", true, "69", "", "Sha256")]
    [InlineData("0000000003040001", false, null, "", null)]
    [InlineData("000269000003040001", false, null, "", null)]
    [InlineData("000169000103040001", false, null, "", null)]
    [InlineData("00016900000304", false, null, "", null)]
    [InlineData("0001", false, null, "", null)]
    [InlineData("00", false, null, "", null)]
    [InlineData("ffff", false, null, "", null)]
    public void AnIdentityIsReadIntoItsParts(string hex, bool isImported, string? external, string context, string? target)
    {
        byte[] value = Hex(hex.Replace(" ", "", StringComparison.Ordinal));
        var identity = new TlsPskIdentity(value);
        Assert.Equal(isImported, identity.IsImported);
        Assert.Equal(external is null ? value : Hex(external), identity.ExternalIdentity.ToArray());
        Assert.Equal(Hex(context), identity.Context.ToArray());
        Assert.Equal(target, identity.Target?.ToString());
        Assert.Equal(value, identity.Value.ToArray());
    }

    // D11
    [Fact]
    public void RolesAreInTheContext()
    {
        TlsExternalPsk psk = TlsExternalPsk.ImportForRoles("mesh"u8, Secret, "node a"u8, "node b"u8);
        Assert.Equal([6, .. "node a"u8, 6, .. "node b"u8], psk.Context.ToArray());
        TlsExternalPsk back = TlsExternalPsk.ImportForRoles("mesh"u8, Secret, "node b"u8, "node a"u8);
        Assert.All(psk.Keys, key => Assert.Null(back.Find(key.Identity)));
        AssertAccepted(false, "server", () => TlsExternalPsk.ImportForRoles("mesh"u8, Secret, "node a"u8, "node a"u8));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(255, true)]
    [InlineData(256, false)]
    public void TheNameOfARoleHasOneTo255Bytes(int length, bool good)
    {
        AssertAccepted(good, "client", () => TlsExternalPsk.ImportForRoles("i"u8, Secret, new byte[length], "other"u8));
        AssertAccepted(good, "server", () => TlsExternalPsk.ImportForRoles("i"u8, Secret, "other"u8, new byte[length]));
    }

    /// <summary>Museum D12: opaque bytes, no text.</summary>
    [Fact]
    [Trait("Museum", "D12")]
    public void OnlyTheVeryBytesAreTheIdentity()
    {
        var psk = new TlsExternalPsk("caf\u00e9"u8, Secret);
        Assert.NotNull(psk.Find(new TlsPskIdentity("caf\u00e9"u8.ToArray())));
        foreach (byte[] other in (byte[][])[[.. "caf\u00e9"u8, 0], [.. "caf\u00e9"u8, 0, .. "x"u8], "cafe\u0301"u8.ToArray(), "Caf\u00e9"u8.ToArray(), "caf"u8.ToArray(), " caf\u00e9"u8.ToArray(), [0]])
        {
            Assert.Null(psk.Find(new TlsPskIdentity(other)));
        }
    }

    [Fact]
    public void TheOriginTellsSecretsApart()
    {
        ExternalPskOrigin origin = new TlsExternalPsk("i"u8, Secret).Keys[0].Origin;
        Assert.True(new TlsExternalPsk("i"u8, Secret).Keys[0].IsOriginOf(origin));
        Assert.False(new TlsExternalPsk("i"u8, Counting(1, 32)).Keys[0].IsOriginOf(origin));
        Assert.False(new TlsExternalPsk("j"u8, Secret).Keys[0].IsOriginOf(origin));
    }

    private static byte[] Counting(int from, int count) => [.. Enumerable.Range(from, count).Select(i => (byte)(i & 0xff))];

    private static byte[] Hex(string hex) => Convert.FromHexString(hex);

    private static byte[] SecretOf(ExternalPskKey key)
    {
        byte[] secret = new byte[TlsExternalPsk.MaxSecretLength];
        return secret[..key.CopySecret(secret)];
    }

    private static void AssertAccepted(bool good, string parameter, Func<TlsExternalPsk> make)
    {
        Exception? thrown = Record.Exception(make);
        if (good)
        {
            Assert.Null(thrown);
        }
        else
        {
            Assert.Equal(parameter, Assert.IsType<ArgumentException>(thrown).ParamName);
        }
    }
}
