namespace Segno.Bench.Peers;

/// <summary>
/// Gives each interval of this thread's CPU time, and of its allocations, to one of the two ends. One look at the clock
/// per change of sides, as in the C driver.
/// </summary>
internal sealed class Meter
{
    private long _time;
    private long _allocated;

    public long ClientCpu { get; private set; }

    public long ServerCpu { get; private set; }

    public long ClientAllocated { get; private set; }

    public long ServerAllocated { get; private set; }

    /// <summary>From here on someone's time runs.</summary>
    public void Start()
    {
        _allocated = GC.GetAllocatedBytesForCurrentThread();
        _time = CpuClock.ThreadNanoseconds();
    }

    /// <summary>What ran since the last look was the client.</summary>
    public void Client()
    {
        (long time, long allocated) = Look();
        ClientCpu += time;
        ClientAllocated += allocated;
    }

    /// <summary>What ran since the last look was the server.</summary>
    public void Server()
    {
        (long time, long allocated) = Look();
        ServerCpu += time;
        ServerAllocated += allocated;
    }

    public void Reset() => ClientCpu = ServerCpu = ClientAllocated = ServerAllocated = 0;

    private (long Time, long Allocated) Look()
    {
        long time = CpuClock.ThreadNanoseconds();
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        (long, long) passed = (time - _time, allocated - _allocated);
        _time = time;
        _allocated = allocated;
        return passed;
    }
}
