namespace Segno.Sessions;

/// <summary>What to do with answers that are mostly there already: at once and without a task where they are.</summary>
internal static class ValueTasks
{
    /// <summary>What comes of a result, when there is one.</summary>
    public static ValueTask<TNext> Then<T, TNext>(this ValueTask<T> task, Func<T, TNext> next)
    {
        return task.IsCompletedSuccessfully ? new ValueTask<TNext>(next(task.Result)) : WaitAsync(task, next);

        static async ValueTask<TNext> WaitAsync(ValueTask<T> task, Func<T, TNext> next) => next(await task.ConfigureAwait(false));
    }

    /// <summary>All results, in order.</summary>
    public static ValueTask<T[]> All<T>(ValueTask<T>[] tasks)
    {
        return Array.TrueForAll(tasks, static task => task.IsCompletedSuccessfully)
            ? new ValueTask<T[]>(Array.ConvertAll(tasks, static task => task.Result))
            : new ValueTask<T[]>(Task.WhenAll(tasks.Select(static task => task.AsTask())));
    }
}
