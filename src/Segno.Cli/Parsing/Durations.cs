using System.Globalization;
using System.Text;

namespace Segno.Cli.Parsing;

/// <summary>Times as people write them: <c>24h</c>, <c>90m</c>, <c>1h30m</c>, <c>500ms</c>; a bare number is seconds.</summary>
internal static class Durations
{
    private static readonly (string Name, long Ticks)[] Units =
    [
        ("d", TimeSpan.TicksPerDay),
        ("h", TimeSpan.TicksPerHour),
        ("m", TimeSpan.TicksPerMinute),
        ("s", TimeSpan.TicksPerSecond),
        ("ms", TimeSpan.TicksPerMillisecond),
    ];

    public static bool TryParse(string text, out TimeSpan value)
    {
        value = default;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds))
        {
            return TryMultiply(seconds, TimeSpan.TicksPerSecond, 0, out value);
        }
        ReadOnlySpan<char> rest = text;
        int unit = -1;
        while (!rest.IsEmpty)
        {
            int digits = Length(rest, char.IsAsciiDigit);
            int letters = Length(rest[digits..], char.IsAsciiLetterLower);
            ReadOnlySpan<char> name = rest.Slice(digits, letters);
            int next = IndexOfUnit(name);

            // Each unit once, the larger before the smaller.
            if (next <= unit
                || !long.TryParse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out long count)
                || !TryMultiply(count, Units[next].Ticks, value.Ticks, out value))
            {
                return false;
            }
            unit = next;
            rest = rest[(digits + letters)..];
        }
        return unit >= 0;
    }

    /// <summary>The largest two units that say it well: <c>2 d 3 h</c>, <c>1 min 5 s</c>, <c>12 ms</c>.</summary>
    public static string Describe(TimeSpan value)
    {
        if (value < TimeSpan.FromSeconds(1))
        {
            return string.Create(CultureInfo.InvariantCulture, $"{value.TotalMilliseconds:0} ms");
        }
        var text = new StringBuilder();
        int parts = 0;
        (long Count, string Unit)[] units = [(value.Days, "d"), (value.Hours, "h"), (value.Minutes, "min"), (value.Seconds, "s")];
        foreach ((long count, string unit) in units)
        {
            if (count > 0 && parts < 2)
            {
                text.Append(CultureInfo.InvariantCulture, $"{(parts > 0 ? " " : "")}{count} {unit}");
            }
            parts += count > 0 || parts > 0 ? 1 : 0;
        }
        return text.ToString();
    }

    private static int Length(ReadOnlySpan<char> text, Func<char, bool> belongs)
    {
        int length = 0;
        while (length < text.Length && belongs(text[length]))
        {
            length++;
        }
        return length;
    }

    private static int IndexOfUnit(ReadOnlySpan<char> name)
    {
        for (int i = 0; i < Units.Length; i++)
        {
            if (name.SequenceEqual(Units[i].Name))
            {
                return i;
            }
        }
        return -1;
    }

    private static bool TryMultiply(long count, long ticks, long plus, out TimeSpan value)
    {
        Int128 sum = ((Int128)count * ticks) + plus;
        value = sum <= long.MaxValue ? new TimeSpan((long)sum) : default;
        return sum <= long.MaxValue;
    }
}
