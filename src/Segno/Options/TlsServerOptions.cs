using System.Net.Security;
using Segno.Sessions;

namespace Segno;

/// <summary>Whether a server asks its clients for a certificate.</summary>
public enum TlsClientCertificateMode
{
    /// <summary>Not asked for.</summary>
    None,
    /// <summary>Asked for; a client may have none.</summary>
    Optional,
    /// <summary>Required: a client without one is refused with certificate_required.</summary>
    Required,
}

/// <summary>What the tickets of a server are (RFC 9846 §4.7.1).</summary>
public enum TlsTicketMode
{
    /// <summary>The session itself, sealed under a ticket key: the server keeps nothing. Whoever has the key opens all of them, and a ticket can be used again until it expires.</summary>
    Stateless,
    /// <summary>
    /// A reference into the session store. Each is good for one use, and then nothing is left from which its connection could be
    /// opened. A session that the store does not keep gets no ticket. TLS 1.2, whose sessions are used many times, has session IDs and no tickets.
    /// </summary>
    Stateful,
    /// <summary>
    /// Stateful where the store keeps the session, stateless where it does not: because it is full, down or too slow. TLS 1.2 is as with
    /// <see cref="Stateless"/>, because it must choose before the store is asked.
    /// </summary>
    Automatic,
}

/// <summary>How a server answers. Names follow <see cref="SslServerAuthenticationOptions"/> where the meaning is the same.</summary>
public sealed class TlsServerOptions : TlsOptions
{
    /// <summary>Takes over the options of a server of <c>SslStream</c>; docs/from-sslstream.md has what becomes of each. Make a context of the result and keep it: that is where sessions are.</summary>
    /// <param name="options">The options. Later changes have no effect; certificates stay the caller's, their keys are used or copied.</param>
    /// <returns>Options of the same meaning.</returns>
    /// <exception cref="ArgumentException">A property is set to something that this library refuses; the message names it and says what to do.</exception>
    public static TlsServerOptions From(SslServerAuthenticationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return SslStreamOptions.Convert(options);
    }

    /// <summary>The certificates to choose from by the client's signature schemes, most preferred first. Empty only with <see cref="CertificateSelector"/>, <see cref="ContextSelector"/> or <see cref="ExternalPskSelector"/>.</summary>
    public IList<TlsCertificate> ServerCertificates { get; set; } = [];

    /// <summary>Chooses the certificate by what the client says; takes precedence over <see cref="ServerCertificates"/>. May pause. <see langword="null"/> as result refuses with unrecognized_name.</summary>
    public Func<TlsClientHelloInfo, CancellationToken, ValueTask<TlsCertificate?>>? CertificateSelector { get; set; }

    /// <summary>Chooses a whole configuration (a virtual host) by what the client says, before anything else is decided, resumption included. May pause. <see langword="null"/> as result refuses with unrecognized_name.</summary>
    public Func<TlsClientHelloInfo, CancellationToken, ValueTask<TlsServerContext?>>? ContextSelector { get; set; }

    /// <summary>
    /// Finds the external PSK of an identity that a client offers. May pause. <see langword="null"/> as result: not known, and the next
    /// identity is looked at, two in one hello at most; then the certificate. A PSK that has not this very identity, byte for byte, is as good
    /// as none. Asked again when a session is resumed that began with a PSK: when it is not known any more, or has another secret, the
    /// session is declined. A server without certificates answers an unknown identity as it does a wrong binder. TLS 1.3 only.
    /// Default <see langword="null"/>: no external PSKs. docs/external-psk.md.
    /// </summary>
    public Func<TlsPskIdentity, CancellationToken, ValueTask<TlsExternalPsk?>>? ExternalPskSelector { get; set; }

    /// <summary>Whether a client with an external PSK is let in where <see cref="ClientCertificateMode"/> is <see cref="TlsClientCertificateMode.Required"/>: in such a handshake nobody can show a certificate (RFC 9846 §4.4.2). Default <see langword="false"/>: requiring certificates and having an <see cref="ExternalPskSelector"/> contradict each other.</summary>
    public bool AllowPskInsteadOfClientCertificate { get; set; }

    /// <summary>Whether clients are asked for a certificate. Default <see cref="TlsClientCertificateMode.None"/>.</summary>
    public TlsClientCertificateMode ClientCertificateMode { get; set; }

    /// <summary>Distinguished names (DER) of acceptable client-certificate authorities, sent as a hint. Default <see langword="null"/>: none sent.</summary>
    public IList<ReadOnlyMemory<byte>>? ClientCertificateAuthorities { get; set; }

    /// <summary>
    /// The name under which contexts share sessions, 1 to 255 characters: contexts that have the same keys or the same store resume
    /// each other's sessions only under the same name, and give the same name only if whoever is let in by one may be let in by the
    /// other. Required with <see cref="TicketKeys"/> or <see cref="SessionStore"/>. Default <see langword="null"/>: a random name of
    /// the context's own, so that it shares with nobody.
    /// </summary>
    public string? Group { get; set; }

    /// <summary>The ticket keys. Default <see langword="null"/>: random ones of the context's own, rotated daily. Keys given here need a <see cref="Group"/>.</summary>
    public TicketKeyRing? TicketKeys { get; set; }

    /// <summary>Whose sessions are revoked, asked in each resumption; may be shared, and changed at any time. Default <see langword="null"/>: nobody's.</summary>
    public IRevocationList? Revocations { get; set; }

    /// <summary>Decides client by client, within what these options allow: to decline a session, and what the client gets to resume with. Default <see langword="null"/>: all that is allowed. See docs/policy.md.</summary>
    public IResumptionPolicy? ResumptionPolicy { get; set; }

    /// <summary>
    /// How busy this server is, from 0 (idle) to 1 (no more can be done), as <see cref="ResumptionPolicy"/> is told. Called in each
    /// handshake, from many threads: it returns a number that is there. One out of the range is brought into it; NaN, or an exception,
    /// counts as 0. Default <see langword="null"/>: the share of its processors that the process has used of late.
    /// </summary>
    public Func<double>? LoadProbe { get; set; }

    /// <summary>How long a TLS 1.3 ticket is good, 0 to 7 days (RFC 9846 §4.7.1), and never longer than <see cref="TicketKeyRing.TicketLifetime"/> of <see cref="TicketKeys"/>. Default 24 h; zero sends none.</summary>
    public TimeSpan TicketLifetime { get; set; } = TimeSpan.FromHours(24);

    /// <summary>
    /// Whether tickets hold the session or say where it is stored. It is about tickets to come: those of either kind are taken back,
    /// wherever this server has their key or their store. Default <see cref="TlsTicketMode.Stateless"/>.
    /// </summary>
    public TlsTicketMode TicketMode { get; set; }

    /// <summary>
    /// Where the sessions are kept that clients know by an ID, or by a stateful ticket. Default <see langword="null"/>: a
    /// <see cref="MemorySessionStore"/> of the context's own, of 20,000 sessions and 8 MiB. One given here stays the caller's to
    /// dispose, needs a <see cref="Group"/>, and may be shared: contexts that have the same <see cref="MemorySessionStore"/>, or the
    /// same store of another kind and the same <see cref="TicketKeys"/>, resume each other's sessions. None is made or used where
    /// <see cref="TlsOptions.AllowTlsResume"/> is off.
    /// </summary>
    public ISessionStore? SessionStore { get; set; }

    /// <summary>How long a TLS 1.2 session may be resumed, by its ID or by a ticket, 0 to 24 hours (RFC 5246 §F.1.4, RFC 5077 §5.6), and never longer than <see cref="TicketKeyRing.TicketLifetime"/> of <see cref="TicketKeys"/>. Default 1 h; zero keeps none.</summary>
    public TimeSpan Tls12SessionLifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How many tickets follow a full handshake, 0 to 8. Default 2. TLS 1.2 has at most one; with 0 its clients get a session ID instead.</summary>
    public int TicketCount { get; set; } = 2;

    /// <summary>How many tickets follow a resumed handshake, 0 to 8. Default 1. TLS 1.2 has at most one, and none before half of the old one is over; with 0 it is not renewed.</summary>
    public int TicketCountOnResumption { get; set; } = 1;

    /// <summary>
    /// Whether sessions wait for the application's own verdict on the client, such as a login: until
    /// <see cref="TlsConnection.CommitSessionAsync"/> there is none that could be resumed, whatever becomes of the connection. TLS 1.2
    /// then has session IDs alone, because its tickets come too early to wait. Default <see langword="false"/>: sessions are usable
    /// when the handshake is complete.
    /// </summary>
    public bool DeferSessions { get; set; }

    /// <summary>For how long a peer's authentication may be carried on by resumption, whatever is renewed. Default <see langword="null"/>: 7 days, 24 hours with client certificates.</summary>
    public TimeSpan? AuthenticationLifetime { get; set; }

    /// <summary>
    /// How many bytes of early data (0-RTT, RFC 9846 §2.3) a ticket allows, 0 to 262144. Default 0: none is offered or accepted. More needs a
    /// <see cref="ReplayGuard"/>; 14336 fits into a first flight. <b>What a client sends early can be replayed until the handshake is
    /// complete, and is not forward secret</b>: see docs/early-data.md before you set it.
    /// </summary>
    public int MaxEarlyDataSize { get; set; }

    /// <summary>Remembers which early data was accepted, so that it is accepted once (RFC 9846 §8). Required with <see cref="MaxEarlyDataSize"/>. Default <see langword="null"/>. It stays the caller's, and may be shared.</summary>
    public IReplayGuard? ReplayGuard { get; set; }

    /// <summary>By how much the age that a client tells of its ticket may differ from what this server sees, for early data to be accepted (RFC 9846 §8.3): more than 0, at most 60 s. Default 10 s.</summary>
    public TimeSpan EarlyDataWindow { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether a stream hands early data out before the handshake is complete. Default <see langword="false"/>: authentication ends with the
    /// handshake, and what came early is read first, when it can no longer be a replay; that saves the client a round trip. With
    /// <see langword="true"/> authentication ends when early data is accepted, and until <see cref="TlsConnection.IsHandshakeCompleted"/> what is read <b>may be a replay</b>;
    /// that saves another one.
    /// </summary>
    public bool DeliverEarlyDataAtOnce { get; set; }

    /// <summary>Whether the server's order of cipher suites wins over the client's. Default <see langword="true"/>.</summary>
    public bool PreferServerCipherSuites { get; set; } = true;
}
