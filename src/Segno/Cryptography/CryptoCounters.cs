namespace Segno.Cryptography;

/// <summary>
/// How many operations of each kind this thread has asked of its provider. Per thread, so that counting costs no
/// contention; an engine driven on one thread therefore yields exact costs.
/// </summary>
internal sealed class CryptoCounters
{
    [ThreadStatic]
    private static CryptoCounters? _current;

    public static CryptoCounters Current => _current ??= new CryptoCounters();

    public long RandomCalls;
    public long Hashes;
    public long Hmacs;
    public long AeadKeys;
    public long Seals;
    public long Opens;
    public long KeyPairs;
    public long KeyAgreements;
    public long Signatures;
    public long Verifications;

    public void Reset()
    {
        RandomCalls = Hashes = Hmacs = AeadKeys = Seals = Opens = KeyPairs = KeyAgreements = Signatures = Verifications = 0;
    }
}
