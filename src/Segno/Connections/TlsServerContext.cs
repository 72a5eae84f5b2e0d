using Segno.Diagnostics;
using Segno.Sessions;

namespace Segno;

/// <summary>A server's configuration, checked and frozen, with its ticket keys. Immutable and thread-safe; make one and keep it: sessions are resumed only within one context unless <see cref="TlsServerOptions.Group"/> says otherwise.</summary>
public sealed class TlsServerContext : IDisposable
{
    /// <summary>Checks and copies the options.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    public TlsServerContext(TlsServerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        // I6: a factory that throws does so before there are keys to leave behind.
        Metrics = TlsMetrics.For(options.MeterFactory);
        Settings = new ServerSettings(options);
        Metrics.Observe(Settings.TicketKeys, Settings.SessionStore);
    }

    /// <summary>
    /// Where the sessions are kept that clients know by an ID: <see cref="TlsServerOptions.SessionStore"/>, or the context's own
    /// <see cref="MemorySessionStore"/>, which counts what it does. <see langword="null"/> where there are no such sessions.
    /// </summary>
    public ISessionStore? SessionStore => Settings.SessionStore;

    internal ServerSettings Settings { get; }

    internal TlsMetrics Metrics { get; }

    internal TimeSpan HandshakeTimeout => Settings.HandshakeTimeout;

    internal TimeSpan IdleTimeout => Settings.IdleTimeout;

    internal TimeProvider TimeProvider => Settings.TimeProvider;

    /// <summary>
    /// Wipes what is the context's own: ticket keys, the keys of stored sessions, the store in memory. What the options named stays
    /// its owner's. Connections may go on; they issue no more tickets and store no more sessions.
    /// </summary>
    public void Dispose()
    {
        if (Settings.OwnsTicketKeys)
        {
            Settings.TicketKeys?.Dispose();
        }
        Settings.PolicyGate?.Dispose();
        Settings.StoredSessions?.Dispose();
        Settings.OwnedSessionStore?.Dispose();
    }
}
