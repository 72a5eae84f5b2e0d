using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>ML-KEM-768 by System.Security.Cryptography: where Windows or OpenSSL (3.5 and later) has it.</summary>
internal sealed class FrameworkMlKem768 : MlKem768
{
    public override MlKem768Key CreateKey(ReadOnlySpan<byte> seed) => new Key(MLKem.ImportPrivateSeed(MLKemAlgorithm.MLKem768, seed));

    public override void Encapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> secret)
    {
        NamedGroups.CheckLength(encapsulationKey, EncapsulationKeyLength);
        using MLKem key = MLKem.ImportEncapsulationKey(MLKemAlgorithm.MLKem768, encapsulationKey);
        key.Encapsulate(ciphertext[..CiphertextLength], secret[..SecretLength]);
    }

    private sealed class Key(MLKem key) : MlKem768Key
    {
        public override void WriteEncapsulationKey(Span<byte> destination) => key.ExportEncapsulationKey(destination[..EncapsulationKeyLength]);

        public override void Decapsulate(ReadOnlySpan<byte> ciphertext, Span<byte> secret)
        {
            NamedGroups.CheckLength(ciphertext, CiphertextLength);
            key.Decapsulate(ciphertext, secret[..SecretLength]);
        }

        public override void Dispose() => key.Dispose();
    }
}
