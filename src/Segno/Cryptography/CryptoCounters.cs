namespace Segno.Cryptography;

/// <summary>
/// How many operations of each kind this thread has asked of its provider. Per thread, so that counting costs no
/// contention; an engine driven on one thread therefore yields exact costs.
/// </summary>
/// <remarks>
/// What was asked counts, whether it succeeded or not; a call refused for its arguments does not.
/// <para><see cref="RandomCalls"/>: one per FillRandom; the randomness inside key pairs and signatures is not counted.</para>
/// <para><see cref="Hashes"/>: one per Hash and per Current; appending and forking are free; the hashes inside HMAC and signatures are not counted.</para>
/// <para><see cref="Hmacs"/>: one per Hmac and per HkdfExtract; HkdfExpand counts one per block of output, ⌈L / HashLen⌉.</para>
/// <para><see cref="AeadKeys"/>: one per CreateAead. <see cref="Seals"/>, <see cref="Opens"/>: one per call.</para>
/// <para><see cref="KeyPairs"/>: one per StartKeyExchange. <see cref="KeyAgreements"/>: one per Agree. AnswerKeyExchange counts one of both.</para>
/// <para><see cref="Signatures"/>, <see cref="Verifications"/>: one per call whose scheme fits the key.</para>
/// </remarks>
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
