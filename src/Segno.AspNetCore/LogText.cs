using System.Globalization;
using System.Text;

namespace Segno.AspNetCore;

/// <summary>Makes text that may come from a peer fit for a log: one line, bounded, nothing that a terminal obeys or that hides.</summary>
internal static class LogText
{
    /// <summary>How many characters are kept.</summary>
    public const int MaxLength = 512;

    // I8
    public static string Escape(string text)
    {
        string kept = text.Length > MaxLength ? string.Concat(text.AsSpan(0, MaxLength), "…") : text;
        if (kept.All(IsHarmless))
        {
            return kept;
        }
        var escaped = new StringBuilder(2 * kept.Length);
        foreach (char character in kept)
        {
            _ = IsHarmless(character) ? escaped.Append(character) : escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
        }
        return escaped.ToString();
    }

    /// <summary>Not: control characters, line separators, what changes the direction of writing, surrogates, of which one may stand alone.</summary>
    private static bool IsHarmless(char character) => char.GetUnicodeCategory(character)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}
