using Spectre.Console;

namespace Segno.Cli;

/// <summary>What a command knows of the world around it; tests give it another one.</summary>
internal sealed record CliEnvironment
{
    public required TextWriter Output { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>The raw streams, for bytes that are nobody's text.</summary>
    public required Func<Stream> OpenInput { get; init; }

    public required Func<Stream> OpenOutput { get; init; }

    public required Func<string, string?> Variable { get; init; }

    /// <summary>Asks the user for a secret, which is not shown; <see langword="null"/> where nobody is there to be asked.</summary>
    public Func<string, string?>? AskSecret { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static CliEnvironment OfThisProcess() => new()
    {
        Output = Console.Out,
        Error = Console.Error,
        OpenInput = Console.OpenStandardInput,
        OpenOutput = Console.OpenStandardOutput,
        Variable = Environment.GetEnvironmentVariable,
        AskSecret = Console.IsInputRedirected || Console.IsErrorRedirected ? null : Ask,
    };

    private static string Ask(string question)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Prompt(new TextPrompt<string>(Markup.Escape(question)).Secret(null).AllowEmpty());
    }

    public void Warn(string message) => Error.WriteLine($"segno: warning: {message}");
}
