using Segno.Cli;

return await CommandLine.RunAsync(args, CliEnvironment.OfThisProcess(), CancellationToken.None).ConfigureAwait(false);
