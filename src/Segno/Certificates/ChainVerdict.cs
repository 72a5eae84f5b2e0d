using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Certificates;

/// <summary>What became of the examination of a peer's chain.</summary>
/// <param name="Leaf">The certificate examined.</param>
/// <param name="Errors">What was found before the application was asked; kept where it accepted nevertheless.</param>
/// <param name="Fault"><see cref="TlsFault.None"/>: accepted.</param>
/// <param name="Detail">What was found, in words; <see langword="null"/>: nothing.</param>
/// <param name="Cause">What the callback or the platform threw.</param>
internal sealed record ChainVerdict(X509Certificate2 Leaf, SslPolicyErrors Errors, TlsFault Fault, string? Detail = null, Exception? Cause = null)
{
    public bool IsAccepted => Fault == TlsFault.None;

    /// <summary>What the stapled OCSP response says of the leaf.</summary>
    public TlsCertificateStatus Status { get; init; }

    /// <summary>Until when the OCSP response is current, where one was required.</summary>
    public DateTimeOffset StatusNotAfter { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>Until when this may be relied on: no longer than the leaf is valid, nor than an OCSP response that was required. To ask only of what is accepted: a leaf that was refused may have no readable date.</summary>
    public DateTimeOffset NotAfter
    {
        get
        {
            DateTimeOffset leaf = Leaf.NotAfter.ToUniversalTime();
            return leaf < StatusNotAfter ? leaf : StatusNotAfter;
        }
    }

    /// <exception cref="TlsException">The chain was refused.</exception>
    public void ThrowIfRefused()
    {
        if (!IsAccepted)
        {
            throw new TlsException(Fault, Detail, Cause);
        }
    }
}
