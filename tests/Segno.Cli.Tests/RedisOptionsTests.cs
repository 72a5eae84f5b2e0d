using System.Security.Cryptography;

namespace Segno.Cli.Tests;

/// <summary>What <c>segno serve</c> says of options for Redis that cannot be. What they do is tested where there is a Redis.</summary>
public sealed class RedisOptionsTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("nor redis:HOST:PORT", "--store", "disk")]
    [InlineData("--store redis:… needs --ticket-keys", "--store", "redis:localhost:1")]
    [InlineData("need each other", "--ticket-keys", "redis:localhost:1")]
    [InlineData("--replay-guard redis:: there is no HOST:PORT", "--early-data", "--replay-guard", "redis:")]
    [InlineData("--replay-guard redis:localhost:1,bogus=1", "--early-data", "--replay-guard", "redis:localhost:1,bogus=1")]
    [InlineData("that is neither memory nor redis:HOST:PORT", "--early-data", "--replay-guard", "disk")]
    [InlineData("--replay-guard needs --early-data", "--replay-guard", "memory")]
    [InlineData("--early-data-at-once needs --early-data", "--early-data-at-once")]
    [InlineData("--early-data: 0 is not between 1 and 262144", "--early-data", "0")]
    [InlineData("--early-data: 262145 is not between 1 and 262144", "--early-data", "262145")]
    [InlineData("--early-data: 'much' is no size", "--early-data", "much")]
    [InlineData("need each other", "--ticket-key-encryption-key", "KEY")]
    [InlineData("no HOST:PORT", "--ticket-keys", "redis:", "--ticket-key-encryption-key", "KEY")]
    [InlineData("--ticket-keys redis:localhost:1,bogus=1", "--ticket-keys", "redis:localhost:1,bogus=1", "--ticket-key-encryption-key", "KEY")]
    [InlineData("--ticket-key-period: 00:00:59 is not between", "--ticket-keys", "redis:localhost:1", "--ticket-key-encryption-key", "KEY", "--ticket-key-period", "59s")]
    [InlineData("missing.key: cannot be read", "--ticket-keys", "redis:localhost:1,connectTimeout=1", "--ticket-key-encryption-key", "missing.key")]
    [InlineData("a passphrase is none", "--ticket-keys", "redis:localhost:1,connectTimeout=1", "--ticket-key-encryption-key", "TEXT")]
    [InlineData("31 secret bytes", "--ticket-keys", "redis:localhost:1,connectTimeout=1", "--ticket-key-encryption-key", "SHORT")]
    public async Task Wrong_usage_is_named_and_ends_with_2(string complaint, params string[] arguments)
    {
        File.WriteAllBytes(PathOf("KEY"), RandomNumberGenerator.GetBytes(32));
        File.WriteAllBytes(PathOf("SHORT"), [.. RandomNumberGenerator.GetBytes(30), 0xff]);
        File.WriteAllText(PathOf("TEXT"), "correct horse battery staple!\n");
        string[] named = [.. arguments.Select(argument => argument is "KEY" or "SHORT" or "TEXT" ? PathOf(argument) : argument)];
        CliRun run = await CliRun.ToEndAsync(["serve", "--listen", "127.0.0.1:0", "--no-self-test", .. named]);
        Assert.Equal(2, await run.Exit);
        Assert.Contains(complaint, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);
}
