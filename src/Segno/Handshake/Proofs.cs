using System.Security.Cryptography;
using Segno.Certificates;
using Segno.Sessions;

namespace Segno.Handshake;

// What has been checked, as types: only the check makes the proof, and what must not happen without the check asks for the
// proof. A check that is left out does not compile. Classes, because a struct could be had as its default.

/// <summary>The peer signed the handshake with the key of its certificate. Whether the certificate is to be trusted is another question.</summary>
internal sealed class PossessionVerified
{
    private PossessionVerified(PeerCertificate peer)
    {
        Peer = peer;
    }

    public PeerCertificate Peer { get; }

    /// <summary>Verifies the signature of a CertificateVerify.</summary>
    /// <exception cref="TlsException">It is not one of the key over the content.</exception>
    public static PossessionVerified Check(PeerCertificate peer, TlsSignatureScheme scheme, ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature)
        => Proved(peer, peer.Verifier.Verify(scheme, content, signature));

    /// <summary>As <see cref="Check"/>, reading the scheme as TLS 1.2 does (RFC 5246 §7.4.1.4.1): ServerKeyExchange, CertificateVerify.</summary>
    /// <exception cref="TlsException">It is not one of the key over the content.</exception>
    public static PossessionVerified Check12(PeerCertificate peer, TlsSignatureScheme scheme, ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature)
        => Proved(peer, peer.Verifier.VerifyTls12(scheme, content, signature));

    private static PossessionVerified Proved(PeerCertificate peer, bool verified)
        => verified ? new PossessionVerified(peer) : throw new TlsException(TlsFault.HandshakeSignatureInvalid);
}

/// <summary>The peer is one that this side lets in: by its certificate, by a session, or without either where none is required.</summary>
internal sealed class PeerVerified
{
    private PeerVerified(PeerCertificate? certificate, IReadOnlyList<ReadOnlyMemory<byte>> chain)
    {
        Certificate = certificate;
        Chain = chain;
    }

    /// <summary>The certificate that was examined in this handshake, if one was.</summary>
    public PeerCertificate? Certificate { get; }

    /// <summary>The certificates in DER, leaf first, those of a resumed session included.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Chain { get; }

    /// <summary>The external PSK that stands in place of certificates, that of a resumed session included.</summary>
    public ExternalPskOrigin? ExternalPsk { get; private init; }

    /// <summary>Until when the certificate of this handshake may be relied on.</summary>
    public DateTimeOffset? NotAfter { get; private init; }

    /// <summary>By a certificate that is accepted and whose key the peer has.</summary>
    /// <exception cref="TlsException">The chain was refused.</exception>
    public static PeerVerified ByCertificate(PossessionVerified possession, ChainVerdict verdict)
    {
        if (!ReferenceEquals(verdict.Leaf, possession.Peer.Leaf))
        {
            throw new InvalidOperationException("The verdict is about another certificate.");
        }
        verdict.ThrowIfRefused();
        return new PeerVerified(possession.Peer, possession.Peer.Chain) { NotAfter = verdict.NotAfter };
    }

    /// <summary>By a session that was judged: whoever has its secret is who proved itself when it was made. Finished shows who has it.</summary>
    /// <param name="session">The session.</param>
    /// <param name="rule">What it is worth that its peer was verified then.</param>
    /// <param name="peer">The session's chain, where it was examined again.</param>
    /// <param name="verdict">What became of that.</param>
    /// <exception cref="TlsException">The chain was refused.</exception>
    /// <exception cref="InvalidOperationException">The rule asks for a verdict and there is none, or for more than a session can give.</exception>
    public static PeerVerified BySession(TlsSession session, ResumedPeer rule, PeerCertificate? peer = null, ChainVerdict? verdict = null)
    {
        if (session.PeerCertificates.Count == 0 || rule == ResumedPeer.Reuse)
        {
            return new PeerVerified(null, session.PeerCertificates) { ExternalPsk = session.Lineage.ExternalPsk };
        }
        if (rule == ResumedPeer.Reverify && peer is not null && verdict is not null
            && ReferenceEquals(peer.Chain, session.PeerCertificates) && ReferenceEquals(verdict.Leaf, peer.Leaf))
        {
            verdict.ThrowIfRefused();
            return new PeerVerified(peer, session.PeerCertificates);
        }
        throw new InvalidOperationException("The session's peer certificate was not examined again.");
    }

    /// <summary>By an external PSK: whoever has its secret is who it was made for. The binder and Finished show who has it.</summary>
    public static PeerVerified ByExternalPsk(ExternalPskKey psk) => new(null, []) { ExternalPsk = psk.Origin };

    /// <summary>Server: a client that shows no certificate.</summary>
    /// <exception cref="TlsException">One is required.</exception>
    public static PeerVerified WithoutCertificate(TlsClientCertificateMode mode)
        => mode != TlsClientCertificateMode.Required ? new PeerVerified(null, []) : throw new TlsException(TlsFault.CertificateMissing);
}

/// <summary>The peer's Finished is good, and the peer is verified: the handshake is over, and all of it was what both saw.</summary>
internal sealed class FinishedVerified
{
    private FinishedVerified(PeerVerified peer)
    {
        Peer = peer;
    }

    public PeerVerified Peer { get; }

    /// <summary>Compares the verify_data of a Finished with what it must be .</summary>
    /// <exception cref="TlsException">It has another length, or another value.</exception>
    public static FinishedVerified Check(PeerVerified peer, HandshakeMessage message, ReadOnlySpan<byte> expected)
    {
        if (message.Body.Length != expected.Length)
        {
            throw new TlsException(TlsFault.MessageMalformed, "Finished");
        }
        return CryptographicOperations.FixedTimeEquals(message.Body, expected)
            ? new FinishedVerified(peer)
            : throw new TlsException(TlsFault.FinishedVerificationFailed);
    }
}
