using Segno.Diagnostics;

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
    public Sessions.IClientSessionCache SessionCache => Settings.SessionCache;

    internal ClientSettings Settings { get; }

    internal TlsMetrics Metrics { get; }

    internal TimeSpan HandshakeTimeout => Settings.HandshakeTimeout;

    internal TimeSpan IdleTimeout => Settings.IdleTimeout;

    internal TimeProvider TimeProvider => Settings.TimeProvider;
}
