using System.CommandLine;
using Segno.Bench.Fleet;

Option<Mechanism[]> mechanisms = new("--mechanism") { Description = "How sessions come back; default: all.", DefaultValueFactory = _ => Enum.GetValues<Mechanism>(), AllowMultipleArgumentsPerToken = true };
Option<int> rate = new("--rate") { Description = "Connections per second.", DefaultValueFactory = _ => 200 };
Option<int> clients = new("--clients") { Description = "How many clients take turns.", DefaultValueFactory = _ => 200 };
Option<int> length = new("--step") { Description = "Seconds for each step of the script.", DefaultValueFactory = _ => 10 };
Option<string> program = new("--segno") { Description = "Segno.Cli.dll.", Required = true };
Option<DirectoryInfo> output = new("--out") { Description = "Where the tables and graphs go.", DefaultValueFactory = _ => new DirectoryInfo("artifacts/fleet") };
var command = new RootCommand("Three segno serve, Redis and a load balancer, under load, while everything happens to them that can.") { mechanisms, rate, clients, length, program, output };
command.SetAction(async (parsed, cancellationToken) =>
{
    Directory.CreateDirectory(parsed.GetValue(output)!.FullName);
    int failed = 0;
    foreach (Mechanism mechanism in parsed.GetValue(mechanisms)!)
    {
        cancellationToken.ThrowIfCancellationRequested();
        DirectoryInfo directory = Directory.CreateTempSubdirectory("segno-fleet-");
        var rehearsal = new Rehearsal(
            mechanism, parsed.GetValue(rate), parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(length)), parsed.GetValue(program)!, directory.FullName);
        try
        {
            IReadOnlyCollection<Sample> samples = await rehearsal.RunAsync();
            string table = Report.Table(rehearsal.Steps, samples);
            string name = Path.Combine(parsed.GetValue(output)!.FullName, mechanism.ToString().ToLowerInvariant());
            await File.WriteAllTextAsync(name + ".md", table, CancellationToken.None);
            await File.WriteAllTextAsync(name + ".svg", Report.Graph(rehearsal.Steps, samples), CancellationToken.None);
            Console.WriteLine($"{mechanism}\n\n{table}");
            foreach (IGrouping<string?, Sample> failure in samples.Where(sample => sample.Failure is not null).GroupBy(sample => sample.Failure))
            {
                Console.WriteLine($"{failure.Count()} failed: {failure.Key}");
                failed += failure.Count();
            }
        }
        finally
        {
            await rehearsal.DisposeAsync();
            directory.Delete(recursive: true);
        }
    }
    return failed == 0 ? 0 : 1;
});
return await command.Parse(args).InvokeAsync();
