using System.Text;

namespace Segno.Cli.Tests;

/// <summary>The whole command line inside this process, with streams of the test's own.</summary>
internal sealed class CliRun : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly LineWriter _output = new();
    private readonly LineWriter _error = new();
    private readonly MemoryStream _rawOutput = new();
    private readonly Task<int> _run;

    private CliRun(string[] arguments, Stream? input, IReadOnlyDictionary<string, string>? variables, Func<string, string?>? askSecret, TimeProvider? time)
    {
        var environment = new CliEnvironment
        {
            Output = _output,
            Error = _error,
            OpenInput = () => input ?? Stream.Null,
            OpenOutput = () => _rawOutput,
            Variable = name => variables?.GetValueOrDefault(name),
            AskSecret = askSecret,
            Time = time ?? TimeProvider.System,
        };
        _run = Task.Run(() => CommandLine.RunAsync(arguments, environment, _stop.Token));
    }

    public string Output => _output.Text;

    public string Error => _error.Text;

    public byte[] RawOutput => _rawOutput.ToArray();

    public Task<int> Exit => _run;

    public static CliRun Start(
        string[] arguments, Stream? input = null, IReadOnlyDictionary<string, string>? variables = null, Func<string, string?>? askSecret = null, TimeProvider? time = null)
        => new(arguments, input, variables, askSecret, time);

    /// <summary>Runs to its end.</summary>
    public static async Task<CliRun> ToEndAsync(string[] arguments, Stream? input = null, IReadOnlyDictionary<string, string>? variables = null)
    {
        CliRun run = Start(arguments, input, variables);
        await run.Exit.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        return run;
    }

    /// <summary>Waits for a line of standard output that begins so.</summary>
    public async Task<string> LineAsync(string beginning)
    {
        for (int i = 0; i < 400; i++)
        {
            if (Output.Split('\n').FirstOrDefault(line => line.StartsWith(beginning, StringComparison.Ordinal)) is { } line && Output.Contains(line + "\n", StringComparison.Ordinal))
            {
                return line.TrimEnd('\r');
            }
            Assert.False(_run.IsCompleted, $"It ended with {(_run.IsCompletedSuccessfully ? _run.Result : _run.Exception)} before '{beginning}'.\n{Output}\n{Error}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        throw new TimeoutException($"No line '{beginning}' in:\n{Output}\n{Error}");
    }

    /// <summary>As Ctrl-C does.</summary>
    public Task<int> StopAsync()
    {
        _stop.Cancel();
        return _run.WaitAsync(TimeSpan.FromSeconds(20));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private sealed class LineWriter : StringWriter
    {
        private readonly Lock _gate = new();

        public LineWriter()
        {
            NewLine = "\n";
        }

        public string Text
        {
            get
            {
                lock (_gate)
                {
                    return ToString();
                }
            }
        }

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value)
        {
            lock (_gate)
            {
                base.Write(value);
            }
        }

        public override void Write(string? value)
        {
            lock (_gate)
            {
                base.Write(value);
            }
        }

        public override void Write(char[] buffer, int index, int count)
        {
            lock (_gate)
            {
                base.Write(buffer, index, count);
            }
        }

        public override void WriteLine(string? value) => Write(value + NewLine);
    }
}
