using System.Diagnostics;

namespace Segno.Cli.Tests;

/// <summary>The command as a process of its own: signals, exit codes, standard streams.</summary>
public sealed class ProcessTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_ends_the_server_with_0(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals.");
        using Process server = CliProcess.Start("serve", "--listen", "127.0.0.1:0", "--no-self-test");
        try
        {
            string? url = await server.StandardOutput.ReadLineAsync(Cancel);
            Assert.StartsWith("https://127.0.0.1:", url);

            await CliProcess.SignalAsync(server, signal);

            Assert.Equal(0, server.ExitCode);
            Assert.Empty(await server.StandardError.ReadToEndAsync(Cancel));
        }
        finally
        {
            CliProcess.End(server);
        }
    }

    [Fact]
    public async Task Bytes_pass_through_standard_input_and_output_unchanged()
    {
        await using Served served = await Served.StartAsync();
        using Process client = CliProcess.Start("connect", served.Target, "--ca", served.AuthorityPath);
        try
        {
            byte[] body = new byte[200_000];
            for (int i = 0; i < body.Length; i++)
            {
                body[i] = (byte)(i * 7 % 256);
            }
            Stream input = client.StandardInput.BaseStream;
            await input.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n"), Cancel);
            Task sending = SendAsync(input, body);
            var output = new MemoryStream();
            await client.StandardOutput.BaseStream.CopyToAsync(output, Cancel);
            await sending;
            await client.WaitForExitAsync(Cancel);

            Assert.True(output.ToArray().AsSpan(^body.Length..).SequenceEqual(body));
            Assert.Contains("TLS 1.3", await client.StandardError.ReadToEndAsync(Cancel));
            Assert.Equal(0, client.ExitCode);
        }
        finally
        {
            CliProcess.End(client);
        }
    }

    [Fact]
    public async Task Wrong_usage_ends_the_process_with_2()
    {
        using Process process = CliProcess.Start("serve", "--listen", "nowhere");

        await process.WaitForExitAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(30), Cancel);

        Assert.Equal(2, process.ExitCode);
        Assert.Contains("nowhere", await process.StandardError.ReadToEndAsync(Cancel));
    }

    private static async Task SendAsync(Stream input, byte[] body)
    {
        await input.WriteAsync(body, Cancel);
        input.Close();
    }
}
