using Segno.Buffers;

namespace Segno.Handshake.Extensions;

/// <summary>The extensions of one message, checked for syntax, repetition and place (RFC 9846 §4.3).</summary>
/// <remarks><code>
/// struct {
///     ExtensionType extension_type;
///     opaque extension_data&lt;0..2^16-1&gt;;
/// } Extension;
/// </code></remarks>
internal sealed class ExtensionBlock
{
    /// <summary>Up to so many, who looks for one twice walks along them.</summary>
    private const int MaxWalked = 32;

    private readonly List<Entry> _extensions;
    private readonly ReadOnlyMemory<byte> _block;

    private ExtensionBlock(ReadOnlyMemory<byte> block, int capacity)
    {
        _block = block;
        _extensions = new List<Entry>(capacity);
    }

    /// <summary>Nothing.</summary>
    public static ExtensionBlock Empty { get; } = new(default, 0);

    public int Count => _extensions.Count;

    /// <summary>Whether the last extension is of this type.</summary>
    public bool EndsWith(ExtensionType type) => _extensions.Count > 0 && _extensions[^1].Type == type;

    /// <summary>The types in the order in which they stand.</summary>
    public IEnumerable<ExtensionType> Types => _extensions.Select(extension => extension.Type);

    /// <summary>Reads the block, of which it keeps a copy.</summary>
    /// <param name="block">The extensions, without the length of the whole.</param>
    /// <param name="place">The message.</param>
    /// <param name="offered">For a response: what was offered; anything else is refused. <see langword="null"/>: unknown ones are ignored.</param>
    public static ExtensionBlock Read(ReadOnlySpan<byte> block, ExtensionPlace place, IReadOnlySet<ExtensionType>? offered)
        => Read((ReadOnlyMemory<byte>)block.ToArray(), place, offered);

    /// <summary>Reads the block where it is: the memory is its own from here on.</summary>
    public static ExtensionBlock Read(ReadOnlyMemory<byte> block, ExtensionPlace place, IReadOnlySet<ExtensionType>? offered)
    {
        if (block.IsEmpty)
        {
            return Empty;
        }
        var result = new ExtensionBlock(block, place == ExtensionPlace.ClientHello ? 20 : 4);
        HashSet<ExtensionType>? seen = null;
        var reader = new TlsReader(block.Span);
        while (!reader.IsEmpty)
        {
            var type = (ExtensionType)reader.UInt16();
            int length = reader.UInt16();
            int offset = block.Length - reader.Remaining;
            reader.Bytes(length);
            // what is not known, and not an answer, is left alone.
            if (!(seen?.Add(type) ?? !result.Has(type)))
            {
                throw new TlsException(TlsFault.DuplicateExtension, type.ToString());
            }
            if (offered is not null && !offered.Contains(type))
            {
                throw new TlsException(TlsFault.UnsolicitedExtension, type.ToString());
            }
            if (ExtensionRules.Places(type) is { } places && (places & place) == 0)
            {
                throw new TlsException(TlsFault.MisplacedExtension, type.ToString());
            }
            result._extensions.Add(new Entry(type, (ushort)offset, (ushort)length));
            if (result.Count == MaxWalked)
            {
                // However many there are, each costs the same.
                seen = [.. result.Types];
            }
        }
        return result;
    }

    /// <summary>For a message whose own extensions say which it is: refuses what may not stand in it after all.</summary>
    public void CheckPlace(ExtensionPlace place)
    {
        foreach (Entry entry in _extensions)
        {
            if (ExtensionRules.Places(entry.Type) is { } places && (places & place) == 0)
            {
                throw new TlsException(TlsFault.MisplacedExtension, entry.Type.ToString());
            }
        }
    }

    public bool Has(ExtensionType type) => Find(type) is not null;

    /// <summary>A reader over the extension's data; what does not parse is <see cref="TlsFault.ExtensionMalformed"/>.</summary>
    public bool TryGet(ExtensionType type, out TlsReader data)
    {
        ReadOnlyMemory<byte>? found = Find(type);
        data = new TlsReader(found is { } memory ? memory.Span : default, TlsFault.ExtensionMalformed, type.ToString());
        return found is not null;
    }

    public ReadOnlyMemory<byte>? Find(ExtensionType type)
    {
        foreach (Entry entry in _extensions)
        {
            if (entry.Type == type)
            {
                return _block.Slice(entry.Offset, entry.Length);
            }
        }
        return null;
    }

    // The block is at most 65535 bytes long.
    private readonly record struct Entry(ExtensionType Type, ushort Offset, ushort Length);
}
