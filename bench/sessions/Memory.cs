namespace Segno.Bench.Sessions;

/// <summary>What a store in memory returns is there at once.</summary>
internal static class Memory
{
    public static T AtOnce<T>(ValueTask<T> task)
        => task.IsCompletedSuccessfully ? task.Result : throw new InvalidOperationException("Memory needs no waiting.");

    public static void AtOnce(ValueTask task)
    {
        if (!task.IsCompletedSuccessfully)
        {
            throw new InvalidOperationException("Memory needs no waiting.");
        }
    }

    public static void Check(bool done)
    {
        if (!done)
        {
            throw new InvalidOperationException("It did not work.");
        }
    }
}
