using System.Globalization;

namespace Segno.Cli.Parsing;

/// <summary>Sizes as people write them: <c>8MiB</c>, <c>512KiB</c>, <c>1GiB</c>; a bare number is bytes. Powers of 1024 alone, so that nobody has to guess.</summary>
internal static class ByteSizes
{
    private static readonly (string Name, int Shift)[] Units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

    public static bool TryParse(string text, out long value)
    {
        (string Name, int Shift) unit = Array.Find(Units, unit => text.EndsWith(unit.Name, StringComparison.Ordinal));
        ReadOnlySpan<char> digits = text.AsSpan(0, text.Length - (unit.Name?.Length ?? 0));
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long count) || count > long.MaxValue >> unit.Shift)
        {
            value = 0;
            return false;
        }
        value = count << unit.Shift;
        return true;
    }
}
