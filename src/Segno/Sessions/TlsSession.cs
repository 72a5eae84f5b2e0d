using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// A TLS session: what outlives a connection and lets a later one skip the certificates (TLS 1.2: RFC 5246 §7.3, RFC 5077;
/// TLS 1.3: RFC 9846 §2.2). One type for both versions and both roles. Immutable, but for the note that it was offered; thread-safe.
/// </summary>
/// <remarks>
/// <para>The secret is not readable through this type; it is kept sealed under a key of this process and opened only for a
/// handshake. <see cref="Export"/> is the one exception.</para>
/// <para>A session is judged when it is offered, not when it is made: that it can be constructed or imported does not mean
/// that it will be accepted.</para>
/// <para>All times are UTC with millisecond precision.</para>
/// </remarks>
public sealed partial class TlsSession
{
    private readonly long _issuedAt;
    private readonly long _expiresAt;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] _wrappedSecret;

    // 1 once it was offered to a server. Copies in this process share it.
    private readonly StrongBox<int> _offered;

    /// <exception cref="ArgumentException"><see cref="TlsSessionState.Problem"/> finds one.</exception>
    internal TlsSession(TlsSessionState state, ReadOnlySpan<byte> secret)
        : this(state, secret, new StrongBox<int>())
    {
    }

    private TlsSession(TlsSessionState state, ReadOnlySpan<byte> secret, StrongBox<int> offered)
    {
        if (state.Problem(secret) is { } problem)
        {
            throw new ArgumentException(problem, nameof(state));
        }
        IsServer = state.IsServer;
        ProtocolVersion = state.ProtocolVersion;
        CipherSuite = state.CipherSuite;
        Hash = state.Hash;
        Scope = state.Scope;
        Lineage = state.Lineage;
        _issuedAt = state.IssuedAt.ToUnixTimeMilliseconds();
        _expiresAt = Math.Min(_issuedAt + (long)state.Lifetime.TotalMilliseconds, state.Lineage.Deadline);
        ServerName = state.ServerName?.ToLowerInvariant();
        TargetHost = state.TargetHost?.ToLowerInvariant();
        TargetPort = state.TargetPort;
        ApplicationProtocol = state.ApplicationProtocol;
        Group = state.Group;
        AgeAdd = state.AgeAdd;
        MaxEarlyDataSize = state.MaxEarlyDataSize;
        Ticket = state.Ticket.ToArray();
        SessionId = state.SessionId.ToArray();
        ExtendedMasterSecret = state.ExtendedMasterSecret;
        OwnCertificateShown = state.OwnCertificateShown;
        ApplicationData = state.ApplicationData.ToArray();
        Zone = state.Zone.ToArray();
        Transport = state.Transport;
        RevocationEpoch = state.RevocationEpoch;
        _wrappedSecret = SecretWrap.Wrap(secret);
        _offered = offered;
    }

    /// <summary>The protocol version: <see cref="SslProtocols.Tls12"/> or <see cref="SslProtocols.Tls13"/>. It is only resumed with the same.</summary>
    public SslProtocols ProtocolVersion { get; }

    /// <summary>The cipher suite of the connection that the session was issued on. TLS 1.2 resumes with this very suite, TLS 1.3 with any of the same hash.</summary>
    public TlsCipherSuite CipherSuite { get; }

    /// <summary>The server name (SNI, RFC 6066 §3) of the connection that the session was issued on, in lower case; <see langword="null"/> without one. At most 255 characters.</summary>
    public string? ServerName { get; }

    /// <summary>Client: the host that the session's connection went to, a name in lower case or an IP address; it is resumed with no other. <see langword="null"/> on a server, and where no target was named.</summary>
    public string? TargetHost { get; }

    /// <summary>Client: the port that the session's connection went to; 0: unknown. The cache keeps sessions by it; who hands a session over (<see cref="TlsClientOptions.Resume"/>) may resume it on another port, as FTPS does.</summary>
    public int TargetPort { get; }

    /// <summary>The application protocol (ALPN, RFC 7301) of that connection; empty without one. A resumed connection negotiates its own.</summary>
    public SslApplicationProtocol ApplicationProtocol { get; }

    /// <summary>When the session was issued (on the client: received).</summary>
    public DateTimeOffset IssuedAt => DateTimeOffset.FromUnixTimeMilliseconds(_issuedAt);

    /// <summary>When the peers authenticated each other: the time of the full handshake at the root of <see cref="LineageId"/>.</summary>
    public DateTimeOffset AuthenticatedAt => DateTimeOffset.FromUnixTimeMilliseconds(Lineage.AuthenticatedAt);

    /// <summary>The last moment at which that authentication may be relied on. Set by the full handshake; no resumption and no renewed ticket extends it.</summary>
    public DateTimeOffset AuthenticationDeadline => DateTimeOffset.FromUnixTimeMilliseconds(Lineage.Deadline);

    /// <summary>The last moment at which the session may be resumed: at most 7 days after <see cref="IssuedAt"/> and never after <see cref="AuthenticationDeadline"/>.</summary>
    public DateTimeOffset ExpiresAt => DateTimeOffset.FromUnixTimeMilliseconds(_expiresAt);

    /// <summary>How many resumptions lie between the full handshake and the connection that the session was issued on; 0 when it was issued on that full handshake.</summary>
    public long ResumptionCount => Lineage.ResumptionCount;

    /// <summary>What all sessions that descend from one full handshake have in common: 16 random bytes. Never sent in the clear.</summary>
    public Guid LineageId => Lineage.Id;

    /// <summary>The peer's certificates as the full handshake verified them, DER, leaf first; empty where the peer showed none.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> PeerCertificates => Lineage.PeerCertificates;

    /// <summary>Whether both sides authenticated each other by certificates in the full handshake at the root of <see cref="LineageId"/>. What resumes the session carries it on.</summary>
    public bool IsMutuallyAuthenticated => IsServer ? PeerCertificates.Count > 0 : OwnCertificateShown;

    /// <summary>Whether this is the server's side of the session. A session never changes sides.</summary>
    public bool IsServer { get; }

    /// <summary>TLS 1.2: whether the secret is bound to the handshake by extended_master_secret (RFC 7627). <see langword="false"/> for TLS 1.3, which always does that.</summary>
    public bool ExtendedMasterSecret { get; }

    /// <summary>How many bytes of early data (0-RTT, RFC 9846 §4.2.10) the session allows; 0 forbids early data.</summary>
    public uint MaxEarlyDataSize { get; }

    /// <summary>
    /// Bytes of the application's own that travel with the session; 0 to 4096. On a server with stateless tickets they travel,
    /// encrypted, to the client and back (<c>TlsConnection.SessionApplicationData</c>); on a client they go where the session
    /// goes (<see cref="WithApplicationData"/>), and never to the server.
    /// </summary>
    public ReadOnlyMemory<byte> ApplicationData { get; }

    internal HashKind Hash { get; }

    internal SessionScope Scope { get; }

    /// <summary>What <see cref="SessionLineage.Next"/> of it gives to the sessions of the connection that resumes this one.</summary>
    internal SessionLineage Lineage { get; }

    internal TlsNamedGroup? Group { get; }

    internal uint AgeAdd { get; }

    /// <summary>Client only: the ticket as the server sent it, which is never looked into; empty for a session that is known by its ID.</summary>
    internal ReadOnlyMemory<byte> Ticket { get; }

    /// <summary>For the NewSessionTicket: whole seconds of it.</summary>
    internal TimeSpan TicketLifetime => TimeSpan.FromMilliseconds(_expiresAt - _issuedAt);

    internal ReadOnlyMemory<byte> SessionId { get; }

    internal bool OwnCertificateShown { get; }

    internal ReadOnlyMemory<byte> Zone { get; }

    internal TransportKind Transport { get; }

    internal uint RevocationEpoch { get; }

    internal DateTimeOffset? PeerCertificateNotAfter
        => Lineage.PeerCertificateNotAfter is { } time ? DateTimeOffset.FromUnixTimeMilliseconds(time) : null;

    internal int SecretLength => _wrappedSecret.Length - SecretWrap.Overhead;

    /// <summary>Whether the session, or the authentication it rests on, is over.</summary>
    internal bool IsOver(DateTimeOffset now) => now.ToUnixTimeMilliseconds() > _expiresAt;

    /// <summary>The same session with other bytes of the application's own.</summary>
    /// <param name="applicationData">The bytes, 0 to 4096; copied.</param>
    /// <returns>A copy. Of a TLS 1.3 session and its copies only one is offered, as of one session.</returns>
    /// <exception cref="ArgumentException">More than 4096 bytes.</exception>
    public TlsSession WithApplicationData(ReadOnlySpan<byte> applicationData)
    {
        Span<byte> secret = stackalloc byte[SecretLength];
        try
        {
            CopySecret(secret);
            return new TlsSession(
                new TlsSessionState
                {
                    IsServer = IsServer,
                    ProtocolVersion = ProtocolVersion,
                    CipherSuite = CipherSuite,
                    Hash = Hash,
                    Scope = Scope,
                    Lineage = Lineage,
                    IssuedAt = IssuedAt,
                    Lifetime = TicketLifetime,
                    ServerName = ServerName,
                    TargetHost = TargetHost,
                    TargetPort = TargetPort,
                    ApplicationProtocol = ApplicationProtocol,
                    Group = Group,
                    AgeAdd = AgeAdd,
                    MaxEarlyDataSize = MaxEarlyDataSize,
                    Ticket = Ticket,
                    SessionId = SessionId,
                    ExtendedMasterSecret = ExtendedMasterSecret,
                    OwnCertificateShown = OwnCertificateShown,
                    ApplicationData = applicationData.ToArray(),
                    Zone = Zone,
                    Transport = Transport,
                    RevocationEpoch = RevocationEpoch,
                },
                secret,
                _offered);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <summary>Makes a session, or none where <see cref="TlsSessionState.Problem"/> finds a problem: what a handshake calls, which must not fail for want of a session.</summary>
    internal static bool TryCreate(TlsSessionState state, ReadOnlySpan<byte> secret, [NotNullWhen(true)] out TlsSession? session)
    {
        session = state.Problem(secret) is null ? new TlsSession(state, secret) : null;
        return session is not null;
    }

    /// <summary>Says that the session is about to be offered to a server. A TLS 1.3 session may be, once (RFC 9846 appendix C.4; R-83, J1).</summary>
    /// <returns>Whether it may.</returns>
    internal bool TryOffer() => Interlocked.Exchange(ref _offered.Value, 1) == 0 || ProtocolVersion == SslProtocols.Tls12;

    /// <summary>The offer never went out.</summary>
    internal void TakeBack() => Volatile.Write(ref _offered.Value, 0);

    /// <summary>Writes the secret: the resumption PSK (1.3) or the main secret (1.2). The caller wipes it.</summary>
    /// <returns>Its length, <see cref="SecretLength"/>.</returns>
    internal int CopySecret(Span<byte> destination) => SecretWrap.Unwrap(_wrappedSecret, destination);
}
