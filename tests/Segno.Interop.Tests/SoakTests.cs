using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests;

/// <summary>
/// Many connections through `segno serve`, in a row and at once: none fails, and nothing grows after the warm-up.
/// eng/soak runs it at full size: SEGNO_SOAK_IN_A_ROW=10000, SEGNO_SOAK_AT_ONCE=500.
/// </summary>
public sealed partial class SoakTests(ITestOutputHelper report)
{
    private const long GrowthLimit = 24 * 1024 * 1024;

    private static readonly int _inARow = Number("SEGNO_SOAK_IN_A_ROW", 500);
    private static readonly int _atOnce = Number("SEGNO_SOAK_AT_ONCE", 100);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_connections_in_a_row_and_at_once()
    {
        await using SegnoServe serve = await SegnoServe.StartAsync("ecdsa", Token);
        TlsClientContext context = new(Make.Client());

        // The warm-up does everything that is measured, so that what is compiled or pooled on first use is there.
        int warmUp = Math.Max(300, _inARow / 5);
        int resumed = await InARowAsync(context, serve.Port, warmUp);
        await AtOnceAsync(context, serve.Port);
        await AtOnceAsync(context, serve.Port);
        (long memory, int handles) before = await SettledAsync(serve.Process.Id);

        resumed += await InARowAsync(context, serve.Port, _inARow);
        await AtOnceAsync(context, serve.Port);
        (long memory, int handles) after = await SettledAsync(serve.Process.Id);

        report.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_inARow} in a row, {_atOnce} at once after {warmUp} and twice {_atOnce}: memory {before.memory >> 10} → {after.memory >> 10} KiB, handles {before.handles} → {after.handles}"));
        Assert.Equal(warmUp + _inARow - 1, resumed);
        Assert.True(after.memory - before.memory < GrowthLimit, $"memory grew by {(after.memory - before.memory) >> 10} KiB");
        Assert.InRange(after.handles, 0, before.handles + 4);
        Assert.DoesNotMatch("(?i)error|exception|fail", serve.Process.Output);
    }

    private static async Task<int> InARowAsync(TlsClientContext context, int port, int count)
    {
        int resumed = 0;
        for (int i = 0; i < count; i++)
        {
            await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
            await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
            await AskAsync(stream);
            resumed += stream.Resumption.IsResumed ? 1 : 0;
        }
        return resumed;
    }

    /// <summary>All are connected before the first one asks.</summary>
    private static async Task AtOnceAsync(TlsClientContext context, int port)
    {
        TaskCompletionSource everybodyIsHere = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int here = 0;
        await Task.WhenAll(Enumerable.Range(0, _atOnce).Select(_ => Task.Run(async () =>
        {
            await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
            try
            {
                await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
            }
            catch (Exception e)
            {
                everybodyIsHere.TrySetException(e);
                throw;
            }
            if (Interlocked.Increment(ref here) == _atOnce)
            {
                everybodyIsHere.TrySetResult();
            }
            await everybodyIsHere.Task;
            await AskAsync(stream);
        })));
    }

    private static async Task AskAsync(TlsStream stream)
    {
        await stream.WriteAsync("GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), Token);
        using MemoryStream answer = new();
        await stream.CopyToAsync(answer, Token);
        string text = Encoding.UTF8.GetString(answer.GetBuffer(), 0, (int)answer.Length);
        Assert.StartsWith("HTTP/1.1 200", text, StringComparison.Ordinal);
        Assert.Contains(stream.Resumption.IsResumed ? "true" : "false", ResumedPattern().Match(text).Groups[1].Value, StringComparison.Ordinal);
        await stream.ShutdownAsync();
    }

    /// <summary>Memory and handles once the number of handles rests: connections that end do so a little later at the server.</summary>
    private static async Task<(long Memory, int Handles)> SettledAsync(int process)
    {
        int handles = int.MaxValue;
        for (int same = 0, tries = 0; same < 5 && tries < 100; tries++)
        {
            await Task.Delay(100, Token);
            int now = Directory.GetFiles($"/proc/{process}/fd").Length;
            same = now >= handles ? same + 1 : 0;
            handles = Math.Min(now, handles);
        }
        string line = (await File.ReadAllLinesAsync($"/proc/{process}/status", Token)).First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return (long.Parse(DigitsPattern().Match(line).Value, CultureInfo.InvariantCulture) * 1024, handles);
    }

    private static int Number(string variable, int otherwise)
        => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    [GeneratedRegex("\"resumed\": ?(true|false)")]
    private static partial Regex ResumedPattern();

    [GeneratedRegex(@"\d+")]
    private static partial Regex DigitsPattern();
}
