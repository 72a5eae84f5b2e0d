using System.Security.Cryptography;
using System.Text;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions;

/// <summary>Keys that a caller brings as they change: <see cref="TicketKeyRing.FromUpdates"/>, <see cref="TicketKeyRing.Update"/>, <see cref="TicketKeyFile.Postpone"/>.</summary>
public sealed class TicketKeyUpdateTests : IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly TestClock _clock = new();
    private readonly TicketKeyRing _ring;
    private readonly TicketSealer _sealer;

    public TicketKeyUpdateTests()
    {
        _ring = TicketKeyRing.FromUpdates(Day, _clock);
        _sealer = new TicketSealer(_ring, CryptoProvider.Default);
    }

    public void Dispose() => _ring.Dispose();

    [Fact]
    public void WithoutAnUpdateThereAreNoTickets()
    {
        Assert.Empty(_ring.Keys);
        Assert.Null(Seal());
        Assert.Equal((Day, Timeout.InfiniteTimeSpan), (_ring.TicketLifetime, _ring.RotationInterval));
    }

    [Fact]
    public void KeysAreThoseOfTheLastUpdate()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        _ring.Update(keys);
        byte[] ticket = Seal()!;
        keys.Rotate(_clock.Wall, _clock.Wall + Hour, Day);
        _ring.Update(keys);
        Assert.Equal(["1 PrePublished", "0 Active"], Show());
        _clock.Advance(Hour);
        Assert.Equal(["1 Active", "0 Retiring"], Show());
        Assert.Equal(ResumptionReason.None, Open(ticket));
        keys.Revoke(_clock.Wall, 0);
        _ring.Update(keys);
        Assert.Equal(ResumptionReason.Revoked, Open(ticket));
        Assert.Equal(["1 Active", "0 Destroyed"], Show());
    }

    /// <summary>What is brought is copied: the caller wipes its own.</summary>
    [Fact]
    public void TheCallerMayWipeItsKeys()
    {
        var keys = TicketKeyFile.Create(_clock.Wall);
        _ring.Update(keys);
        keys.Dispose();
        Assert.NotNull(Seal());
    }

    /// <summary>A server that hears of nothing more stops sealing at the time given, opens for a lifetime more, and has nothing then.</summary>
    [Fact]
    public void WithoutFurtherUpdatesTheLastKeyEnds()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        _ring.Update(keys, _clock.Wall + (2 * Day));
        _clock.Advance((2 * Day) - Second);
        byte[] ticket = Seal()!;
        _clock.Advance(Second);
        Assert.Null(Seal());
        Assert.Equal(ResumptionReason.None, Open(ticket));
        _clock.Advance(Day + ResumptionRules.DefaultClockTolerance);
        Assert.Equal(["0 Retiring"], Show());
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(["0 Destroyed"], Show());
        Assert.Equal(ResumptionReason.RetiredTicketKey, Open(ticket));
    }

    [Fact]
    public void AnUpdateProlongsTheLastKey()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        _ring.Update(keys, _clock.Wall + Hour);
        _ring.Update(keys, _clock.Wall + (2 * Hour));
        _clock.Advance(Hour);
        Assert.NotNull(Seal());
        _clock.Advance(Hour);
        Assert.Null(Seal());
        // Too late: a key that retires does not become active again.
        _ring.Update(keys, _clock.Wall + Hour);
        Assert.Equal(["0 Retiring"], Show());
    }

    [Fact]
    public void OlderKeysAreRefusedAndThoseInUseStay()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        byte[] before = keys.Write();
        keys.Rotate(_clock.Wall, _clock.Wall + Hour, Day);
        _ring.Update(keys);
        using TicketKeyFile old = TicketKeyFile.Parse(before);
        Assert.Equal(TicketKeyProblem.RolledBack, Assert.Throws<TicketKeyException>(() => _ring.Update(old)).Problem);
        Assert.Equal(["1 PrePublished", "0 Active"], Show());
        Assert.IsType<TicketKeyException>(_ring.LastFailure);
        _ring.Update(keys);
        Assert.Null(_ring.LastFailure);
    }

    [Fact]
    public void ANumberIsNotGivenToAnotherKey()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        using var other = TicketKeyFile.Create(_clock.Wall);
        _ring.Update(keys);
        Assert.Equal(TicketKeyProblem.EpochReused, Assert.Throws<TicketKeyException>(() => _ring.Update(other)).Problem);
        Assert.Equal(["0 Active"], Show());
    }

    [Fact]
    public void OnlyARingThatIsMadeForItTakesUpdates()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        using var own = new TicketKeyRing(timeProvider: _clock);
        using TicketKeyRing given = TicketKeyRing.From(keys, timeProvider: _clock);
        Assert.Throws<InvalidOperationException>(() => own.Update(keys));
        Assert.Throws<InvalidOperationException>(() => given.Update(keys));
        Assert.Throws<ArgumentNullException>(() => _ring.Update(null!));
        using TicketKeyFile nginx = TicketKeyFile.Parse(RandomNumberGenerator.GetBytes(48));
        Assert.Throws<ArgumentException>(() => _ring.Update(nginx));
        _ring.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _ring.Update(keys));
    }

    [Fact]
    public void AKeyIsPutOff()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall);
        keys.Rotate(_clock.Wall, _clock.Wall + Hour, Day);
        _ring.Update(keys);
        keys.Postpone(_clock.Wall, _clock.Wall + (2 * Hour));
        _ring.Update(keys);
        _clock.Advance(2 * Hour - Second);
        Assert.Equal(["1 PrePublished", "0 Active"], Show());
        _clock.Advance(Second);
        Assert.Equal(["1 Active", "0 Retiring"], Show());
    }

    [Fact]
    public void OnlyAKeyThatIsNotActiveYetIsPutOffAndOnlyToLater()
    {
        using var keys = TicketKeyFile.Create(_clock.Wall + Hour);
        Assert.Throws<InvalidOperationException>(() => keys.Postpone(_clock.Wall, _clock.Wall + Day));
        keys.Rotate(_clock.Wall, _clock.Wall + (2 * Hour), Day);
        Assert.Throws<ArgumentException>(() => keys.Postpone(_clock.Wall, _clock.Wall + (2 * Hour)));
        keys.Postpone(_clock.Wall, _clock.Wall + (2 * Hour) + Second);
        Assert.Throws<InvalidOperationException>(() => keys.Postpone(_clock.Wall + (2 * Hour) + Second, _clock.Wall + Day));
        using TicketKeyFile nginx = TicketKeyFile.Parse(RandomNumberGenerator.GetBytes(48));
        Assert.Throws<InvalidOperationException>(() => nginx.Postpone(_clock.Wall, _clock.Wall + Day));
    }

    [Fact]
    public void KeysOfOthersCanBeJudged()
    {
        TicketKeyException.ThrowIfWeak(RandomNumberGenerator.GetBytes(32), "It");
        Assert.Equal(TicketKeyProblem.TooShort, Assert.Throws<TicketKeyException>(() => TicketKeyException.ThrowIfWeak(RandomNumberGenerator.GetBytes(31), "It")).Problem);
        Assert.Equal(TicketKeyProblem.Weak, Assert.Throws<TicketKeyException>(() => TicketKeyException.ThrowIfWeak(new byte[32], "It")).Problem);
        Assert.Equal(TicketKeyProblem.Weak, Assert.Throws<TicketKeyException>(() => TicketKeyException.ThrowIfWeak(Encoding.ASCII.GetBytes(new string('k', 31) + "K"), "It")).Problem);
        Assert.Throws<ArgumentException>(() => TicketKeyException.ThrowIfWeak(RandomNumberGenerator.GetBytes(32), ""));
    }

    private string[] Show() => [.. _ring.Keys.Select(key => $"{key.Epoch} {key.Phase}")];

    private byte[]? Seal() => _sealer.Seal(new SessionDraft { IssuedAt = _clock.Wall }.Session());

    private ResumptionReason Open(byte[] ticket)
    {
        _sealer.Open(ticket, out ResumptionReason reason);
        return reason;
    }
}
