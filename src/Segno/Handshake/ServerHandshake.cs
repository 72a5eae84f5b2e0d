using System.Net.Security;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>What a server's states share.</summary>
internal sealed class ServerHandshake(HandshakeLink link, ServerSettings settings)
{
    public HandshakeLink Link { get; } = link;

    public ServerSettings Settings { get; set; } = settings;

    /// <summary>What the application's policy leaves of the settings.</summary>
    public ServerPolicy Policy => field ??= new ServerPolicy(this);

    public string? ServerName { get; set; }

    public CipherSuiteInfo? Suite { get; set; }

    public TlsSession? Resumed { get; set; }

    /// <summary>The external PSK that stands in place of certificates.</summary>
    public ExternalPskKey? ExternalPsk { get; set; }

    public TlsCertificate? Certificate { get; set; }

    public TlsSignatureScheme Scheme { get; set; }

    /// <summary>Whether the client's psk_key_exchange_modes let it use a ticket of ours (RFC 9846 §4.3.9).</summary>
    public bool MayIssueTickets { get; set; }

    /// <summary>How many tickets follow the handshake.</summary>
    public int TicketCount { get; set; }

    public ValueTask<TlsCertificate?> SelectCertificate(ClientHello hello)
        => Settings.CertificateSelector is { } selector
            ? selector(hello.ToInfo(ServerName, Link.Sender), Link.Aborted)
            : new ValueTask<TlsCertificate?>((TlsCertificate?)null);

    /// <summary>
    /// The certificates to choose from: the selector's, or all, those first whose chains are signed as the client wishes. Where
    /// none is, the client gets one all the same: it may know better than its hello (RFC 9846 §4.5.1.2).
    /// </summary>
    public IEnumerable<TlsCertificate> Candidates(TlsCertificate? selected, ClientHello hello, ushort[] schemes)
    {
        ushort[] chainSchemes = hello.UInt16List(ExtensionType.SignatureAlgorithmsCert) ?? schemes;
        List<ReadOnlyMemory<byte>> authorities = CertificateAuthorities.Read(hello.Extensions);
        return selected is not null ? [selected]
            : Settings.CertificateSelector is not null ? throw new TlsException(TlsFault.UnrecognizedServerName)
            : Settings.Certificates.Length < 2 ? Settings.Certificates
            : Settings.Certificates
                .OrderByDescending(certificate => certificate.Signatures.IsSignedWith(chainSchemes))
                .ThenByDescending(certificate => certificate.Signatures.IsIssuedBy(authorities));
    }

    /// <summary>ALPN (RFC 7301 §3.2): our first one that the client offers, of this connection whatever the session had; none in common is refused .</summary>
    public void ChooseApplicationProtocol(ClientHello hello)
    {
        SslApplicationProtocol[] ours = Settings.ApplicationProtocols;
        List<SslApplicationProtocol> theirs = hello.ApplicationProtocols();
        if (ours.Length == 0 || theirs.Count == 0)
        {
            return;
        }
        int index = Array.FindIndex(ours, theirs.Contains);
        Link.Info.ApplicationProtocol = index >= 0 ? ours[index] : throw new TlsException(TlsFault.NoCommonApplicationProtocol);
    }

    public void WriteApplicationProtocol(TlsWriter writer)
    {
        if (Link.Info.ApplicationProtocol is not { Protocol.Length: > 0 } protocol)
        {
            return;
        }
        writer.UInt16((int)ExtensionType.ApplicationLayerProtocolNegotiation);
        TlsWriter.OpenVector extension = writer.Open(2);
        TlsWriter.OpenVector list = writer.Open(2);
        writer.Vector8(protocol.Protocol.Span);
        writer.Close(list);
        writer.Close(extension);
    }

    /// <summary>The OCSP response to staple to the certificate; empty: the client did not ask, or there is none.</summary>
    public ReadOnlyMemory<byte> ChooseOcspResponse(ClientHello hello)
        => Link.Info.StapledOcspResponse = CertificateStatus.IsRequested(hello.Extensions) ? Certificate!.OcspResponse : default;

    public void ReportResumed(TlsSession session)
    {
        Resumed = session;
        Link.ApplicationData ??= session.ApplicationData;
        Link.Info.SessionAge = Link.Now - session.IssuedAt;
        Link.Info.AuthenticatedAt = session.AuthenticatedAt;
        Link.Info.LineageId = session.LineageId;
        Link.Info.ResumptionCount = session.ResumptionCount + 1;
    }

    /// <summary>The lineage of the sessions of a full handshake, or of one by an external PSK.</summary>
    public SessionLineage BeginLineage(PeerVerified peer)
    {
        // The same moment on this connection and on all that resume it.
        Link.Info.AuthenticatedAt = Link.Now;
        SessionLineage lineage = SessionLineage.Begin(
            Link.Info.AuthenticatedAt,
            Settings.AuthenticationLifetime,
            peer.Chain,
            peer.Certificate?.Leaf.NotAfter.ToUniversalTime(),
            Certificate?.Certificate.NotAfter.ToUniversalTime(),
            Link.Crypto,
            peer.ExternalPsk);
        Link.Info.LineageId = lineage.Id;
        return lineage;
    }
}
