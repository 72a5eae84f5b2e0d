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
    private readonly List<(ExtensionType Type, ReadOnlyMemory<byte> Data)> _extensions = [];

    /// <summary>Nothing.</summary>
    public static ExtensionBlock Empty { get; } = new();

    public int Count => _extensions.Count;

    /// <summary>Whether the last extension is of this type.</summary>
    public bool EndsWith(ExtensionType type) => _extensions.Count > 0 && _extensions[^1].Type == type;

    /// <summary>The types in the order in which they stand.</summary>
    public IEnumerable<ExtensionType> Types => _extensions.Select(extension => extension.Type);

    /// <summary>Reads the block.</summary>
    /// <param name="block">The extensions, without the length of the whole.</param>
    /// <param name="place">The message.</param>
    /// <param name="offered">For a response: what was offered; anything else is refused. <see langword="null"/>: unknown ones are ignored.</param>
    public static ExtensionBlock Read(ReadOnlySpan<byte> block, ExtensionPlace place, IReadOnlySet<ExtensionType>? offered)
    {
        if (block.IsEmpty)
        {
            return Empty;
        }
        var result = new ExtensionBlock();
        byte[] copy = block.ToArray();
        var seen = new HashSet<ExtensionType>();
        var reader = new TlsReader(copy);
        while (!reader.IsEmpty)
        {
            var type = (ExtensionType)reader.UInt16();
            int length = reader.UInt16();
            int offset = copy.Length - reader.Remaining;
            reader.Bytes(length);
            // what is not known, and not an answer, is left alone.
            if (!seen.Add(type))
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
            result._extensions.Add((type, copy.AsMemory(offset, length)));
        }
        return result;
    }

    /// <summary>For a message whose own extensions say which it is: refuses what may not stand in it after all.</summary>
    public void CheckPlace(ExtensionPlace place)
    {
        foreach ((ExtensionType type, _) in _extensions)
        {
            if (ExtensionRules.Places(type) is { } places && (places & place) == 0)
            {
                throw new TlsException(TlsFault.MisplacedExtension, type.ToString());
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
        foreach ((ExtensionType candidate, ReadOnlyMemory<byte> data) in _extensions)
        {
            if (candidate == type)
            {
                return data;
            }
        }
        return null;
    }
}
