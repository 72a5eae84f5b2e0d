using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Tests.Cryptography;

public sealed class FaultingProviderTests
{
    [Fact]
    public void EachCallFailsInItsTurnAndWhatIsAliveIsKnown()
    {
        List<string> failed = [];
        FaultingProvider.FailEachCall(CryptoProvider.Default, Work, (call, provider, thrown) =>
        {
            failed.Add(call);
            Assert.IsType<CryptographicException>(thrown);
            Assert.Equal(failed.Count, provider.Calls.Count);
            Assert.Equal(0, provider.Alive);
        });
        Assert.Equal(["FillRandom", "CreateHasher", "Append", "Fork", "Current", "CreateAead", "Seal", "TryOpen"], failed);
    }

    [Fact]
    public void WhatIsForgottenStaysAlive()
    {
        FaultingProvider provider = new(CryptoProvider.Default);
        Aead aead = provider.CreateAead(AeadKind.Aes128Gcm, new byte[16]);
        Assert.Equal(1, provider.Alive);
        aead.Dispose();
        aead.Dispose();
        Assert.Equal(0, provider.Alive);
    }

    private static void Work(CryptoProvider provider)
    {
        byte[] buffer = new byte[48];
        provider.FillRandom(buffer);
        using TranscriptHasher hasher = provider.CreateHasher(HashKind.Sha256);
        hasher.Append(buffer);
        using TranscriptHasher fork = hasher.Fork();
        fork.Current(buffer);
        using Aead aead = provider.CreateAead(AeadKind.Aes128Gcm, new byte[16]);
        aead.Seal(new byte[12], buffer.AsSpan(0, 32), default, buffer);
        Assert.True(aead.TryOpen(new byte[12], buffer, default, buffer));
    }
}
