using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions;

public sealed class TicketKeyRingTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    /// <summary>Museum C1, C3: the first ticket after the start is under a real key, before any timer fired.</summary>
    [Fact]
    [Trait("Museum", "C3")]
    public void ItHasAKeyFromTheStart()
    {
        using var ring = new TicketKeyRing(timeProvider: new FakeTimeProvider());

        TicketKeyInfo key = Assert.Single(ring.Keys);
        Assert.Equal(TicketKeyPhase.Active, key.Phase);
        Assert.Equal(0, key.Epoch);
        Assert.Equal(32, key.Name.Length);
        Assert.NotNull(ring.Active);
    }

    [Fact]
    [Trait("Museum", "C1")]
    public void TwoRingsShareNothing()
    {
        using var a = new TicketKeyRing();
        using var b = new TicketKeyRing();

        Assert.NotEqual(a.Keys[0].Name, b.Keys[0].Name);
        Assert.NotEqual(SecretOf(a.Active!), SecretOf(b.Active!));
    }

    [Fact]
    public void TheDefaultsAreADayAndADay()
    {
        using var ring = new TicketKeyRing();

        Assert.Equal(Day, ring.RotationInterval);
        Assert.Equal(Day, ring.TicketLifetime);
    }

    [Fact]
    [Trait("Museum", "C4")]
    public void AKeyGoesThroughItsPhasesAndIsWiped()
    {
        var time = new FakeTimeProvider();
        using var ring = new TicketKeyRing(timeProvider: time);
        TicketKey key = ring.Active!;

        time.Advance(Day - Tick);
        Assert.Same(key, ring.Active);
        time.Advance(Tick);
        Assert.NotSame(key, ring.Active);
        Assert.Equal(TicketKeyPhase.Retiring, PhaseOf(ring, key));
        Assert.Equal(1, ring.Active!.Epoch);

        time.Advance(Day);
        Assert.Same(key, ring.Find(key.Name, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.None, reason);
        Assert.False(key.IsDestroyed);

        time.Advance(Tick);
        Assert.Null(ring.Find(key.Name, out reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
        Assert.Equal(TicketKeyPhase.Destroyed, PhaseOf(ring, key));
        Assert.True(key.IsDestroyed);
        Assert.Equal(new byte[64], MaterialOf(key));
    }

    [Fact]
    public void APlannedRotationLosesNoTicketAndTheEndLosesAll()
    {
        var time = new FakeTimeProvider();
        using var ring = new TicketKeyRing(timeProvider: time);
        var sealer = new TicketSealer(ring, CryptoProvider.Default);
        var tickets = new List<(byte[] Ticket, DateTimeOffset At)>();
        for (int hour = 0; hour < 24 * 7; hour++, time.Advance(TimeSpan.FromHours(1)))
        {
            tickets.Add((sealer.Seal(new SessionDraft().Session())!, time.GetUtcNow()));
            foreach ((byte[] ticket, DateTimeOffset at) in tickets)
            {
                TimeSpan age = time.GetUtcNow() - at;
                bool opened = sealer.Open(ticket, out ResumptionReason reason) is not null;
                if (age <= Day)
                {
                    Assert.True(opened);
                }
                if (age > 2 * Day)
                {
                    Assert.Equal((false, ResumptionReason.RetiredTicketKey), (opened, reason));
                }
            }
        }
    }

    [Fact]
    public void AKeyThatNobodyUsedForDaysStillRetiredInTime()
    {
        var time = new FakeTimeProvider();
        using var ring = new TicketKeyRing(timeProvider: time);
        TicketKey key = ring.Active!;
        time.Advance((2 * Day) + Tick);

        Assert.Null(ring.Find(key.Name, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
        Assert.True(key.IsDestroyed);
        Assert.NotNull(ring.Active);
        // The new one has its whole time before it.
        TicketKey next = ring.Active!;
        time.Advance(Day - Tick);
        Assert.Same(next, ring.Active);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(-1000)]
    [InlineData(1000)]
    [Trait("Museum", "C11")]
    public void TurningTheWallClockChangesNoKey(int days)
    {
        var clock = new TestClock();
        using var ring = new TicketKeyRing(timeProvider: clock);
        TicketKey first = ring.Active!;
        clock.Advance((2 * Day) + Tick);
        TicketKey second = ring.Active!;
        clock.Wall += days * Day;

        Assert.Same(second, ring.Active);
        Assert.Null(ring.Find(first.Name, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
    }

    [Fact]
    [Trait("Museum", "C11")]
    public void EvenAMonotonicClockThatGoesBackBringsNoKeyBack()
    {
        var clock = new TestClock();
        using var ring = new TicketKeyRing(timeProvider: clock);
        TicketKey first = ring.Active!;
        clock.Advance((2 * Day) + Tick);
        TicketKey second = ring.Active!;
        clock.StepMonotonic(-2 * Day);
        ring.Rotate();

        Assert.Null(ring.Find(first.Name, out _));
        Assert.Equal(2, ring.Active!.Epoch);
        Assert.Equal(TicketKeyPhase.Retiring, PhaseOf(ring, second));
    }

    [Fact]
    public void RotatingByHandRetiresTheActiveKeyFromThenOn()
    {
        var time = new FakeTimeProvider();
        using var ring = new TicketKeyRing(timeProvider: time);
        TicketKey key = ring.Active!;
        time.Advance(Day / 2);
        ring.Rotate();

        Assert.NotSame(key, ring.Active);
        time.Advance(Day);
        Assert.NotNull(ring.Find(key.Name, out _));
        time.Advance(Tick);
        Assert.Null(ring.Find(key.Name, out _));
    }

    [Fact]
    public void ItHolds64KeysAndDestroysTheOldestPastThat()
    {
        using var ring = new TicketKeyRing(timeProvider: new FakeTimeProvider());
        TicketKey first = ring.Active!;
        for (int i = 1; i < TicketKeyRing.MaxKeys; i++)
        {
            ring.Rotate();
        }
        Assert.Equal(TicketKeyRing.MaxKeys, ring.Keys.Count);
        Assert.False(first.IsDestroyed);

        ring.Rotate();
        Assert.True(first.IsDestroyed);
        Assert.Equal(TicketKeyRing.MaxKeys, ring.Keys.Count(key => key.Phase != TicketKeyPhase.Destroyed));
        Assert.Equal(1, ring.Keys.Count(key => key.Phase == TicketKeyPhase.Active));
    }

    [Fact]
    public void ItRemembers64DestroyedKeysByName()
    {
        using var ring = new TicketKeyRing(timeProvider: new FakeTimeProvider());
        UInt128 first = ring.Active!.Name;
        for (int i = 0; i < TicketKeyRing.MaxKeys + TicketKeyRing.MaxRemembered - 1; i++)
        {
            ring.Rotate();
        }
        ring.Find(first, out ResumptionReason reason);
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);

        ring.Rotate();
        ring.Find(first, out reason);
        Assert.Equal(ResumptionReason.UnknownTicketKey, reason);
    }

    [Fact]
    public void EpochsOnlyGrow()
    {
        using var ring = new TicketKeyRing(timeProvider: new FakeTimeProvider());
        for (int i = 0; i < 10; i++)
        {
            ring.Rotate();
        }
        Assert.Equal(Enumerable.Range(0, 11).Reverse().Select(epoch => (long)epoch), ring.Keys.Select(key => key.Epoch));
    }

    [Fact]
    public void ANameItNeverHadIsUnknown()
    {
        using var ring = new TicketKeyRing();

        Assert.Null(ring.Find(UInt128.One, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.UnknownTicketKey, reason);
    }

    [Fact]
    public void DisposedItHasNoKeysAndThrowsNothingAtHandshakes()
    {
        var ring = new TicketKeyRing();
        TicketKey key = ring.Active!;
        ring.Dispose();
        ring.Dispose();

        Assert.Null(ring.Active);
        Assert.Null(ring.Find(key.Name, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
        Assert.True(key.IsDestroyed);
        Assert.Equal(new byte[64], MaterialOf(key));
        Assert.Throws<ObjectDisposedException>(ring.Rotate);
    }

    [Theory]
    [InlineData(0x00)]
    [InlineData(0xff)]
    [InlineData(0x41)]
    [Trait("Museum", "C1")]
    public void ABrokenGeneratorMeansNoKeyUntilItIsWhole(byte value)
    {
        var crypto = new CryptoDouble { Random = bytes => bytes.Fill(value) };
        using var ring = new TicketKeyRing(null, null, new FakeTimeProvider(), crypto);

        Assert.Null(ring.Active);
        Assert.Empty(ring.Keys);
        crypto.Random = null;
        Assert.NotNull(ring.Active);
    }

    [Fact]
    public void AGeneratorThatRepeatsItselfBringsNoKeyBack()
    {
        byte[] same = RandomNumberGenerator.GetBytes(48);
        var crypto = new CryptoDouble { Random = bytes => same.AsSpan(0, bytes.Length).CopyTo(bytes) };
        using var ring = new TicketKeyRing(null, null, new FakeTimeProvider(), crypto);
        TicketKey first = ring.Active!;
        ring.Rotate();

        Assert.Null(ring.Active);
        Assert.Same(first, ring.Find(first.Name, out _));
    }

    [Fact]
    [Trait("Museum", "L1")]
    public void AFailingGeneratorMeansNoKeyAndNoException()
    {
        var time = new FakeTimeProvider();
        var crypto = new CryptoDouble();
        using var ring = new TicketKeyRing(null, null, time, crypto);
        TicketKey first = ring.Active!;
        for (int call = 0; call < 3; call++)
        {
            ring.Rotate();
            crypto.Restart(failingCall: call);
            time.Advance(Day);
            Assert.Null(ring.Active);
            Assert.NotNull(ring.Active);
        }
        Assert.True(first.IsDestroyed);
    }

    [Theory]
    [InlineData(59, 60, false)]
    [InlineData(60, 60, true)]
    [InlineData(60, 1, true)]
    [InlineData(60, 0, false)]
    [InlineData(60, -1, false)]
    [InlineData(7 * 24 * 3600, 7 * 24 * 3600, true)]
    [InlineData((7 * 24 * 3600) + 1, 3600, false)]
    [InlineData(7 * 24 * 3600, (7 * 24 * 3600) + 1, false)]
    [InlineData(3600, 32 * 3600, true)]
    [InlineData(3600, (32 * 3600) + 1, false)]
    public void TimesHaveLimits(int interval, int lifetime, bool good)
    {
        void Make() => new TicketKeyRing(TimeSpan.FromSeconds(interval), TimeSpan.FromSeconds(lifetime)).Dispose();
        if (good)
        {
            Make();
        }
        else
        {
            Assert.Throws<ArgumentOutOfRangeException>(Make);
        }
    }

    [Theory]
    [InlineData(31, 16)]
    [InlineData(33, 16)]
    [InlineData(0, 16)]
    [InlineData(32, 15)]
    [InlineData(32, 17)]
    public void AKeyHasItsLength(int secret, int name)
        => Assert.Null(TicketKey.Create(CryptoProvider.Default, 0, RandomNumberGenerator.GetBytes(secret), RandomNumberGenerator.GetBytes(name)));

    [Fact]
    [Trait("Museum", "C2")]
    public void AWeakKeyIsNone()
    {
        byte[] name = new byte[16];
        Assert.Null(TicketKey.Create(CryptoProvider.Default, 0, new byte[32], name));
        Assert.Null(TicketKey.Create(CryptoProvider.Default, 0, [.. Enumerable.Repeat((byte)7, 32)], name));
        Assert.NotNull(TicketKey.Create(CryptoProvider.Default, 0, [.. new byte[31], 1], name));
    }

    /// <summary>Museum H1: what is copied while the key is wiped is the whole key or nothing, never half of one.</summary>
    [Fact]
    [Trait("Museum", "H1")]
    public void ACopyIsWholeOrNotThere()
    {
        byte[] expected = RandomNumberGenerator.GetBytes(32);
        byte[] secret = new byte[32];
        byte[] saltKey = new byte[32];
        for (int round = 0; round < 200; round++)
        {
            TicketKey key = TicketKey.Create(CryptoProvider.Default, 0, expected, new byte[16])!;
            using var start = new Barrier(2);
            var wiper = new Thread(() =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                key.Destroy();
            });
            wiper.Start();
            start.SignalAndWait(TestContext.Current.CancellationToken);
            while (key.TryCopy(secret, saltKey))
            {
                Assert.Equal(expected, secret);
                Assert.False(WeakSecret.IsWeak(saltKey));
            }
            Assert.True(WeakSecret.IsWeak(secret));
            Assert.True(WeakSecret.IsWeak(saltKey));
            wiper.Join();
        }
    }

    [Fact]
    [Trait("Museum", "H1")]
    public void ManyThreadsSealAndOpenWhileKeysRotate()
    {
        var time = new FakeTimeProvider();
        using var ring = new TicketKeyRing(timeProvider: time);
        var sealer = new TicketSealer(ring, CryptoProvider.Default);
        TlsSession session = new SessionDraft().Session();
        byte[] exported = session.Export();
        using var stop = new CancellationTokenSource();
        int opened = 0;
        int lost = 0;
        int wrong = 0;
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(_ => new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                // A thread that sleeps through two of the ring's days between two lines loses its key: no ticket, or a retired one.
                ResumptionReason reason = ResumptionReason.RetiredTicketKey;
                TlsSession? session2 = sealer.Seal(session) is { } ticket ? sealer.Open(ticket, out reason) : null;
                if (session2 is not null)
                {
                    Interlocked.Add(ref wrong, session2.Export().AsSpan().SequenceEqual(exported) ? 0 : 1);
                    Interlocked.Increment(ref opened);
                }
                else
                {
                    Interlocked.Add(ref wrong, reason == ResumptionReason.RetiredTicketKey ? 0 : 1);
                    Interlocked.Increment(ref lost);
                }
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }
        for (int i = 0; i < 300; i++)
        {
            time.Advance(Day / 2);
            _ = ring.Active;
            Thread.Sleep(1);
        }
        stop.Cancel();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.Equal(0, wrong);
        Assert.True(opened > lost, $"{opened} opened, {lost} lost.");
    }

    private static TicketKeyPhase PhaseOf(TicketKeyRing ring, TicketKey key) => ring.Keys.Single(info => info.Epoch == key.Epoch).Phase;

    private static byte[] SecretOf(TicketKey key)
    {
        byte[] secret = new byte[32];
        Assert.True(key.TryCopy(secret, new byte[32]));
        return secret;
    }

    private static byte[] MaterialOf(TicketKey key)
        => ((PinnedSecret)typeof(TicketKey).GetField("_material", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.GetValue(key)!).Material.ToArray();
}
