using Segno.Buffers;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno;

/// <summary>What a client's list of external PSKs must be (RFC 9257 §6; R-89).</summary>
internal static class ExternalPskRules
{
    public const int MaxPsks = 4;

    /// <summary>With them, a ClientHello stays far under 64 KiB.</summary>
    public const int MaxIdentities = 32 * 1024;

    /// <summary>Checks the list.</summary>
    /// <param name="psks">The list.</param>
    /// <param name="suites">The cipher suites of TLS 1.3.</param>
    /// <returns>What of them can be offered: each PSK for one hash that a suite has.</returns>
    /// <exception cref="ArgumentException">The list breaks a rule.</exception>
    public static ExternalPskKey[] Check(IList<TlsExternalPsk> psks, CipherSuiteInfo[] suites)
    {
        if (psks.Count > MaxPsks)
        {
            throw new ArgumentException($"ExternalPsks: {psks.Count} are more than {MaxPsks}; a client has one for each server, and two while one replaces the other.", nameof(psks));
        }
        ExternalPskKey[] all = [.. psks.SelectMany(psk => psk.Keys)];
        for (int i = 0; i < psks.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                CheckPair(psks[i], psks[j]);
            }
        }
        ExternalPskKey[] usable = [.. all.Where(key => Array.Exists(suites, suite => suite.Hash == key.Hash))];
        if (psks.FirstOrDefault(psk => !psk.Keys.Any(usable.Contains)) is { } useless)
        {
            throw new ArgumentException($"ExternalPsks: no cipher suite has {useless.Keys[0].Hash}, the hash of one of them.", nameof(psks));
        }
        int length = usable.Sum(key => key.Identity.Value.Length);
        return length <= MaxIdentities
            ? usable
            : throw new ArgumentException($"ExternalPsks: the identities have {length} bytes together, more than {MaxIdentities}.", nameof(psks));
    }

    private static void CheckPair(TlsExternalPsk one, TlsExternalPsk other)
    {
        if (PublicData.Equal(one.Keys[0].Identity.Value.Span, other.Keys[0].Identity.Value.Span))
        {
            throw new ArgumentException("ExternalPsks: two have the same identity.", nameof(one));
        }
        if (one.HasSecretOf(other))
        {
            // Also one that is imported and not (RFC 9258 §4), or that has two hashes (RFC 9846 §4.3.11).
            throw new ArgumentException("ExternalPsks: two have the same secret; each PSK is for one client, one server and one hash (RFC 9257 §6).", nameof(other));
        }
    }
}
