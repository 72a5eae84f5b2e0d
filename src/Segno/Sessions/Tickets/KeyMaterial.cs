using System.Security.Cryptography;
using System.Text;

namespace Segno.Sessions.Tickets;

/// <summary>What key material from outside must be: what a random generator gives, and long enough (C1, C2).</summary>
internal static class KeyMaterial
{
    public const int MinLength = 32;

    // NIST SP 800-38A's AES-256 key, and what hashing nothing or a word that stands in examples comes to.
    private static readonly byte[][] Known =
    [
        Convert.FromHexString("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        .. new[] { "", "secret", "password", "changeme", "test" }.Select(word => SHA256.HashData(Encoding.ASCII.GetBytes(word))),
    ];

    /// <summary>Refuses what is no key.</summary>
    /// <param name="material">The secret bytes.</param>
    /// <param name="what">How to call it: the subject of a sentence.</param>
    /// <exception cref="TicketKeyException">It is too short, weak or known.</exception>
    public static void Check(ReadOnlySpan<byte> material, string what)
    {
        if (material.Length < MinLength)
        {
            throw new TicketKeyException(TicketKeyProblem.TooShort, $"{what} has {material.Length} secret bytes; {MinLength} random ones are needed.");
        }
        foreach (byte[] known in Known)
        {
            if (material.Length == known.Length && CryptographicOperations.FixedTimeEquals(material, known))
            {
                throw new TicketKeyException(TicketKeyProblem.KnownKey, $"{what} is published as an example; make one with a random generator.");
            }
        }
        if (IsPattern(material) || IsText(material))
        {
            throw new TicketKeyException(TicketKeyProblem.Weak, $"{what} is not random: text, or a pattern. Make one with a random generator.");
        }
    }

    /// <summary>Whether each byte follows from the one before by the same step, or from one not more than half the length before.</summary>
    public static bool IsPattern(ReadOnlySpan<byte> material)
    {
        if (material.Length < 2)
        {
            return true;
        }
        int difference = 0;
        byte step = unchecked((byte)(material[1] - material[0]));
        for (int i = 1; i < material.Length; i++)
        {
            difference |= unchecked((byte)(material[i] - material[i - 1])) ^ step;
        }
        bool isPattern = difference == 0;
        for (int period = 1; period <= material.Length / 2; period++)
        {
            isPattern |= CryptographicOperations.FixedTimeEquals(material[period..], material[..^period]);
        }
        return isPattern;
    }

    /// <summary>Whether it is printable throughout: a passphrase, or a key that somebody forgot to decode.</summary>
    public static bool IsText(ReadOnlySpan<byte> material)
    {
        bool isText = true;
        foreach (byte value in material)
        {
            isText &= value is (>= 0x20 and <= 0x7e) or (byte)'\t' or (byte)'\r' or (byte)'\n';
        }
        return isText;
    }
}
