namespace Segno.Redis;

internal static class Tasks
{
    /// <summary>Lets a task go: what becomes of it is looked at by nobody.</summary>
    public static Task<AggregateException?> Forget(this Task task) => task.ContinueWith(
        static done => done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
