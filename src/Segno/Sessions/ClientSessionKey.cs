using System.Net.Security;
using Segno.Buffers;

namespace Segno.Sessions;

/// <summary>For which connections of a client a session may be used: everything that could change what is thought of the peer. Immutable; compared by value.</summary>
public sealed class ClientSessionKey : IEquatable<ClientSessionKey>
{
    private readonly SslApplicationProtocol[] _applicationProtocols;
    private readonly byte[] _scopeDigest;

    // The offer as ALPN writes it: what is compared.
    private readonly byte[] _offer;
    private readonly int _hashCode;

    /// <summary>Makes a key.</summary>
    /// <param name="host">The host that is connected to, as a name or an address; compared without regard to case.</param>
    /// <param name="port">The port, 0 to 65535; 0 when unknown.</param>
    /// <param name="serverName">The server name that is sent (SNI), compared without regard to case; <see langword="null"/> when none is.</param>
    /// <param name="applicationProtocols">The protocols that are offered (ALPN), in order; empty when none are.</param>
    /// <param name="scopeDigest">The digest of the client's scope: its trust, checks, certificate and tenant. Not empty.</param>
    /// <exception cref="ArgumentException">The host or the digest is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The port is out of range.</exception>
    public ClientSessionKey(
        string host, int port, string? serverName, IEnumerable<SslApplicationProtocol> applicationProtocols, ReadOnlySpan<byte> scopeDigest)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        ArgumentOutOfRangeException.ThrowIfNegative(port);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
        ArgumentNullException.ThrowIfNull(applicationProtocols);
        if (scopeDigest.IsEmpty)
        {
            throw new ArgumentException("The digest of the scope is empty.", nameof(scopeDigest));
        }
        Host = host.ToLowerInvariant();
        Port = port;
        ServerName = serverName?.ToLowerInvariant();
        _applicationProtocols = [.. applicationProtocols];
        _scopeDigest = scopeDigest.ToArray();
        using (var buffer = new FlightBuffer())
        {
            var writer = new TlsWriter(buffer);
            foreach (SslApplicationProtocol protocol in _applicationProtocols)
            {
                writer.Vector8(protocol.Protocol.Span);
            }
            _offer = buffer.Span.ToArray();
        }
        var hash = new HashCode();
        hash.Add(Host, StringComparer.Ordinal);
        hash.Add(Port);
        hash.Add(ServerName, StringComparer.Ordinal);
        hash.AddBytes(_offer);
        hash.AddBytes(_scopeDigest);
        _hashCode = hash.ToHashCode();
    }

    /// <summary>The host, in lower case.</summary>
    public string Host { get; }

    /// <summary>The port, 0 to 65535.</summary>
    public int Port { get; }

    /// <summary>The server name (SNI), in lower case; <see langword="null"/> when none is sent.</summary>
    public string? ServerName { get; }

    /// <summary>The offered protocols (ALPN), in order.</summary>
    public IReadOnlyList<SslApplicationProtocol> ApplicationProtocols => _applicationProtocols;

    /// <summary>The digest of the client's scope.</summary>
    public ReadOnlyMemory<byte> ScopeDigest => _scopeDigest;

    /// <summary>Whether both keys stand for the same connections.</summary>
    /// <param name="other">The other key.</param>
    public bool Equals(ClientSessionKey? other)
        => other is not null
            && _hashCode == other._hashCode
            && Port == other.Port
            && string.Equals(Host, other.Host, StringComparison.Ordinal)
            && string.Equals(ServerName, other.ServerName, StringComparison.Ordinal)
            && PublicData.Equal(_offer, other._offer)
            && PublicData.Equal(_scopeDigest, other._scopeDigest);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ClientSessionKey);

    /// <inheritdoc/>
    public override int GetHashCode() => _hashCode;

    /// <summary>Host, port and server name, for logs.</summary>
    public override string ToString() => ServerName is null || ServerName == Host ? $"{Host}:{Port}" : $"{Host}:{Port} ({ServerName})";
}
