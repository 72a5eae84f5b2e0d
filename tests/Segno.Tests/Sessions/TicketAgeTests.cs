using CsCheck;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions;

public sealed class TicketAgeTests
{
    [Fact]
    public void AnyAgeOfUpTo49DaysIsRecovered() => Gen.Select(Gen.UInt, Gen.UInt).Sample(
        (age, add) => Assert.Equal(TimeSpan.FromMilliseconds(age), TicketAge.Recover(TicketAge.Obfuscate(age, add), add)));

    //
    [Theory]
    [InlineData(0, 0u, 0u)]
    [InlineData(1, uint.MaxValue, 0u)]
    [InlineData(0xffffffffL, 1u, 0u)]
    [InlineData(0x1_0000_0000L, 5u, 5u)]
    [InlineData(1000, 500u, 1500u)]
    public void ItAddsModulo32Bits(long age, uint add, uint expected) => Assert.Equal(expected, TicketAge.Obfuscate(age, add));

    [Fact]
    public void ASessionsAgeIsCountedFromItsIssue()
    {
        TlsSession session = new SessionDraft { AgeAdd = 7 }.Session();

        Assert.Equal(1007u, TicketAge.Obfuscate(session, session.IssuedAt.AddSeconds(1)));
    }

    [Fact]
    public void AClockThatWentBackGivesAgeZero()
    {
        TlsSession session = new SessionDraft { AgeAdd = 7 }.Session();

        Assert.Equal(7u, TicketAge.Obfuscate(session, session.IssuedAt.AddSeconds(-1)));
        Assert.Equal(7u, TicketAge.Obfuscate(session, DateTimeOffset.MinValue));
    }

    [Theory]
    [InlineData(5000, 5000)]
    [InlineData(5000, 0)]
    [InlineData(0, 5000)]
    public void TheSkewIsWhatTheClientSaysBeyondWhatTheServerSees(long told, long seen)
    {
        TlsSession session = new SessionDraft { AgeAdd = 0xfffffff0 }.Session();

        Assert.Equal(
            TimeSpan.FromMilliseconds(told - seen),
            TicketAge.Skew(TicketAge.Obfuscate(told, session.AgeAdd), session, session.IssuedAt.AddMilliseconds(seen)));
    }

    [Fact]
    public void AnotherAddGivesAnotherAge() => Assert.NotEqual(TimeSpan.FromSeconds(1), TicketAge.Recover(TicketAge.Obfuscate(1000, 7), 8));
}
