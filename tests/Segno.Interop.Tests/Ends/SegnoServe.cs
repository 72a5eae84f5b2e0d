using System.Globalization;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Ends;

/// <summary>`segno serve` as a program, with a certificate of the tests.</summary>
internal sealed partial class SegnoServe : IAsyncDisposable
{
    private readonly Scratch _scratch = Make.Scratch();

    private SegnoServe(string key, string[] more)
    {
        (string chain, string keyPath) = _scratch.Pem(Make.Certificate(key));
        KeyLog = _scratch.File("keys.log");
        Root = _scratch.Root();
        Process = PeerProcess.StartSegno(["serve", "--listen", "127.0.0.1:0", "--cert", chain, "--key", keyPath, "--no-self-test", .. more]);
    }

    public PeerProcess Process { get; }

    public int Port { get; private set; }

    public string Root { get; }

    public string KeyLog { get; }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"https://localhost:{Port}");

    public static async Task<SegnoServe> StartAsync(string key, CancellationToken cancellationToken, params string[] more)
    {
        SegnoServe serve = new(key, more);
        Match match = await serve.Process.WaitForAsync(UrlPattern(), cancellationToken);
        serve.Port = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return serve;
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _scratch.Dispose();
    }

    [GeneratedRegex(@"https://127\.0\.0\.1:(\d+)")]
    private static partial Regex UrlPattern();
}
