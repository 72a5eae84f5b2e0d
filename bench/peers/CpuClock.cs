using System.Runtime.InteropServices;

namespace Segno.Bench.Peers;

/// <summary>CPU time of this thread and of this process, from the kernel (Linux).</summary>
internal static partial class CpuClock
{
    private const int Process = 2;
    private const int Thread = 3;

    public static long ThreadNanoseconds() => Read(Thread);

    public static long ProcessNanoseconds() => Read(Process);

    /// <summary>What one look at the thread's clock costs; every interval contains about one.</summary>
    public static double MeasureCost()
    {
        const int Times = 20_000;
        long start = ThreadNanoseconds();
        for (int i = 0; i < Times; i++)
        {
            _ = ThreadNanoseconds();
        }
        return (double)(ThreadNanoseconds() - start) / Times;
    }

    private static unsafe long Read(int clock)
    {
        Timespec time;
        if (ClockGetTime(clock, &time) != 0)
        {
            throw new PlatformNotSupportedException("clock_gettime");
        }
        return (time.Seconds * 1_000_000_000) + time.Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static unsafe partial int ClockGetTime(int clock, Timespec* time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
