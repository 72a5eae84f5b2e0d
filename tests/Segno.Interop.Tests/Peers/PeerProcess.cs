using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Segno.Interop.Tests.Peers;

/// <summary>A program under test: its output is kept as it comes, waits have limits, and it is ended by its process id.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly MemoryStream _output = new();
    private readonly MemoryStream _printed = new();
    private readonly Task _pumps;
    private readonly string _name;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;

    private PeerProcess(Process process, string name)
    {
        _process = process;
        _name = name;
        _pumps = PumpAllAsync();
    }

    public int Id => _process.Id;

    /// <summary>Whether it is over: no more output comes.</summary>
    public bool HasEnded => Volatile.Read(ref _ended);

    /// <summary>What it wrote so far, stdout and stderr as they came; bytes as Latin-1 characters.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return Encoding.Latin1.GetString(_output.GetBuffer(), 0, (int)_output.Length);
            }
        }
    }

    /// <summary>What it wrote to stdout alone: there data stays whole, whatever is said on stderr meanwhile.</summary>
    public string Printed
    {
        get
        {
            lock (_output)
            {
                return Encoding.Latin1.GetString(_printed.GetBuffer(), 0, (int)_printed.Length);
            }
        }
    }

    /// <summary>The last of the output, for the message of a failed assertion.</summary>
    public string Tail
    {
        get
        {
            string output = Output;
            return $"{_name} said:\n{(output.Length > 3000 ? "…" + output[^3000..] : output)}";
        }
    }

    public static PeerProcess Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? directory = null)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory ?? Path.GetTempPath(),
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment.Remove("SSLKEYLOGFILE");
        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }
        return new PeerProcess(Process.Start(start)!, Path.GetFileName(program));
    }

    /// <summary>Our own command line.</summary>
    public static PeerProcess StartSegno(params string[] arguments) => StartSegno(null, arguments);

    /// <summary>Our own command line, with variables beside those of this process.</summary>
    public static PeerProcess StartSegno(IReadOnlyDictionary<string, string>? environment, string[] arguments) => Start(
        Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
        [Peer.Segno, .. arguments],
        new Dictionary<string, string>(environment ?? new Dictionary<string, string>()) { ["DOTNET_NOLOGO"] = "1", ["NO_COLOR"] = "1" });

    public async Task WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        await _process.StandardInput.BaseStream.WriteAsync(data, cancellationToken);
        await _process.StandardInput.BaseStream.FlushAsync(cancellationToken);
    }

    public Task WriteAsync(string text, CancellationToken cancellationToken) => WriteAsync(Encoding.Latin1.GetBytes(text), cancellationToken);

    public void CloseInput() => _process.StandardInput.Close();

    /// <summary>Waits until the output has what the pattern describes, and returns that.</summary>
    public async Task<Match> WaitForAsync(Regex pattern, CancellationToken cancellationToken, int from = 0)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        while (true)
        {
            Task changed = Volatile.Read(ref _changed).Task;
            bool ended = Volatile.Read(ref _ended);
            Match match = pattern.Match(Output, Math.Min(from, Output.Length));
            if (match.Success)
            {
                return match;
            }
            Assert.False(ended, $"{_name} ended before it said /{pattern}/. {Tail}");
            try
            {
                await changed.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"{_name} did not say /{pattern}/ in time. {Tail}");
            }
        }
    }

    /// <summary>As <see cref="WaitForAsync(Regex, CancellationToken, int)"/>, of a plain text; returns where it ends. Looks at each byte once.</summary>
    public async Task<int> WaitForTextAsync(string text, int from, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        byte[] wanted = Encoding.Latin1.GetBytes(text);
        while (true)
        {
            Task changed = Volatile.Read(ref _changed).Task;
            bool ended = Volatile.Read(ref _ended);
            lock (_output)
            {
                int length = (int)_output.Length;
                int at = from < length ? _output.GetBuffer().AsSpan(from, length - from).IndexOf(wanted) : -1;
                if (at >= 0)
                {
                    return from + at + wanted.Length;
                }
                from = Math.Max(from, length - wanted.Length);
            }
            Assert.False(ended, $"{_name} ended before it said '{text}'. {Tail}");
            try
            {
                await changed.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"{_name} did not say '{text}' in time. {Tail}");
            }
        }
    }

    /// <summary>Waits for the end of the program; returns its exit code.</summary>
    public async Task<int> ExitAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            await _pumps.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{_name} did not end in time. {Tail}");
        }
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }
            await _process.WaitForExitAsync();
        }
        catch (InvalidOperationException)
        {
            // It ended in between.
        }
        _process.Dispose();
        await _output.DisposeAsync();
        await _printed.DisposeAsync();
    }

    private async Task PumpAllAsync()
    {
        await Task.WhenAll(PumpAsync(_process.StandardOutput.BaseStream, isPrinted: true), PumpAsync(_process.StandardError.BaseStream, isPrinted: false));
        Volatile.Write(ref _ended, true);
        Signal();
    }

    private async Task PumpAsync(Stream from, bool isPrinted)
    {
        byte[] buffer = new byte[65536];
        try
        {
            int count;
            while ((count = await from.ReadAsync(buffer)) > 0)
            {
                lock (_output)
                {
                    _output.Write(buffer, 0, count);
                    if (isPrinted)
                    {
                        _printed.Write(buffer, 0, count);
                    }
                }
                Signal();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Disposed while it was being read.
        }
    }

    private void Signal() => Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
