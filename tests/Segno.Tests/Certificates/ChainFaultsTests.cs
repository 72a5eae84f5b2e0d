using System.Security.Cryptography.X509Certificates;
using Segno.Certificates;
using Xunit;

namespace Segno.Tests.Certificates;

public sealed class ChainFaultsTests
{
    [Theory]
    [InlineData(X509ChainStatusFlags.NotSignatureValid, TlsFault.CertificateSignatureInvalid)]
    [InlineData(X509ChainStatusFlags.HasWeakSignature, TlsFault.CertificateSignatureInvalid)]
    [InlineData(X509ChainStatusFlags.Revoked, TlsFault.CertificateRevoked)]
    [InlineData(X509ChainStatusFlags.ExplicitDistrust, TlsFault.CertificateRevoked)]
    [InlineData(X509ChainStatusFlags.UntrustedRoot, TlsFault.CertificateUntrusted)]
    [InlineData(X509ChainStatusFlags.PartialChain, TlsFault.CertificateUntrusted)]
    [InlineData(X509ChainStatusFlags.InvalidBasicConstraints, TlsFault.CertificateIssuerNotCa)]
    [InlineData(X509ChainStatusFlags.InvalidNameConstraints, TlsFault.CertificateNameConstraintViolated)]
    [InlineData(X509ChainStatusFlags.HasNotSupportedNameConstraint, TlsFault.CertificateNameConstraintViolated)]
    [InlineData(X509ChainStatusFlags.HasNotDefinedNameConstraint, TlsFault.CertificateNameConstraintViolated)]
    [InlineData(X509ChainStatusFlags.HasNotPermittedNameConstraint, TlsFault.CertificateNameConstraintViolated)]
    [InlineData(X509ChainStatusFlags.HasExcludedNameConstraint, TlsFault.CertificateNameConstraintViolated)]
    [InlineData(X509ChainStatusFlags.NotValidForUsage, TlsFault.CertificateWrongUsage)]
    [InlineData(X509ChainStatusFlags.NotTimeValid, TlsFault.CertificateExpired)]
    [InlineData(X509ChainStatusFlags.RevocationStatusUnknown, TlsFault.CertificateRevocationUnknown)]
    [InlineData(X509ChainStatusFlags.OfflineRevocation, TlsFault.CertificateRevocationUnknown)]
    [InlineData(X509ChainStatusFlags.HasNotSupportedCriticalExtension, TlsFault.CertificateChainInvalid)]
    [InlineData(X509ChainStatusFlags.Cyclic, TlsFault.CertificateChainInvalid)]
    [InlineData(X509ChainStatusFlags.NoError, TlsFault.CertificateChainInvalid)]
    public void EveryStatusHasItsFault(X509ChainStatusFlags status, TlsFault fault) => Assert.Equal(fault, ChainFaults.Of(status, X509VerificationFlags.NoFlag));

    [Fact]
    public void TheMostTellingFaultWins()
    {
        Assert.Equal(TlsFault.CertificateSignatureInvalid, Of(X509ChainStatusFlags.NotTimeValid | X509ChainStatusFlags.NotSignatureValid));
        Assert.Equal(TlsFault.CertificateRevoked, Of(X509ChainStatusFlags.Revoked | X509ChainStatusFlags.UntrustedRoot));
        Assert.Equal(TlsFault.CertificateUntrusted, Of(X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotTimeValid | X509ChainStatusFlags.NotValidForUsage));
        Assert.Equal(TlsFault.CertificateWrongUsage, Of(X509ChainStatusFlags.NotValidForUsage | X509ChainStatusFlags.NotTimeValid));
        Assert.Equal(TlsFault.CertificateExpired, Of(X509ChainStatusFlags.NotTimeValid | X509ChainStatusFlags.OfflineRevocation));
    }

    [Fact]
    public void WhatThePolicyDoesNotMindNamesNoFaultWhereThereIsAnother()
    {
        const X509ChainStatusFlags Both = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotTimeValid;
        Assert.Equal(TlsFault.CertificateExpired, ChainFaults.Of(Both, X509VerificationFlags.AllowUnknownCertificateAuthority));
        Assert.Equal(TlsFault.CertificateUntrusted, ChainFaults.Of(Both, X509VerificationFlags.IgnoreNotTimeValid));
    }

    private static TlsFault Of(X509ChainStatusFlags statuses) => ChainFaults.Of(statuses, X509VerificationFlags.NoFlag);
}
