using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>ML-KEM-768 by libcrypto 3.5 and later.</summary>
internal sealed unsafe class LibcryptoMlKem768 : MlKem768
{
    public override MlKem768Key CreateKey(ReadOnlySpan<byte> seed) => new Key(EvpKeys.GenerateMlKem768(seed));

    public override void Encapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> secret)
    {
        // From the operating system, not from OpenSSL's generator: see SystemRandom.
        Span<byte> message = stackalloc byte[MessageLength];
        try
        {
            SystemRandom.Fill(message);
            Encapsulate(encapsulationKey, message, ciphertext, secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(message);
        }
    }

    /// <summary>ML-KEM.Encaps_internal (FIPS 203 §6.2).</summary>
    internal static void Encapsulate(ReadOnlySpan<byte> encapsulationKey, ReadOnlySpan<byte> message, Span<byte> ciphertext, Span<byte> secret)
    {
        NamedGroups.CheckLength(encapsulationKey, EncapsulationKeyLength);
        // Reading the key does the modulus check.
        nint key = EvpKeys.ReadMlKem768(encapsulationKey);
        nint context = Native.EVP_PKEY_CTX_new_from_pkey(0, key, null);
        nuint ciphertextLength = CiphertextLength;
        nuint secretLength = SecretLength;
        bool ok;
        fixed (byte* m = message, c = ciphertext[..CiphertextLength], s = secret[..SecretLength])
        {
            OsslParam* parameters = stackalloc OsslParam[2];
            parameters[0] = new OsslParam("ikme\0"u8, OsslParam.OctetString, m, message.Length);
            parameters[1] = default;
            ok = context != 0
                && Native.EVP_PKEY_encapsulate_init(context, parameters) == 1
                && Native.EVP_PKEY_encapsulate(context, c, &ciphertextLength, s, &secretLength) == 1;
        }

        Native.EVP_PKEY_CTX_free(context);
        Native.EVP_PKEY_free(key);
        if (!ok)
        {
            throw Native.Failure("Cannot encapsulate");
        }
    }

    private sealed class Key(nint key) : MlKem768Key
    {
        private nint _key = key;

        ~Key() => Free();

        public override void WriteEncapsulationKey(Span<byte> destination)
        {
            ObjectDisposedException.ThrowIf(_key == 0, this);
            EvpKeys.WriteRaw(_key, destination[..EncapsulationKeyLength]);
            GC.KeepAlive(this);
        }

        public override void Decapsulate(ReadOnlySpan<byte> ciphertext, Span<byte> secret)
        {
            ObjectDisposedException.ThrowIf(_key == 0, this);
            NamedGroups.CheckLength(ciphertext, CiphertextLength);
            nint context = Native.EVP_PKEY_CTX_new_from_pkey(0, _key, null);
            nuint length = SecretLength;
            bool ok;
            fixed (byte* c = ciphertext, s = secret[..SecretLength])
            {
                ok = context != 0
                    && Native.EVP_PKEY_decapsulate_init(context, null) == 1
                    && Native.EVP_PKEY_decapsulate(context, s, &length, c, (nuint)ciphertext.Length) == 1;
            }

            Native.EVP_PKEY_CTX_free(context);
            GC.KeepAlive(this);
            if (!ok)
            {
                throw Native.Failure("Cannot decapsulate");
            }
        }

        public override void Dispose()
        {
            Free();
            GC.SuppressFinalize(this);
        }

        private void Free()
        {
            nint key = Interlocked.Exchange(ref _key, 0);
            if (key != 0)
            {
                Native.EVP_PKEY_free(key);
            }
        }
    }
}
