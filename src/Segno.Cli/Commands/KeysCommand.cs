using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Segno.Cli.Json;
using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Commands;

/// <summary><c>segno keys</c>: makes, shows, rotates and revokes the ticket keys in a file, for whoever pushes it to servers.</summary>
internal sealed class KeysCommand : ExampleCommand
{
    private const int RootLength = 32;
    private static readonly TimeSpan DefaultLead = TimeSpan.FromHours(1);
    private static readonly TimeSpan MaxLead = TimeSpan.FromDays(30);
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(7);
    private static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(24);

    private readonly CliEnvironment _environment;

    public KeysCommand(CliEnvironment environment)
        : base("keys", "Make, show, rotate and revoke ticket keys that servers share. No command shows a key itself.",
            new("segno keys new ticket.keys", "A file with one key, active at once. Only its owner may read it."),
            new("segno keys rotate ticket.keys --lead 1h", "One more key, active in an hour: push the file to all servers before."),
            new("segno keys show ticket.keys", "Numbers, phases, times and names."),
            new("segno keys revoke ticket.keys 3", "Key 3 is compromised: its tickets are worth nothing where the file has arrived."),
            new("segno keys new --derived ticket.root", "A root that servers derive their keys from."))
    {
        _environment = environment;
        Add(New());
        Add(Show());
        Add(Rotate());
        Add(Revoke());
    }

    private static Argument<string> FileArgument() => new("FILE") { Description = "The file of ticket keys." };

    private static Option<TimeSpan?> LifetimeOption() => new("--ticket-lifetime")
    {
        Description = "How long a key opens tickets after it was replaced, as serve --ticket-lifetime says: more than 0, at most 7d. Default 24h.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private Command New()
    {
        Argument<string> path = FileArgument();
        var derived = new Option<bool>("--derived") { Description = "Write a root instead, for serve --ticket-keys derived:FILE." };
        var force = new Option<bool>("--force") { Description = "Replace a file that is there: its sessions are lost." };
        var command = new Command("new", "Make a file with a random key.") { path, derived, force };
        command.SetAction(parsed =>
        {
            string file = parsed.GetValue(path)!;
            if (File.Exists(file) && !parsed.GetValue(force))
            {
                throw CliException.Usage($"{file} is there already; to replace it, and lose all sessions under its keys, say --force.");
            }
            if (!parsed.GetValue(derived))
            {
                using var keys = TicketKeyFile.Create(_environment.Time.GetUtcNow());
                Write(file, keys);
                Report(keys, DefaultLifetime);
                return ExitCodes.Ok;
            }
            byte[] root = RandomNumberGenerator.GetBytes(RootLength);
            byte[] text = System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(root) + "\n");
            Files.WritePrivate(file, text);
            CryptographicOperations.ZeroMemory(root);
            CryptographicOperations.ZeroMemory(text);
            return ExitCodes.Ok;
        });
        return command;
    }

    private Command Show()
    {
        Argument<string> path = FileArgument();
        Option<TimeSpan?> lifetime = LifetimeOption();
        var command = new Command("show", "Show what keys there are, in any format that is read; no secrets.") { path, lifetime };
        command.SetAction(parsed =>
        {
            TimeSpan kept = LifetimeOf(parsed, lifetime);
            using TicketKeyFile keys = Files.LoadTicketKeys(parsed.GetValue(path)!);
            Report(keys, kept);
            return ExitCodes.Ok;
        });
        return command;
    }

    private Command Rotate()
    {
        Argument<string> path = FileArgument();
        Option<TimeSpan?> lifetime = LifetimeOption();
        var lead = new Option<TimeSpan?>("--lead")
        {
            Description = "When the new key becomes active: all servers must have the file by then. At most 30d; default 1h.",
            HelpName = "DURATION",
            CustomParser = OptionParsers.Duration,
        };
        var command = new Command("rotate", "Add a key that becomes active later, and drop those that no ticket needs any more.") { path, lead, lifetime };
        command.SetAction(parsed =>
        {
            DateTimeOffset now = _environment.Time.GetUtcNow();
            InRange(lead, parsed.GetValue(lead), TimeSpan.Zero, MaxLead);
            return Change(parsed.GetValue(path)!, LifetimeOf(parsed, lifetime),
                (keys, kept) => keys.Rotate(now, now + (parsed.GetValue(lead) ?? DefaultLead), kept));
        });
        return command;
    }

    private Command Revoke()
    {
        Argument<string> path = FileArgument();
        var epoch = new Argument<long?>("EPOCH") { Description = "The key's number, as show tells it.", CustomParser = OptionParsers.KeyNumber };
        var command = new Command("revoke", "Revoke a key; the next one takes its place at once.") { path, epoch };
        command.SetAction(parsed => Change(parsed.GetValue(path)!, DefaultLifetime, (keys, _) => keys.Revoke(_environment.Time.GetUtcNow(), parsed.GetValue(epoch)!.Value)));
        return command;
    }

    private static TimeSpan LifetimeOf(ParseResult parsed, Option<TimeSpan?> option)
    {
        TimeSpan? lifetime = parsed.GetValue(option);
        InRange(option, lifetime, TimeSpan.FromTicks(1), MaxLifetime);
        return lifetime ?? DefaultLifetime;
    }

    private int Change(string path, TimeSpan lifetime, Action<TicketKeyFile, TimeSpan> change)
    {
        using TicketKeyFile keys = Files.LoadTicketKeys(path);
        try
        {
            change(keys, lifetime);
            Write(path, keys);
        }
        catch (ArgumentException exception)
        {
            throw CliException.Usage(exception);
        }
        catch (InvalidOperationException exception)
        {
            throw CliException.Usage($"{path}: {exception.Message}", exception);
        }
        Report(keys, lifetime);
        return ExitCodes.Ok;
    }

    private static void Write(string path, TicketKeyFile keys)
    {
        byte[] content = keys.Write();
        try
        {
            Files.WritePrivate(path, content);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private void Report(TicketKeyFile keys, TimeSpan lifetime)
    {
        DateTimeOffset now = _environment.Time.GetUtcNow();
        foreach (TicketKeyInfo key in keys.KeysAt(now, lifetime))
        {
            string from = keys.ActiveFrom.TryGetValue(key.Epoch, out DateTimeOffset time) ? time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : "-";
            _environment.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{key.Epoch,6}  {Names.Phase(key.Phase),-13}  {from,-20}  {key.Name}"));
        }
    }
}
