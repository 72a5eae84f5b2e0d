using System.Buffers.Binary;

namespace Segno.Tests.Connections;

/// <summary>The first ClientHello of a client of ours as it stands in its record, read and changed byte by byte.</summary>
internal static class HelloBytes
{
    /// <summary>Where the extensions begin, behind their length.</summary>
    public static int ExtensionsStart(byte[] hello)
    {
        int suites = 5 + 4 + 2 + 32 + 1 + hello[43];
        int compression = suites + 2 + BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(suites));
        return compression + 1 + hello[compression] + 2;
    }

    /// <summary>Type, start, and length with the header of each extension.</summary>
    public static IEnumerable<(int Type, int Start, int Length)> Extensions(byte[] hello)
    {
        int end = 5 + BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(3));
        for (int at = ExtensionsStart(hello); at < end;)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(at + 2));
            yield return (BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(at)), at, 4 + length);
            at += 4 + length;
        }
    }

    public static bool Has(byte[] hello, int type) => Extensions(hello).Any(extension => extension.Type == type);

    /// <summary>The data of an extension.</summary>
    public static byte[] Extension(byte[] hello, int type)
    {
        (_, int start, int length) = Extensions(hello).Single(extension => extension.Type == type);
        return hello[(start + 4)..(start + length)];
    }

    /// <summary>The hello without an extension.</summary>
    public static byte[] Without(byte[] hello, int type)
    {
        (_, int start, int length) = Extensions(hello).Single(extension => extension.Type == type);
        return Splice(hello, start, length, []);
    }

    /// <summary>The hello with an extension's data replaced.</summary>
    public static byte[] WithData(byte[] hello, int type, byte[] data)
    {
        (_, int start, int length) = Extensions(hello).Single(extension => extension.Type == type);
        return Splice(hello, start, length, Extension(type, data));
    }

    /// <summary>The hello with an extension more, before all others.</summary>
    public static byte[] With(byte[] hello, int type, byte[] data) => Splice(hello, ExtensionsStart(hello), 0, Extension(type, data));

    /// <summary>An extension with its header.</summary>
    public static byte[] Extension(int type, byte[] data)
        => [(byte)(type >> 8), (byte)(type & 0xff), (byte)(data.Length >> 8), (byte)(data.Length & 0xff), .. data];

    /// <summary>The groups of the key shares.</summary>
    public static List<TlsNamedGroup> KeyShares(byte[] hello)
    {
        List<TlsNamedGroup> groups = [];
        byte[] data = Extension(hello, 51);
        for (int at = 2; at < data.Length; at += 4 + BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(at + 2)))
        {
            groups.Add((TlsNamedGroup)BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(at)));
        }
        return groups;
    }

    private static byte[] Splice(byte[] hello, int start, int length, byte[] replacement)
    {
        byte[] changed = [.. hello[..start], .. replacement, .. hello[(start + length)..]];
        int extensions = ExtensionsStart(changed);
        int end = 5 + BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(3)) + replacement.Length - length;
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(3), (ushort)(end - 5));
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(7), (ushort)(end - 9));
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(extensions - 2), (ushort)(end - extensions));
        return changed;
    }
}
