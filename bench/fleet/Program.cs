using System.CommandLine;
using Segno.Bench.Fleet;

Option<Mechanism[]> mechanisms = new("--mechanism") { Description = "How sessions come back; default: all.", DefaultValueFactory = _ => Enum.GetValues<Mechanism>(), AllowMultipleArgumentsPerToken = true };
Option<int> rate = new("--rate") { Description = "Connections per second.", DefaultValueFactory = _ => 200 };
Option<int> clients = new("--clients") { Description = "How many clients take turns.", DefaultValueFactory = _ => 200 };
Option<int> length = new("--step") { Description = "Seconds for each step of the script.", DefaultValueFactory = _ => 6 };
Option<int> budget = new("--p99") { Description = "The 99th percentile of the handshake that a step may have, in milliseconds.", DefaultValueFactory = _ => 250 };
Option<string> program = new("--segno") { Description = "Segno.Cli.dll.", Required = true };
Option<string> client = new("--client") { Description = "fleet_client.", Required = true };
Option<DirectoryInfo> output = new("--out") { Description = "Where the tables and graphs go.", DefaultValueFactory = _ => new DirectoryInfo("artifacts/fleet") };
foreach (Option<int> number in new[] { rate, clients, length, budget })
{
    number.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<int>() < 1)
        {
            result.AddError($"{number.Name} is at least 1.");
        }
    });
}
var command = new RootCommand("Three segno serve, Redis and a load balancer, under load, while everything happens to them that can.") { mechanisms, rate, clients, length, budget, program, client, output };
command.SetAction(async (parsed, cancellationToken) =>
{
    var settings = new Settings(
        parsed.GetValue(rate), parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(length)), parsed.GetValue(program)!, parsed.GetValue(client)!);
    Directory.CreateDirectory(parsed.GetValue(output)!.FullName);
    bool isPassed = true;
    foreach (Mechanism mechanism in parsed.GetValue(mechanisms)!)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var verdict = new Verdict(mechanism, settings, TimeSpan.FromMilliseconds(parsed.GetValue(budget)));
        if (verdict.Grace >= settings.Length)
        {
            await Console.Error.WriteLineAsync($"fleet: a step of {settings.Length.TotalSeconds} s is over before the fleet can be as before ({verdict.Grace.TotalSeconds:f1} s): --step");
            return 2;
        }
        DirectoryInfo directory = Directory.CreateTempSubdirectory("segno-fleet-");
        var rehearsal = new Rehearsal(mechanism, settings, directory.FullName);
        try
        {
            IReadOnlyCollection<Sample> samples = await rehearsal.RunAsync();
            string table = Report.Table(rehearsal.Steps, samples);
            string name = Path.Combine(parsed.GetValue(output)!.FullName, mechanism.ToString().ToLowerInvariant());
            await File.WriteAllTextAsync(name + ".md", table, CancellationToken.None);
            await File.WriteAllTextAsync(name + ".svg", Report.Graph(rehearsal.Steps, samples), CancellationToken.None);
            Console.WriteLine($"{mechanism}\n\n{table}");
            foreach (string complaint in verdict.Of(rehearsal.Steps, samples))
            {
                Console.WriteLine("NOT MET  " + complaint);
                isPassed = false;
            }
        }
        finally
        {
            await rehearsal.DisposeAsync();
            directory.Delete(recursive: true);
        }
    }
    return isPassed ? 0 : 1;
});
return await command.Parse(args).InvokeAsync();
