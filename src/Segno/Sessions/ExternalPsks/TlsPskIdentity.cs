using System.Buffers.Binary;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// By what an external PSK is known: opaque bytes, never text. Two identities are the same only if all their bytes are
/// (RFC 9257 §6.1.1). Immutable and thread-safe.
/// </summary>
/// <remarks>
/// An imported PSK (RFC 9258) has an identity with parts:
/// <code>
/// struct {
///     opaque external_identity&lt;1..2^16-1&gt;;
///     opaque context&lt;0..2^16-1&gt;;
///     uint16 target_protocol;           /* 0x0304: TLS 1.3 */
///     uint16 target_kdf;                /* 1: HKDF_SHA256, 2: HKDF_SHA384 */
/// } ImportedIdentity;
/// </code>
/// </remarks>
public sealed class TlsPskIdentity
{
    internal const int MaxLength = ushort.MaxValue;

    private const ushort Tls13 = 0x0304;

    /// <summary>Takes the bytes as they are on the wire, which nobody may change any more.</summary>
    internal TlsPskIdentity(ReadOnlyMemory<byte> value)
    {
        Value = value;
        ExternalIdentity = value;
        int identityLength = Length(value.Span, 0);
        int contextStart = 2 + identityLength + 2;
        int contextLength = identityLength > 0 ? Length(value.Span, contextStart - 2) : -1;
        if (contextLength < 0 || value.Length != contextStart + contextLength + 4
            || BinaryPrimitives.ReadUInt16BigEndian(value.Span[^4..]) != Tls13)
        {
            return;
        }
        IsImported = true;
        ExternalIdentity = value.Slice(2, identityLength);
        Context = value.Slice(contextStart, contextLength);
        Target = BinaryPrimitives.ReadUInt16BigEndian(value.Span[^2..]) switch
        {
            1 => HashKind.Sha256,
            2 => HashKind.Sha384,
            _ => null,
        };
    }

    /// <summary>The bytes as they are on the wire, in the clear: 1 to 65535.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>Whether it is that of a PSK imported for TLS 1.3 (RFC 9258 §5.1).</summary>
    public bool IsImported { get; }

    /// <summary>By what the PSK was known before it was imported; of one that is not imported, all of <see cref="Value"/>.</summary>
    public ReadOnlyMemory<byte> ExternalIdentity { get; }

    /// <summary>The context that the PSK was imported with; empty without one.</summary>
    public ReadOnlyMemory<byte> Context { get; }

    /// <summary>Imported: the hash of the suites it is for; <see langword="null"/> where the KDF is none of ours.</summary>
    internal HashKind? Target { get; }

    /// <summary>The identity of a PSK imported for TLS 1.3.</summary>
    /// <exception cref="ArgumentException">It is longer than 65535 bytes.</exception>
    internal static TlsPskIdentity Import(ReadOnlySpan<byte> externalIdentity, ReadOnlySpan<byte> context, HashKind target)
    {
        if (externalIdentity.Length + context.Length + 8 > MaxLength)
        {
            throw new ArgumentException($"The imported identity is longer than {MaxLength} bytes; shorten the external identity or the context.", nameof(context));
        }
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        writer.Vector16(externalIdentity);
        writer.Vector16(context);
        writer.UInt16(Tls13);
        writer.UInt16(target == HashKind.Sha256 ? 1 : 2);
        return new TlsPskIdentity(buffer.Span.ToArray());
    }

    /// <summary>The length written at a place; −1 where the bytes end before.</summary>
    private static int Length(ReadOnlySpan<byte> value, int start)
        => start + 2 <= value.Length ? BinaryPrimitives.ReadUInt16BigEndian(value[start..]) : -1;
}
