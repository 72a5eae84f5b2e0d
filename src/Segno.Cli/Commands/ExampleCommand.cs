using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Globalization;

namespace Segno.Cli.Commands;

/// <summary>A line one can type, and what it is good for.</summary>
internal sealed record Example(string Line, string Purpose);

/// <summary>A command whose help ends with examples.</summary>
internal class ExampleCommand(string name, string description, params Example[] examples) : Command(name, description)
{
    public IReadOnlyList<Example> Examples => examples;

    /// <summary>What follows the examples, or nothing.</summary>
    public string? Epilogue { get; init; }

    /// <summary>Refuses a value that the library would, in the name of the option that it came by.</summary>
    protected static void InRange<T>(Option option, T? value, T min, T max)
        where T : struct, IComparable<T>
    {
        if (value is { } given && (given.CompareTo(min) < 0 || given.CompareTo(max) > 0))
        {
            throw CliException.Usage(string.Create(CultureInfo.InvariantCulture, $"{option.Name}: {given} is not between {min} and {max}."));
        }
    }
}

/// <summary>The usual help, with the command's examples behind it.</summary>
internal sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int result = help.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        if (parseResult.CommandResult.Command is ExampleCommand command)
        {
            output.WriteLine("Examples:");
            foreach (Example example in command.Examples)
            {
                output.WriteLine($"  {example.Line}");
                output.WriteLine($"      {example.Purpose}");
            }
            if (command.Epilogue is { } epilogue)
            {
                output.WriteLine();
                output.WriteLine(epilogue);
            }
        }
        output.WriteLine();
        output.WriteLine("Exit codes: 0 done; 1 tried and failed (connection, trust, TLS, port in use); 2 wrong usage or unusable file; 130 interrupted.");
        return result;
    }
}
