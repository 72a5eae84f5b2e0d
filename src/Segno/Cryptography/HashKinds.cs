namespace Segno.Cryptography;

internal static class HashKinds
{
    public const int MaxLength = 64;

    public static int Length(this HashKind hash) => hash switch
    {
        HashKind.Sha256 => 32,
        HashKind.Sha384 => 48,
        _ => 64,
    };

    public static int KeyLength(this AeadKind aead) => aead == AeadKind.Aes128Gcm ? 16 : 32;
}
