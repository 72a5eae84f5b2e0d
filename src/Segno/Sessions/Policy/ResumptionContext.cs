using System.Security.Authentication;

namespace Segno.Sessions;

/// <summary>What a <see cref="IResumptionPolicy"/> knows of a handshake: a snapshot, taken once. No address is in it, nor kept anywhere.</summary>
/// <remarks>
/// Rates are per minute, averaged with a half-life of one minute; a first visit counts 0.69. They are those of this context, and forgotten
/// where too many clients come: the busiest 16,384 networks and 4,096 certificates, roughly, are remembered.
/// </remarks>
public readonly record struct ResumptionContext
{
    /// <summary>What is to be decided.</summary>
    public ResumptionStage Stage { get; init; }

    /// <summary>The protocol version of the handshake.</summary>
    public SslProtocols ProtocolVersion { get; init; }

    /// <summary>By which mechanism the client offers a session; <see cref="ResumptionMechanism.None"/> where it offers none.</summary>
    public ResumptionMechanism Mechanism { get; init; }

    /// <summary>In <see cref="ResumptionStage.FullHandshake"/>: why the session that was offered is not resumed.</summary>
    public ResumptionReason Reason { get; init; }

    /// <summary>The server name of the hello, in lower case; <see langword="null"/> without one.</summary>
    public string? ServerName { get; init; }

    /// <summary>The client's network prefix (IPv4 /24, IPv6 /48): a keyed hash, other in each context; 0 where the address is not known (<see cref="TlsConnection.RemoteEndPoint"/>).</summary>
    public ulong ClientNetwork { get; init; }

    /// <summary>Handshakes per minute that come from that network, this one included. 0 where it is not known.</summary>
    public double NetworkRate { get; init; }

    /// <summary>Handshakes per minute of all clients, this one included.</summary>
    public double TotalRate { get; init; }

    /// <summary>How long ago the network's handshake before this one was; <see langword="null"/> where none is remembered.</summary>
    public TimeSpan? ReturnInterval { get; init; }

    /// <summary>The SHA-256 hash of the client's certificate, where a session with one is on offer; else empty. In a full handshake it comes after the verdict.</summary>
    public ReadOnlyMemory<byte> CertificateFingerprint { get; init; }

    /// <summary>Completed handshakes per minute with that certificate; 0 without one.</summary>
    public double CertificateRate { get; init; }

    /// <summary>How long ago the session was issued; <see langword="null"/> where none was found. Zero where the clocks of a fleet differ.</summary>
    public TimeSpan? SessionAge { get; init; }

    /// <summary>How long ago its client made a full handshake; <see langword="null"/> where none was found.</summary>
    public TimeSpan? AuthenticationAge { get; init; }

    /// <summary>How many resumptions lie between that full handshake and the session.</summary>
    public long ResumptionCount { get; init; }

    /// <summary>How busy the server is, 0 to 1 (<see cref="TlsServerOptions.LoadProbe"/>).</summary>
    public double Load { get; init; }
}
