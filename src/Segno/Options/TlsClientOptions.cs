using System.Net.Security;
using Segno.Sessions;

namespace Segno;

/// <summary>How a client connects. Names follow <see cref="SslClientAuthenticationOptions"/> where the meaning is the same.</summary>
public sealed class TlsClientOptions : TlsOptions
{
    /// <summary>Takes over the options of a client of <c>SslStream</c>; docs/from-sslstream.md has what becomes of each. Make a context of the result and keep it: that is where sessions are.</summary>
    /// <param name="options">The options. Later changes have no effect; certificates stay the caller's, their keys are used or copied.</param>
    /// <returns>Options of the same meaning.</returns>
    /// <exception cref="ArgumentException">A property is set to something that this library refuses; the message names it and says what to do.</exception>
    public static TlsClientOptions From(SslClientAuthenticationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SslStreamOptions.Convert(options);
    }

    /// <summary>The name that the server's certificate must have, and that is sent as server name (SNI) unless it is an IP address. Where <see langword="null"/>, the certificate's name is a mismatch for the validation callback to judge.</summary>
    public string? TargetHost { get; set; }

    /// <summary>The port connected to, 0 to 65535; part of the key under which sessions are kept. Default 0: unknown.</summary>
    public int TargetPort { get; set; }

    /// <summary>The certificate shown to a server that asks for one. Default <see langword="null"/>: none.</summary>
    public TlsCertificate? ClientCertificate { get; set; }

    /// <summary>Chooses the certificate for a server that asks for one; takes precedence over <see cref="ClientCertificate"/>. May pause. <see langword="null"/> as result: none.</summary>
    public Func<TlsCertificateRequestInfo, CancellationToken, ValueTask<TlsCertificate?>>? ClientCertificateSelector { get; set; }

    /// <summary>Whether the server is asked for an OCSP response, and what becomes of the connection without one. Default <see cref="TlsCertificateStatusMode.SoftFail"/>.</summary>
    public TlsCertificateStatusMode CertificateStatusMode { get; set; } = TlsCertificateStatusMode.SoftFail;

    /// <summary>Where sessions are kept for later connections. Default <see langword="null"/>: a memory cache of the context's own (256 peers, 4 sessions each).</summary>
    public IClientSessionCache? SessionCache { get; set; }

    /// <summary>
    /// The session to resume, instead of one from the cache: by connections to the host that it was made with, on any port. One of
    /// TLS 1.3 is offered once, to whomever first, unless <see cref="AllowTicketReuse"/> says otherwise; connections after that offer
    /// none (<see cref="ResumptionReason.SessionConsumed"/>). Default <see langword="null"/>.
    /// </summary>
    public TlsSession? Resume { get; set; }

    /// <summary>
    /// The external PSKs to offer, 0 to 4, most preferred first; their identities, which go over the wire in the clear, have at most
    /// 32768 bytes together. Such a client speaks TLS 1.3, and is connected to a server that has one of them: see
    /// <see cref="AllowCertificateInsteadOfPsk"/>. Two PSKs with the same identity or the same secret are refused: one PSK is for one
    /// client, one server and one hash (RFC 9257 §6). Default <see langword="null"/>: none. docs/external-psk.md.
    /// </summary>
    public IList<TlsExternalPsk>? ExternalPsks { get; set; }

    /// <summary>Whether a server that takes none of <see cref="ExternalPsks"/> may prove itself by a certificate instead, in either version. Default <see langword="false"/>: <see cref="TlsFault.ExternalPskNotSelected"/>. Without <see cref="ExternalPsks"/> without effect.</summary>
    public bool AllowCertificateInsteadOfPsk { get; set; }

    /// <summary>
    /// Whether <see cref="Resume"/> may be offered although it was offered before. A ticket of TLS 1.3 that is used twice lets who looks
    /// on see that both connections are of one client (RFC 9846 appendix C.4). For protocols where that is known anyway and the server
    /// wants that very session, as on the data connections of FTPS. Without effect on TLS 1.2, whose sessions are for many connections,
    /// and on what the cache has. Default <see langword="false"/>.
    /// </summary>
    public bool AllowTicketReuse { get; set; }

    /// <summary>
    /// Whether only a resumed connection will do. Without a session to offer nothing is sent and the handshake fails with
    /// <see cref="TlsFault.NoSessionToResume"/>; where the server declines, it ends at the ServerHello with
    /// <see cref="TlsFault.ResumptionRequiredButDeclined"/> and the alert handshake_failure, before the server has shown a certificate.
    /// Not together with <see cref="TlsOptions.AllowTlsResume"/> off. Default <see langword="false"/>.
    /// </summary>
    public bool RequireResumption { get; set; }

    /// <summary>The groups to send a key share for in the first hello. Default <see langword="null"/>: the first of <see cref="TlsOptions.SupportedGroups"/>, behind X25519MLKEM768 also the second, and with a session to resume the group of that session instead of the second. Empty: none, which costs a HelloRetryRequest.</summary>
    public IList<TlsNamedGroup>? KeyShareGroups { get; set; }

    /// <summary>How many tickets to ask the server for (RFC 9149). Default <see langword="null"/>: the server decides.</summary>
    public TlsTicketRequest? TicketRequest { get; set; }

    /// <summary>Distinguished names (DER) of the authorities that the server's certificate should be from, as a hint (RFC 9846 §4.3.4). They change nothing about which certificates are accepted. Default <see langword="null"/>: none sent.</summary>
    public IList<ReadOnlyMemory<byte>>? ServerCertificateAuthorities { get; set; }

    /// <summary>Asks for records of at most this many bytes in both directions, 512, 1024, 2048 or 4096, of servers that know only max_fragment_length (RFC 6066 §4); others go by <see cref="TlsOptions.MaxReceiveFragment"/>. Default <see langword="null"/>: does not ask.</summary>
    public int? MaxFragmentLength { get; set; }

    /// <summary>Whether GREASE values (RFC 8701) are sent. Default <see langword="true"/>.</summary>
    public bool SendGrease { get; set; } = true;
}
