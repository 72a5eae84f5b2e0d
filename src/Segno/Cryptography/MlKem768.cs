using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>ML-KEM-768 (FIPS 203) by whatever library has it. Thread-safe.</summary>
internal abstract class MlKem768
{
    public const int EncapsulationKeyLength = 1184;
    public const int CiphertextLength = 1088;
    public const int SecretLength = 32;

    /// <summary>d ‖ z of FIPS 203 §7.1.</summary>
    public const int SeedLength = 64;

    /// <summary>The randomness m of FIPS 203 §7.2.</summary>
    public const int MessageLength = 32;

    /// <summary>The framework's where the platform has one, else BouncyCastle's.</summary>
    public static MlKem768 System { get; } = MLKem.IsSupported ? new FrameworkMlKem768() : new BouncyCastleMlKem768();

    /// <summary>Makes a key pair from random bytes of the operating system.</summary>
    public MlKem768Key CreateKey()
    {
        Span<byte> seed = stackalloc byte[SeedLength];
        try
        {
            SystemRandom.Fill(seed);
            return CreateKey(seed);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(seed);
        }
    }

    /// <summary>ML-KEM.KeyGen_internal (FIPS 203 §6.1).</summary>
    public abstract MlKem768Key CreateKey(ReadOnlySpan<byte> seed);

    /// <summary>
    /// ML-KEM.Encaps (FIPS 203 §7.2); <see cref="CryptographicException"/> where the key is of a wrong length or fails the
    /// modulus check.
    /// </summary>
    public abstract void Encapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> secret);
}

/// <summary>An ML-KEM-768 key pair. Not thread-safe.</summary>
internal abstract class MlKem768Key : IDisposable
{
    public abstract void WriteEncapsulationKey(Span<byte> destination);

    /// <summary>
    /// ML-KEM.Decaps (FIPS 203 §7.3). A ciphertext of the right length always gives a secret, a wrong one a secret that the
    /// peer does not have; <see cref="CryptographicException"/> where the length is another.
    /// </summary>
    public abstract void Decapsulate(ReadOnlySpan<byte> ciphertext, Span<byte> secret);

    public abstract void Dispose();
}
