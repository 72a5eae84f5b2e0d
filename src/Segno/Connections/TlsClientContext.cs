using Segno.Certificates;
using Segno.Diagnostics;
using Segno.Sessions;

namespace Segno;

/// <summary>A client's configuration, checked and frozen, with the sessions of its connections. Immutable and thread-safe; make one and keep it.</summary>
public sealed class TlsClientContext
{
    /// <summary>Checks and copies the options.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    public TlsClientContext(TlsClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Settings = new ClientSettings(options);
        Metrics = TlsMetrics.For(options.MeterFactory);
    }

    /// <summary>Where this context keeps its sessions.</summary>
    public IClientSessionCache SessionCache => Settings.SessionCache;

    /// <summary>
    /// Makes a session from one of OpenSSL's (SSL_SESSION, as <c>openssl s_client -sess_out</c> writes it), for connections of this
    /// context or one that is configured alike: hand it to <see cref="TlsClientOptions.Resume"/>.
    /// </summary>
    /// <remarks>
    /// OpenSSL's format says neither how the server was verified nor which host it was: the caller does, by this context and the target.
    /// It has of the server's certificates only the first, and not when the server was authenticated, if the session was itself made on a
    /// resumed connection. The time that it was made at counts as that.
    /// </remarks>
    /// <param name="session">PEM ("SSL SESSION PARAMETERS") or DER. It must come from a trusted place: it decides who the server is taken for.</param>
    /// <param name="targetHost">The host that the session was made with. Where the session has a server name, it must be this one.</param>
    /// <param name="targetPort">Its port; 0: unknown.</param>
    /// <param name="allowUnverified">Whether a session is taken whose server OpenSSL could not verify. Default <see langword="false"/>.</param>
    /// <returns>The session. As every session it is judged when it is offered.</returns>
    /// <exception cref="ArgumentException">The target host is no host name and no IP address, or the port is out of range.</exception>
    /// <exception cref="SessionImportException">The bytes are refused; its problem says why.</exception>
    public TlsSession ImportOpenSsl(ReadOnlySpan<byte> session, string targetHost, int targetPort = 0, bool allowUnverified = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(targetHost);
        ArgumentOutOfRangeException.ThrowIfNegative(targetPort);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(targetPort, ushort.MaxValue);
        ReferenceName name = ServerNames.Normalize(targetHost);
        return OpenSslSession.Read(session, new OpenSslTarget(Settings.Scope, name.Canonical, targetPort, name.SniName, allowUnverified));
    }

    internal ClientSettings Settings { get; }

    internal TlsMetrics Metrics { get; }

    internal TimeSpan HandshakeTimeout => Settings.HandshakeTimeout;

    internal TimeSpan IdleTimeout => Settings.IdleTimeout;

    internal TimeProvider TimeProvider => Settings.TimeProvider;
}
