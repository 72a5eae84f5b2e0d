using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Reflection;
using Segno.Cli.Commands;

namespace Segno.Cli;

/// <summary>The command line as a whole: its commands, its help, its exit codes.</summary>
internal static class CommandLine
{
    /// <summary>How long a command may take to end after Ctrl-C or SIGTERM.</summary>
    private static readonly TimeSpan TerminationTimeout = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CliEnvironment environment, CancellationToken cancellationToken)
    {
        ParseResult parsed = Create(environment).Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (string error in parsed.Errors.Select(error => error.Message).Distinct())
            {
                environment.Error.WriteLine($"segno: {error}");
            }
            environment.Error.WriteLine($"Try '{NameOf(parsed)} --help'.");
            return ExitCodes.Usage;
        }
        var configuration = new InvocationConfiguration
        {
            Output = environment.Output,
            Error = environment.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = TerminationTimeout,
        };
        try
        {
            return await parsed.InvokeAsync(configuration, cancellationToken).ConfigureAwait(false);
        }
        catch (CliException exception)
        {
            environment.Error.WriteLine($"segno: {exception.Message}");
            return exception.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
    }

    private static ExampleCommand Create(CliEnvironment environment)
    {
        // Not a RootCommand: that one takes its name from the file, which is Segno.Cli.dll where it is built and not published.
        var root = new ExampleCommand("segno", "TLS for .NET, built around session resumption.",
            new("segno serve", "Serve a page over HTTPS that shows how each connection came to be."),
            new("segno connect example.com --no-input", "Show what a server negotiates, and whether it can be trusted."),
            new("segno connect example.com --reconnect 5", "See whether it resumes sessions."))
        {
            new ServeCommand(environment),
            new ConnectCommand(environment),
            new KeysCommand(environment),
            new SessionCommand(environment),
        };
        var help = new HelpOption { Recursive = true };
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        root.Options.Add(help);
        var version = new Option<bool>("--version") { Description = "Show the version and exit." };
        root.Options.Add(version);
        root.SetAction(parsed =>
        {
            if (parsed.GetValue(version))
            {
                environment.Output.WriteLine(Version);
                return ExitCodes.Ok;
            }
            environment.Error.WriteLine("segno: which command? Try 'segno --help'.");
            return ExitCodes.Usage;
        });
        return root;
    }

    private static string Version
        => typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private static string NameOf(ParseResult parsed)
    {
        string name = parsed.CommandResult.Command.Name;
        for (SymbolResult? parent = parsed.CommandResult.Parent; parent is CommandResult command; parent = command.Parent)
        {
            name = $"{command.Command.Name} {name}";
        }
        return name;
    }
}
