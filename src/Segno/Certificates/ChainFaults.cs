using System.Security.Cryptography.X509Certificates;

namespace Segno.Certificates;

/// <summary>What the platform says of a chain → the fault that names it.</summary>
internal static class ChainFaults
{
    /// <summary>
    /// One row per fault, the most telling first: where a chain has several faults, the first row wins. What says that the
    /// chain is forged or withdrawn comes before what says that nobody vouches for it, that before what its issuers may
    /// not do, and last what a renewal or a better network cures. The third column is how a policy says that it does not mind.
    /// </summary>
    private static readonly (X509ChainStatusFlags Statuses, TlsFault Fault, X509VerificationFlags IgnoredBy)[] s_rows =
    [
        (X509ChainStatusFlags.NotSignatureValid | X509ChainStatusFlags.HasWeakSignature, TlsFault.CertificateSignatureInvalid, X509VerificationFlags.NoFlag),
        (X509ChainStatusFlags.Revoked | X509ChainStatusFlags.ExplicitDistrust, TlsFault.CertificateRevoked, X509VerificationFlags.NoFlag),
        (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain, TlsFault.CertificateUntrusted, X509VerificationFlags.AllowUnknownCertificateAuthority),
        (X509ChainStatusFlags.InvalidBasicConstraints, TlsFault.CertificateIssuerNotCa, X509VerificationFlags.IgnoreInvalidBasicConstraints),
        (X509ChainStatusFlags.InvalidNameConstraints | X509ChainStatusFlags.HasNotSupportedNameConstraint | X509ChainStatusFlags.HasNotDefinedNameConstraint
            | X509ChainStatusFlags.HasNotPermittedNameConstraint | X509ChainStatusFlags.HasExcludedNameConstraint,
            TlsFault.CertificateNameConstraintViolated, X509VerificationFlags.IgnoreInvalidName),
        (X509ChainStatusFlags.NotValidForUsage, TlsFault.CertificateWrongUsage, X509VerificationFlags.IgnoreWrongUsage),
        (X509ChainStatusFlags.NotTimeValid, TlsFault.CertificateExpired, X509VerificationFlags.IgnoreNotTimeValid),
        (X509ChainStatusFlags.RevocationStatusUnknown | X509ChainStatusFlags.OfflineRevocation, TlsFault.CertificateRevocationUnknown,
            X509VerificationFlags.IgnoreEndRevocationUnknown | X509VerificationFlags.IgnoreCertificateAuthorityRevocationUnknown | X509VerificationFlags.IgnoreRootRevocationUnknown),
    ];

    /// <summary>The fault of a chain that did not build.</summary>
    /// <param name="statuses">All statuses of the chain, together.</param>
    /// <param name="flags">What the policy does not mind. As each row, not each certificate, is looked at, a fault is named by an ignored status only where there is no other.</param>
    public static TlsFault Of(X509ChainStatusFlags statuses, X509VerificationFlags flags)
    {
        TlsFault ignored = TlsFault.CertificateChainInvalid;
        foreach ((X509ChainStatusFlags rowStatuses, TlsFault fault, X509VerificationFlags ignoredBy) in s_rows)
        {
            if ((statuses & rowStatuses) == 0)
            {
                continue;
            }
            if ((flags & ignoredBy) == 0)
            {
                return fault;
            }
            ignored = fault;
        }
        return ignored;
    }
}
