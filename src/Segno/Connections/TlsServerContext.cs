namespace Segno;

/// <summary>A server's configuration, checked and frozen, with its ticket keys. Immutable and thread-safe; make one and keep it: sessions are resumed only within one context unless keys are shared.</summary>
public sealed class TlsServerContext : IDisposable
{
    /// <summary>Checks and copies the options.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    public TlsServerContext(TlsServerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Settings = new ServerSettings(options);
    }

    internal ServerSettings Settings { get; }

    internal TimeSpan HandshakeTimeout => Settings.HandshakeTimeout;

    internal TimeSpan IdleTimeout => Settings.IdleTimeout;

    internal TimeProvider TimeProvider => Settings.TimeProvider;

    /// <summary>Wipes the ticket keys, if they are the context's own. Connections may go on; they issue no more tickets.</summary>
    public void Dispose()
    {
        if (Settings.OwnsTicketKeys)
        {
            Settings.TicketKeys?.Dispose();
        }
    }
}
