using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests.Fleet;

/// <summary>
/// Three <c>segno serve</c> processes and clients that go from one to the next: what became of each session is what the servers say,
/// of the connection and in their totals..
/// </summary>
public sealed class FleetTests : IAsyncLifetime
{
    private const string DerivedName = "root";
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Lifetime = Period;
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(60);

    // 30 seconds between the first and the last.
    private static readonly TimeSpan[] Skews = [TimeSpan.FromSeconds(-15), TimeSpan.Zero, TimeSpan.FromSeconds(15)];

    // From the first of three, each on to each other one, and back.
    private static readonly int[] Way = [1, 2, 0, 2, 1, 0];

    private static readonly int[][] Orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

    private readonly Scratch _scratch = Make.Scratch();
    private readonly List<FleetNode> _nodes = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        // All of them, also where one does not end as it should.
        Task all = Task.WhenAll(_nodes.Select(node => node.DisposeAsync().AsTask()));
        await all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _scratch.Dispose();
        await all;
    }

    [Fact]
    public async Task Derived_keys_resume_on_every_node_through_five_rotations_and_nowhere_once_they_are_destroyed()
    {
        DateTimeOffset boundary = PeriodBegin() + Period;
        FleetClock clock = new(_scratch, boundary - (Period / 2));
        await StartDerivedAsync(clock, Skews);
        var visitor = new Visitor(SslProtocols.Tls13, clock);
        Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(_nodes[0]));
        long visits = 0;
        Visitor? kept = null;

        for (int rotation = 1; rotation <= 5; rotation++, boundary += Period)
        {
            long before = (await _nodes[1].StatsAsync()).ActiveEpoch;
            clock.MoveTo(boundary - TimeSpan.FromSeconds(10));
            Assert.Equal([before, before, before + 1], await ActiveEpochsAsync());
            visits += await HopAsync(visitor);
            clock.MoveTo(boundary + TimeSpan.FromSeconds(10));
            Assert.Equal([before, before + 1, before + 1], await ActiveEpochsAsync());
            kept = visitor.Keeping(new StandingClock(clock.GetUtcNow()));
            visits += await HopAsync(visitor);
            clock.MoveTo(boundary + (Period / 2));
            Assert.Equal([before + 1, before + 1, before + 1], await ActiveEpochsAsync());
            visits += await HopAsync(visitor);
        }
        foreach (FleetNode node in _nodes)
        {
            Stats stats = await node.StatsAsync();
            Assert.Empty(stats.Declined);
            visits -= stats.Resumed;
        }
        Assert.Equal(0, visits);

        // The last ticket that the slowest node made under the key that it then replaced: still good, until its key is over everywhere.
        Assert.All(await VisitAllAsync(kept!), verdict => Assert.Equal(Verdict.Resumed, verdict));
        clock.MoveTo(boundary - Period + Lifetime + Tolerance - Skews[0]);
        Assert.Equal(Verdict.Declined(ResumptionReason.SessionExpired), await kept!.VisitAsync(_nodes[0]));
        clock.Move(TimeSpan.FromSeconds(1));
        Assert.All(await VisitAllAsync(kept), verdict => Assert.Equal(Verdict.Declined(ResumptionReason.RetiredTicketKey), verdict));
        Assert.All(await Task.WhenAll(_nodes.Select(node => node.StatsAsync())), stats => Assert.Equal(1, stats.Declined[nameof(ResumptionReason.RetiredTicketKey)]));

        // Who comes later has never had the key.
        FleetNode late = await StartAsync(clock.Environment(), ["--ticket-keys", $"derived:{_scratch.File(DerivedName)}", "--ticket-key-period", "10m"]);
        Assert.Equal(Verdict.Declined(ResumptionReason.UnknownTicketKey), await kept.VisitAsync(late));
        Assert.Equal(1, (await late.StatsAsync()).Declined[nameof(ResumptionReason.UnknownTicketKey)]);
    }

    /// <summary>The limit of what clocks may differ, at n and at n + 1.</summary>
    [Theory]
    [InlineData(60, true)]
    [InlineData(61, false)]
    public async Task A_key_of_a_node_that_is_ahead_opens_up_to_sixty_seconds(int seconds, bool resumes)
    {
        FleetClock clock = new(_scratch, PeriodBegin() + Period - TimeSpan.FromSeconds(seconds));
        await StartDerivedAsync(clock, TimeSpan.Zero, TimeSpan.FromSeconds(seconds));
        var visitor = new Visitor(SslProtocols.Tls13, clock);
        Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(_nodes[1]));

        Verdict verdict = await visitor.VisitAsync(_nodes[0]);

        Assert.Equal(resumes ? Verdict.Resumed : Verdict.Declined(ResumptionReason.TicketKeyNotYetActive), verdict);
    }

    [Fact]
    public async Task A_file_of_keys_that_is_pushed_in_any_order_loses_no_ticket()
    {
        FleetClock clock = new(_scratch, PeriodBegin());
        await KeysAsync(clock, "new", _scratch.File("staged"));
        clock.Move(TimeSpan.FromMinutes(1));
        foreach (TimeSpan skew in Skews)
        {
            string own = _scratch.File($"keys-{_nodes.Count}");
            File.Copy(_scratch.File("staged"), own);
            await StartAsync(clock.Environment(skew), ["--ticket-keys", own, "--ticket-key-poll", "1s", "--ticket-lifetime", "10m", "--session-lifetime", "10m"]);
        }
        Visitor[] visitors = [new(SslProtocols.Tls13, clock), new(SslProtocols.Tls12, clock)];
        foreach (Visitor visitor in visitors)
        {
            Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(_nodes[0]));
        }
        long visits = 0;

        for (int epoch = 1; epoch <= Orders.Length; epoch++)
        {
            long next = epoch;
            await KeysAsync(clock, "rotate", _scratch.File("staged"), "--lead", "5m", "--ticket-lifetime", "10m");
            DateTimeOffset activation = clock.GetUtcNow() + TimeSpan.FromMinutes(5);
            foreach (int node in Orders[epoch - 1])
            {
                await PushAsync(node, stats => stats.PhaseOf(next) == "pre-published");
                visits += await HopAsync(visitors);
            }
            clock.MoveTo(activation - TimeSpan.FromSeconds(10));
            Assert.Equal([next - 1, next - 1, next], await ActiveEpochsAsync());
            visits += await HopAsync(visitors);
            clock.MoveTo(activation + TimeSpan.FromSeconds(10));
            Assert.Equal([next - 1, next, next], await ActiveEpochsAsync());
            visits += await HopAsync(visitors);
            clock.MoveTo(activation + TimeSpan.FromMinutes(6));
            visits += await HopAsync(visitors);
            clock.MoveTo(activation + Lifetime + Tolerance + TimeSpan.FromSeconds(16));
            foreach (FleetNode node in _nodes)
            {
                Assert.Equal("destroyed", (await node.StatsAsync()).PhaseOf(next - 1));
            }
            visits += await HopAsync(visitors);
        }
        await AssertNothingDeclinedAsync(visits);
    }

    /// <summary>Files without times, as HAProxy's: a place in the file says what a key is for. No clock is needed.</summary>
    [Fact]
    public async Task A_file_without_times_that_is_pushed_in_any_order_loses_no_ticket()
    {
        List<string> keys = [.. Enumerable.Range(0, 2).Select(_ => Convert.ToBase64String(RandomNumberGenerator.GetBytes(80)))];
        WriteStaged(keys);
        for (int i = 0; i < 3; i++)
        {
            string own = _scratch.File($"keys-{i}");
            File.Copy(_scratch.File("staged"), own);
            await StartAsync(null, ["--ticket-keys", own, "--ticket-key-poll", "1s"]);
        }
        Visitor[] visitors = [new(SslProtocols.Tls13), new(SslProtocols.Tls12)];
        foreach (Visitor visitor in visitors)
        {
            Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(_nodes[0]));
        }
        long visits = 0;

        foreach (int[] order in Orders)
        {
            // The key that was pre-published becomes active, another one is pre-published, and the oldest goes.
            keys.Add(Convert.ToBase64String(RandomNumberGenerator.GetBytes(80)));
            WriteStaged(keys[^Math.Min(3, keys.Count)..]);
            string was = (await _nodes[order[0]].StatsAsync()).Active!;
            foreach (int node in order)
            {
                await PushAsync(node, stats => stats.Active != was);
                visits += await HopAsync(visitors);
            }
        }
        await AssertNothingDeclinedAsync(visits);
    }

    /// <summary>What the lead is for; and what the hops above would say if a ticket were lost.</summary>
    [Fact]
    public async Task A_key_that_is_active_before_all_have_it_loses_tickets_until_they_do()
    {
        FleetClock clock = new(_scratch, PeriodBegin());
        await KeysAsync(clock, "new", _scratch.File("staged"));
        for (int i = 0; i < 2; i++)
        {
            string own = _scratch.File($"keys-{i}");
            File.Copy(_scratch.File("staged"), own);
            await StartAsync(clock.Environment(), ["--ticket-keys", own, "--ticket-key-poll", "1s"]);
        }
        clock.Move(TimeSpan.FromMinutes(1));
        await KeysAsync(clock, "rotate", _scratch.File("staged"), "--lead", "0s");
        await PushAsync(0, stats => stats.ActiveEpoch == 1);
        var visitor = new Visitor(SslProtocols.Tls13, clock);
        Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(_nodes[0]));
        Visitor kept = visitor.Keeping(clock);

        Assert.Equal(Verdict.Declined(ResumptionReason.UnknownTicketKey), await kept.VisitAsync(_nodes[1]));

        await PushAsync(1, stats => stats.ActiveEpoch == 1);
        Assert.Equal(Verdict.Resumed, await kept.VisitAsync(_nodes[1]));
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task A_renewed_certificate_keeps_the_sessions(SslProtocols version)
    {
        string keys = await MakeKeysAsync();
        FleetNode first = await StartAsync(null, ["--ticket-keys", keys], TestPki.Ecdsa());
        var visitor = new Visitor(version);
        Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(first));
        await first.StopAsync();

        TestCertificate renewed = TestPki.Make(new CertificateSpec { Names = ["localhost"] });
        Assert.NotEqual(TestPki.Ecdsa().Der, renewed.Der);
        FleetNode second = await StartAsync(null, ["--ticket-keys", keys], renewed);

        Assert.Equal(Verdict.Resumed, await visitor.VisitAsync(second));
        Assert.Equal(1, (await second.StatsAsync()).Resumed);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls12, false)]
    [InlineData(SslProtocols.Tls13, true)]
    [InlineData(SslProtocols.Tls13, false)]
    public async Task Another_set_of_client_authorities_drops_the_sessions_by_name(SslProtocols version, bool withCertificate)
    {
        string keys = await MakeKeysAsync();
        string one = _scratch.Root();
        string two = _scratch.File("two.pem");
        await File.WriteAllTextAsync(two, TestPki.Root.CertificatePem + TestPki.OtherRoot.CertificatePem, Token);
        Visitor[] visitors = [.. Enumerable.Range(0, 2).Select(_ => new Visitor(version, certificate: withCertificate ? TestPki.ClientEcdsa().Tls : null))];
        FleetNode first = await StartAsync(null, ["--ticket-keys", keys, "--ca", one]);
        foreach (Visitor visitor in visitors)
        {
            Assert.Equal(Verdict.NotOffered, await visitor.VisitAsync(first));
        }
        await first.StopAsync();

        FleetNode same = await StartAsync(null, ["--ticket-keys", keys, "--ca", one]);
        Assert.Equal(Verdict.Resumed, await visitors[0].VisitAsync(same));
        FleetNode changed = await StartAsync(null, ["--ticket-keys", keys, "--ca", two]);

        Assert.Equal(Verdict.Declined(ResumptionReason.ScopeMismatch, "TrustAnchors"), await visitors[1].VisitAsync(changed));
        Stats stats = await changed.StatsAsync();
        Assert.Equal(0, stats.Resumed);
        Assert.Equal(1, stats.Json.GetProperty("declinedDetails").GetProperty("ScopeMismatch").GetProperty("TrustAnchors").GetInt64());
    }

    /// <summary>The begin of a period of this hour's: the certificates of the tests are good then.</summary>
    private static DateTimeOffset PeriodBegin()
    {
        long ticks = TimeProvider.System.GetUtcNow().UtcTicks;
        return new DateTimeOffset(ticks - (ticks % Period.Ticks), TimeSpan.Zero);
    }

    private async Task StartDerivedAsync(FleetClock clock, params TimeSpan[] skews)
    {
        await KeysAsync(clock, "new", "--derived", _scratch.File(DerivedName));
        foreach (TimeSpan skew in skews)
        {
            await StartAsync(clock.Environment(skew), ["--ticket-keys", $"derived:{_scratch.File(DerivedName)}", "--ticket-key-period", "10m"]);
        }
    }

    private async Task<FleetNode> StartAsync(IReadOnlyDictionary<string, string>? environment, string[] more, TestCertificate? certificate = null)
    {
        string directory = Directory.CreateDirectory(_scratch.File($"node-{_nodes.Count}")).FullName;
        (string chain, string key) = (certificate ?? TestPki.Ecdsa()).WritePem(directory);
        FleetNode node = await FleetNode.StartAsync(environment, ["--cert", chain, "--key", key, .. more]);
        _nodes.Add(node);
        return node;
    }

    private async Task<string> MakeKeysAsync()
    {
        string path = _scratch.File("ticket.keys");
        await using PeerProcess keys = PeerProcess.StartSegno("keys", "new", path);
        Assert.True(await keys.ExitAsync(Token) == 0, keys.Tail);
        return path;
    }

    /// <summary><c>segno keys</c>, by the fleet's clock.</summary>
    private static async Task KeysAsync(FleetClock clock, params string[] arguments)
    {
        await using PeerProcess keys = PeerProcess.StartSegno(clock.Environment(), ["keys", .. arguments]);
        Assert.True(await keys.ExitAsync(Token) == 0, keys.Tail);
    }

    private void WriteStaged(IEnumerable<string> lines) => File.WriteAllLines(_scratch.File("staged"), lines);

    /// <summary>Gives the staged file to a node, and waits until it has seen it.</summary>
    private async Task PushAsync(int node, Func<Stats, bool> seen)
    {
        string own = _scratch.File(string.Create(CultureInfo.InvariantCulture, $"keys-{node}"));
        File.Copy(_scratch.File("staged"), own + ".new");
        File.Move(own + ".new", own, overwrite: true);
        await _nodes[node].UntilAsync(seen, $"node {node} has the keys");
    }

    private async Task<long[]> ActiveEpochsAsync() => [.. (await Task.WhenAll(_nodes.Select(node => node.StatsAsync()))).Select(stats => stats.ActiveEpoch)];

    /// <summary>From each node to each other one; all have to resume. Returns how many times.</summary>
    private async Task<int> HopAsync(params Visitor[] visitors)
    {
        foreach (Visitor visitor in visitors)
        {
            foreach (int node in Way)
            {
                Assert.Equal(Verdict.Resumed, await visitor.VisitAsync(_nodes[node]));
            }
        }
        return visitors.Length * Way.Length;
    }

    /// <summary>At each node in turn.</summary>
    private async Task<Verdict[]> VisitAllAsync(Visitor kept)
    {
        var verdicts = new List<Verdict>();
        foreach (FleetNode node in _nodes)
        {
            verdicts.Add(await kept.VisitAsync(node));
        }
        return [.. verdicts];
    }

    private async Task AssertNothingDeclinedAsync(long visits)
    {
        Stats[] all = await Task.WhenAll(_nodes.Select(node => node.StatsAsync()));
        Assert.All(all, stats => Assert.Empty(stats.Declined));
        Assert.Equal(visits, all.Sum(stats => stats.Resumed));
    }

    /// <summary>A client that does not notice how time goes by, and so offers what is long over.</summary>
    private sealed class StandingClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
