using System.Globalization;
using System.Text;

namespace Segno.Interop.Tests;

/// <summary>
/// Ten million bytes that say at each place which place it is, in digits and ends of lines only: programs with commands at
/// the terminal (openssl, gnutls-cli) see none in them.
/// </summary>
internal static class Payload
{
    public const int Length = 10_000_000;
    public const string Begin = "<<<";
    public const string End = ">>>";
    private const int BlockLength = 10;
    private const int BlocksPerLine = 400;

    /// <summary>The bytes alone.</summary>
    public static byte[] Bytes { get; } = Make();

    /// <summary>The bytes between <see cref="Begin"/> and <see cref="End"/>, and a last end of line.</summary>
    public static byte[] Framed { get; } = [.. Encoding.Latin1.GetBytes(Begin), .. Bytes, .. Encoding.Latin1.GetBytes(End + "\n")];

    /// <summary>Checks that a program's output holds the framed bytes once, whatever it says before and behind them.</summary>
    public static void AssertIn(string output, int from = 0)
    {
        int begin = output.IndexOf(Begin, from, StringComparison.Ordinal);
        Assert.True(begin >= 0, "no data arrived");
        int end = output.IndexOf(End, begin, StringComparison.Ordinal);
        Assert.True(end >= 0, "the end of the data did not arrive");
        AssertSame(Encoding.Latin1.GetBytes(output[(begin + Begin.Length)..end]));
    }

    public static void AssertSame(ReadOnlySpan<byte> received)
    {
        int same = received.CommonPrefixLength(Bytes);
        Assert.True(same == Length && received.Length == Length,
            string.Create(CultureInfo.InvariantCulture, $"{received.Length} bytes arrived, the first {same} of them right"));
    }

    private static byte[] Make()
    {
        byte[] bytes = new byte[Length];
        for (int block = 0; block < Length / BlockLength; block++)
        {
            Span<byte> here = bytes.AsSpan(block * BlockLength, BlockLength);
            block.TryFormat(here, out _, "d9", CultureInfo.InvariantCulture);
            here[^1] = block % BlocksPerLine == BlocksPerLine - 1 ? (byte)'\n' : (byte)'0';
        }
        return bytes;
    }
}
