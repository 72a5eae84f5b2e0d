using System.Buffers.Binary;
using System.IO.Compression;

namespace Segno.Interop.Tests;

/// <summary>What a PNG looks like from afar: enough to tell a page from a blank one. 8 bits, RGB or RGBA, not interlaced.</summary>
internal sealed record Picture(int Width, int Height, int Colours, double Lightness, double DarkShare)
{
    private const int DarkLimit = 128;

    public static Picture Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        Assert.Equal("IHDR"u8.ToArray(), file[12..16]);
        int width = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16));
        int height = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20));
        Assert.Equal(8, file[24]);
        Assert.Equal(0, file[28]);
        int channels = file[25] switch { 2 => 3, 6 => 4, _ => throw new InvalidDataException($"colour type {file[25]}") };
        byte[] rows = Inflate(file, (width * channels + 1) * height);
        HashSet<int> colours = [];
        double light = 0;
        long dark = 0;
        byte[] above = new byte[width * channels];
        byte[] row = new byte[width * channels];
        for (int y = 0; y < height; y++)
        {
            int start = y * (row.Length + 1);
            Unfilter(rows[start], rows.AsSpan(start + 1, row.Length), above, row, channels);
            for (int x = 0; x < row.Length; x += channels)
            {
                int grey = (row[x] + row[x + 1] + row[x + 2]) / 3;
                light += grey;
                dark += grey < DarkLimit ? 1 : 0;
                colours.Add((row[x] << 16) | (row[x + 1] << 8) | row[x + 2]);
            }
            (above, row) = (row, above);
        }
        double pixels = (double)width * height;
        return new Picture(width, height, colours.Count, light / pixels / 255, dark / pixels);
    }

    private static byte[] Inflate(byte[] file, int length)
    {
        using MemoryStream data = new();
        for (int at = 8; at < file.Length;)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            if (file.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8))
            {
                data.Write(file, at + 8, size);
            }
            at += size + 12;
        }
        data.Position = 0;
        using ZLibStream inflating = new(data, CompressionMode.Decompress);
        byte[] rows = new byte[length];
        inflating.ReadExactly(rows);
        return rows;
    }

    // PNG specification, 9.2: each byte is told relative to its neighbours to the left (a), above (b) and above left (c).
    private static void Unfilter(byte filter, ReadOnlySpan<byte> told, ReadOnlySpan<byte> above, Span<byte> row, int channels)
    {
        for (int i = 0; i < row.Length; i++)
        {
            int a = i >= channels ? row[i - channels] : 0;
            int b = above[i];
            int c = i >= channels ? above[i - channels] : 0;
            int predicted = filter switch
            {
                0 => 0,
                1 => a,
                2 => b,
                3 => (a + b) / 2,
                4 => Paeth(a, b, c),
                _ => throw new InvalidDataException($"filter {filter}"),
            };
            row[i] = unchecked((byte)(told[i] + predicted));
        }
    }

    private static int Paeth(int a, int b, int c)
    {
        int p = a + b - c;
        (int pa, int pb, int pc) = (Math.Abs(p - a), Math.Abs(p - b), Math.Abs(p - c));
        return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
}
