using System.Text.Json;

namespace Segno.Cli.Tests;

/// <summary>External PSKs on both ends of the command line.</summary>
public sealed class PskTests
{
    private const string Secret = "000102030405060708090a0b0c0d0e0f";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task By_an_external_psk_and_then_by_its_sessions(bool import)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("segno-test-");
        string path = Path.Combine(directory.FullName, "psk.hex");
        await File.WriteAllTextAsync(path, Secret + "\n", TestContext.Current.CancellationToken);
        string[] psk = ["--psk-identity", "client one", "--psk-file", path, .. import ? ["--psk-import"] : Array.Empty<string>()];
        await using Served served = await Served.StartAsync(psk);

        CliRun run = await CliRun.ToEndAsync(["connect", served.Target, .. psk, "--no-input"]);
        Assert.True(await run.Exit == 0, run.Error);
        Assert.Contains("by external PSK, ", run.Output);
        Assert.Contains("ok: by the external PSK 'client one'", run.Output);
        Assert.DoesNotContain("Certificate 0", run.Output);
        Assert.Empty(run.Error);

        CliRun again = await CliRun.ToEndAsync(["connect", served.Target, .. psk, "--reconnect", "1", "--json"]);
        JsonElement[] reports = [.. again.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(["ExternalPsk", "Psk"], reports.Select(report => report.GetProperty("connection").GetProperty("mechanism").GetString()));

        // Others are served as ever; who has another secret is not, nor who imports what the other end does not.
        Assert.Equal(0, await (await served.ConnectAsync(["--no-input"])).Exit);
        string[] wrong = ["--psk-identity", "client one", "--psk", Secret.Replace("0f", "0e", StringComparison.Ordinal), .. import ? ["--psk-import"] : Array.Empty<string>()];
        CliRun refused = await CliRun.ToEndAsync(["connect", served.Target, .. wrong, "--no-input"]);
        Assert.Equal(1, await refused.Exit);
        Assert.Contains("DecryptError", refused.Error);
        Assert.Contains("--psk shows the secret to everybody on this machine", refused.Error);
        CliRun other = await CliRun.ToEndAsync(["connect", served.Target, "--psk-identity", "client one", "--psk-file", path, .. import ? Array.Empty<string>() : ["--psk-import"], "--no-input"]);
        Assert.Equal(1, await other.Exit);
        directory.Delete(recursive: true);
    }
}
