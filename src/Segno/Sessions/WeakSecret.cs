namespace Segno.Sessions;

/// <summary>No secret, no session; no key, no ticket: what was never filled must not pass for a secret.</summary>
internal static class WeakSecret
{
    /// <summary>Whether the bytes are missing or all the same: zeros, 0xFF, a debug allocator's pattern. Its time depends on the length only.</summary>
    public static bool IsWeak(ReadOnlySpan<byte> secret)
    {
        if (secret.IsEmpty)
        {
            return true;
        }
        int difference = 0;
        foreach (byte value in secret)
        {
            difference |= value ^ secret[0];
        }
        return difference == 0;
    }
}
