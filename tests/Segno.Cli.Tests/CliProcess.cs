using System.Diagnostics;
using System.Globalization;

namespace Segno.Cli.Tests;

/// <summary>The command line as a process of its own.</summary>
internal static class CliProcess
{
    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Segno.Cli.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    /// <summary>Sends a signal that ends a process, and waits for the end.</summary>
    public static async Task SignalAsync(Process process, string signal)
    {
        using (Process kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    public static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill();
        }
    }
}
