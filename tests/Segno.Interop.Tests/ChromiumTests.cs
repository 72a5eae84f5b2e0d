using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests;

/// <summary>A browser on the page of `segno serve`: HTTP/2, the certificate trusted by an authority in its store, nothing in the console.</summary>
public sealed partial class ChromiumTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Opens_the_page_over_http2_and_resumes()
    {
        string chromium = Peer.Find("chromium");
        await using SegnoServe serve = await SegnoServe.StartAsync("ecdsa", Token);
        using Scratch home = Make.Scratch();
        await TrustAsync(home, serve.Root);

        string page = await RunAsync(chromium, home, "first", "--dump-dom", serve.Url + "/");
        Assert.Matches("<dt>Application protocol</dt><dd>h2</dd>", page);
        Assert.Matches("<dt>Version</dt><dd>TLS ?v?1.3</dd>", page);
        Assert.Matches("<dt>Key exchange</dt><dd>X25519MLKEM768</dd>", page);
        Assert.Matches("<dt>Outcome</dt><dd>NotOffered</dd>", page);

        // The page's button: the server closes the connection, the browser makes another, with the session of the first. Three times,
        // because a browser that waits long for a connection makes a second one meanwhile, without a session, and comes back on that.
        string again = await RunAsync(chromium, home, "second", "--dump-dom", serve.Url + "/again?times=3");
        Assert.Matches("<dt>Application protocol</dt><dd>h2</dd>", again);
        Assert.Matches("<dt>Outcome</dt><dd>Resumed</dd>", again);

        string directory = Path.Combine(Peer.Repository, "artifacts", "screenshots");
        Directory.CreateDirectory(directory);
        string picture = Path.Combine(directory, "serve-chromium.png");
        File.Delete(picture);
        await RunAsync(chromium, home, "third", $"--screenshot={picture}", "--window-size=1100,1500", "--hide-scrollbars", serve.Url + "/");
        Picture seen = Picture.Read(picture);
        Assert.True(seen.Colours > 20, $"{seen.Colours} colours: the page is blank");
        Assert.True(seen.Lightness > 0.75, $"lightness {seen.Lightness:0.00}: the page is not light");
        Assert.InRange(seen.DarkShare, 0.002, 0.2);
    }

    /// <summary>Puts the authority into the certificate store that Chromium reads on Linux.</summary>
    private static async Task TrustAsync(Scratch home, string authority)
    {
        string certutil = Peer.Find("certutil");
        string store = Directory.CreateDirectory(Path.Combine(home.Path, ".pki", "nssdb")).FullName;
        foreach (string[] arguments in (string[][])[["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "Segno test root", "-i", authority]])
        {
            await using PeerProcess run = PeerProcess.Start(certutil, ["-d", "sql:" + store, .. arguments]);
            Assert.True(await run.ExitAsync(Token) == 0, run.Tail);
        }
    }

    private static async Task<string> RunAsync(string chromium, Scratch home, string profile, params string[] arguments)
    {
        await using PeerProcess browser = PeerProcess.Start(chromium,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad", "--enable-logging=stderr", "--v=0", "--user-data-dir=" + home.File(profile),
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1", .. arguments,
            ],
            new Dictionary<string, string> { ["HOME"] = home.Path, ["XDG_CONFIG_HOME"] = home.File("config"), ["XDG_CACHE_HOME"] = home.File("cache") });
        Assert.True(await browser.ExitAsync(Token) == 0, browser.Tail);
        Assert.DoesNotMatch(ConsolePattern(), browser.Output);
        Assert.DoesNotContain("ERR_", browser.Output, StringComparison.Ordinal);
        return browser.Output;
    }

    [GeneratedRegex(@":CONSOLE[:(]")]
    private static partial Regex ConsolePattern();
}
