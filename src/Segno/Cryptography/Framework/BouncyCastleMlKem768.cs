using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Kems;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Prng;
using Org.BouncyCastle.Security;

namespace Segno.Cryptography;

/// <summary>ML-KEM-768 by BouncyCastle, for platforms that have none.</summary>
/// <remarks>BouncyCastle keeps the decapsulation key in arrays that it does not wipe; they go when the garbage collector takes them.</remarks>
internal sealed class BouncyCastleMlKem768 : MlKem768
{
    public override MlKem768Key CreateKey(ReadOnlySpan<byte> seed)
    {
        byte[] copy = seed.ToArray();
        try
        {
            return new Key(MLKemPrivateKeyParameters.FromSeed(MLKemParameters.ml_kem_768, copy));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(copy);
        }
    }

    public override void Encapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> secret) =>
        Encapsulate(encapsulationKey, new SystemGenerator(), ciphertext, secret);

    /// <summary>With the given randomness m, for known-answer tests.</summary>
    internal static void Encapsulate(ReadOnlySpan<byte> encapsulationKey, IRandomGenerator random, Span<byte> ciphertext, Span<byte> secret)
    {
        NamedGroups.CheckLength(encapsulationKey, EncapsulationKeyLength);
        MLKemPublicKeyParameters key;
        try
        {
            key = MLKemPublicKeyParameters.FromEncoding(MLKemParameters.ml_kem_768, encapsulationKey.ToArray());
        }
        catch (ArgumentException e)
        {
            throw new CryptographicException("The ML-KEM encapsulation key is invalid.", e);
        }

        var encapsulator = new MLKemEncapsulator(MLKemParameters.ml_kem_768);
        encapsulator.Init(new ParametersWithRandom(key, new SecureRandom(random)));
        encapsulator.Encapsulate(ciphertext[..CiphertextLength], secret[..SecretLength]);
    }

    private sealed class Key(MLKemPrivateKeyParameters key) : MlKem768Key
    {
        private bool _disposed;

        public override void WriteEncapsulationKey(Span<byte> destination)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            key.GetPublicKeyEncoded().CopyTo(destination);
        }

        public override void Decapsulate(ReadOnlySpan<byte> ciphertext, Span<byte> secret)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            NamedGroups.CheckLength(ciphertext, CiphertextLength);
            var decapsulator = new MLKemDecapsulator(MLKemParameters.ml_kem_768);
            decapsulator.Init(key);
            decapsulator.Decapsulate(ciphertext, secret[..SecretLength]);
        }

        public override void Dispose() => _disposed = true;
    }

    /// <summary>The operating system's random bytes, in the form BouncyCastle asks for.</summary>
    private sealed class SystemGenerator : IRandomGenerator
    {
        public void AddSeedMaterial(byte[] seed)
        {
        }

        public void AddSeedMaterial(ReadOnlySpan<byte> seed)
        {
        }

        public void AddSeedMaterial(long seed)
        {
        }

        public void NextBytes(byte[] bytes) => SystemRandom.Fill(bytes);

        public void NextBytes(byte[] bytes, int start, int len) => SystemRandom.Fill(bytes.AsSpan(start, len));

        public void NextBytes(Span<byte> bytes) => SystemRandom.Fill(bytes);
    }
}
