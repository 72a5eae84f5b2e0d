using System.Globalization;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Fleet;

/// <summary>
/// The clock of a fleet and its clients. It stands still until the test moves it; each process goes by it, give or take a difference
/// of its own, through libfaketime. The monotonic clock, by which timers go, is left alone.
/// </summary>
internal sealed class FleetClock : TimeProvider
{
    private readonly Scratch _scratch;
    private readonly string _library;
    private readonly List<(string Path, TimeSpan Skew)> _processes = [];
    private DateTimeOffset _now;

    public FleetClock(Scratch scratch, DateTimeOffset now)
    {
        _scratch = scratch;
        _library = Library();
        _now = now;
    }

    public override DateTimeOffset GetUtcNow() => _now;

    /// <summary>The variables under which a program goes by this clock.</summary>
    public Dictionary<string, string> Environment(TimeSpan skew = default)
    {
        string path = _scratch.File(string.Create(CultureInfo.InvariantCulture, $"clock-{_processes.Count}"));
        _processes.Add((path, skew));
        Write(path, skew);
        return new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = _library,
            ["FAKETIME_TIMESTAMP_FILE"] = path,
            ["FAKETIME_NO_CACHE"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
            // Waits by the monotonic clock are left alone, too: mended for what ails some versions of glibc, they all end at once here.
            ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",
            ["NO_FAKE_STAT"] = "1",
            ["TZ"] = "UTC",
        };
    }

    /// <summary>Sets all clocks: whoever looks next sees the new time.</summary>
    public void MoveTo(DateTimeOffset now)
    {
        Assert.True(now > _now && now.Ticks % TimeSpan.TicksPerSecond == 0, $"the clock goes from {_now:O} to {now:O}");
        _now = now;
        foreach ((string path, TimeSpan skew) in _processes)
        {
            Write(path, skew);
        }
    }

    public void Move(TimeSpan by) => MoveTo(_now + by);

    /// <summary>All of the file or nothing: it is read at any moment.</summary>
    private void Write(string path, TimeSpan skew)
    {
        File.WriteAllText(path + ".new", (_now + skew).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture));
        File.Move(path + ".new", path, overwrite: true);
    }

    private static string Library()
    {
        // In /usr/lib/<triplet>/faketime on Debian, without the triplet elsewhere.
        string? found = OperatingSystem.IsLinux()
            ? new[] { "/usr/lib", "/usr/lib64", "/usr/local/lib" }
                .Where(Directory.Exists)
                .SelectMany(directory => Directory.GetDirectories(directory, "*-linux-*").Prepend(directory))
                .Select(directory => Path.Combine(directory, "faketime", "libfaketimeMT.so.1"))
                .FirstOrDefault(File.Exists)
            : null;
        if (found is null)
        {
            Peer.Missing("libfaketime is not installed");
        }
        return found;
    }
}
