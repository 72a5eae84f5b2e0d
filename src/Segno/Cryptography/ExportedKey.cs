using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>The PKCS#8 of a key that may leave its holder, in pinned memory that is wiped on disposal.</summary>
internal readonly struct ExportedKey : IDisposable
{
    private const int MaxLength = 16 * 1024; // RSA 16384 bits

    private readonly byte[] _memory;
    private readonly int _length;

    private ExportedKey(byte[] memory, int length)
    {
        _memory = memory;
        _length = length;
    }

    public ReadOnlySpan<byte> Pkcs8 => _memory.AsSpan(0, _length);

    public static bool TryExport(AsymmetricAlgorithm key, out ExportedKey exported)
    {
        byte[] memory = GC.AllocateUninitializedArray<byte>(MaxLength, pinned: true);
        try
        {
            if (key.TryExportPkcs8PrivateKey(memory, out int length))
            {
                exported = new ExportedKey(memory, length);
                return true;
            }
        }
        catch (Exception e) when (e is CryptographicException or NotSupportedException or NotImplementedException)
        {
            // It stays where it is.
        }

        CryptographicOperations.ZeroMemory(memory);
        exported = default;
        return false;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_memory);
}
