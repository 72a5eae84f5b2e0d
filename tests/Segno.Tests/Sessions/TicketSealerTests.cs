using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions;

public sealed class TicketSealerTests : IDisposable
{
    private readonly CryptoDouble _crypto = new();
    private readonly TicketKeyRing _ring;
    private readonly TicketSealer _sealer;
    private readonly TlsSession _session = new SessionDraft().Session();

    public TicketSealerTests()
    {
        _ring = new TicketKeyRing(null, null, new TestClock(), _crypto);
        _sealer = new TicketSealer(_ring, _crypto);
    }

    public void Dispose() => _ring.Dispose();

    [Fact]
    public void WhatIsSealedOpens()
    {
        TlsSession? opened = _sealer.Open(_sealer.Seal(_session)!, out ResumptionReason reason);

        Assert.Equal(ResumptionReason.None, reason);
        Assert.Equal(_session.Export(), opened!.Export());
    }

    [Fact]
    public void ATicketIsLaidOutAsWritten()
    {
        byte[] ticket = _sealer.Seal(_session)!;

        Assert.Equal(1, ticket[0]);
        Assert.Equal(_ring.Keys[0].Name, Convert.ToHexStringLower(ticket.AsSpan(1, 16)));
        Assert.Equal(1 + 16 + 32 + _session.Export().Length + 16, ticket.Length);
    }

    [Fact]
    public void NoTwoTicketsAreAlikeAnywhereButInVersionAndName()
    {
        byte[] a = _sealer.Seal(_session)!;
        byte[] b = _sealer.Seal(_session)!;

        Assert.Equal(a[..17], b[..17]);
        // 300 random bytes agree in about one; 30 would be a pattern.
        Assert.InRange(Enumerable.Range(17, a.Length - 17).Count(i => a[i] == b[i]), 0, 30);
    }

    [Fact]
    [Trait("Museum", "C2")]
    public void NothingOfTheSessionShows()
    {
        byte[] ticket = _sealer.Seal(_session)!;
        byte[] state = _session.Export();
        for (int i = 0; i + 4 <= state.Length; i++)
        {
            if (!WeakSecret.IsWeak(state.AsSpan(i, 4)))
            {
                Assert.Equal(-1, ticket.AsSpan(17).IndexOf(state.AsSpan(i, 4)));
            }
        }
    }

    /// <summary>Museum C7: every length there can be, of zeros, of noise, and of a true ticket cut or drawn out.</summary>
    [Fact]
    [Trait("Museum", "C7")]
    public void EveryLengthOfNothingIsDeclined()
    {
        byte[] zeros = new byte[TicketSealer.MaxTicketLength + 2];
        byte[] noise = RandomNumberGenerator.GetBytes(zeros.Length);
        byte[] ticket = _sealer.Seal(_session)!;
        byte[] drawnOut = [.. ticket, .. new byte[zeros.Length - ticket.Length]];
        noise[0] = 1;
        for (int length = 0; length <= zeros.Length; length++)
        {
            bool shaped = length is > 65 and <= TicketSealer.MaxTicketLength;
            Assert.Equal(ResumptionReason.TicketMalformed, Refuse(zeros.AsSpan(0, length)));
            Assert.Equal(shaped ? ResumptionReason.UnknownTicketKey : ResumptionReason.TicketMalformed, Refuse(noise.AsSpan(0, length)));
            if (length != ticket.Length)
            {
                Assert.Equal(shaped ? ResumptionReason.TicketUndecryptable : ResumptionReason.TicketMalformed, Refuse(drawnOut.AsSpan(0, length)));
            }
        }
    }

    [Fact]
    [Trait("Museum", "C7")]
    public void EveryFlippedBitIsDeclined()
    {
        byte[] ticket = _sealer.Seal(_session)!;
        for (int bit = 0; bit < ticket.Length * 8; bit++)
        {
            ticket[bit / 8] ^= (byte)(1 << (bit % 8));
            ResumptionReason expected = (bit / 8) switch
            {
                0 => ResumptionReason.TicketMalformed,
                < 17 => ResumptionReason.UnknownTicketKey,
                _ => ResumptionReason.TicketUndecryptable,
            };
            Assert.Equal(expected, Refuse(ticket));
            ticket[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.NotNull(_sealer.Open(ticket, out _));
    }

    [Fact]
    public void AnotherServersTicketIsDeclined()
    {
        using var otherRing = new TicketKeyRing();
        byte[] ticket = new TicketSealer(otherRing, CryptoProvider.Default).Seal(_session)!;

        Assert.Equal(ResumptionReason.UnknownTicketKey, Refuse(ticket));
    }

    /// <summary>A ticket does not open under a key that merely has the right name, be it guessable or not.</summary>
    [Fact]
    [Trait("Museum", "C1")]
    public void ATicketOpensUnderItsOwnKeyOnly()
    {
        byte[] ticket = _sealer.Seal(_session)!;
        byte[] name = ticket[1..17];
        foreach (byte[] secret in new[] { "0123456789abcdef0123456789abcdef"u8.ToArray(), [.. new byte[31], 1], RandomNumberGenerator.GetBytes(32) })
        {
            var crypto = new CryptoDouble { Random = bytes => ((byte[])[.. secret, .. name]).AsSpan(0, bytes.Length).CopyTo(bytes) };
            using var ring = new TicketKeyRing(null, null, null, crypto);
            Assert.NotNull(ring.Active);
            Assert.Null(new TicketSealer(ring, crypto).Open(ticket, out ResumptionReason reason));
            Assert.Equal(ResumptionReason.TicketUndecryptable, reason);
        }
    }

    /// <summary>Museum C6: a cloned random generator repeats the salt, and so key and nonce, only for one and the same session.</summary>
    [Fact]
    [Trait("Museum", "C6")]
    public void AClonedGeneratorRepeatsNoKeyForAnotherSession()
    {
        Assert.NotNull(_ring.Active);
        _crypto.Random = bytes => bytes.Fill(42);
        byte[] a = _sealer.Seal(_session)!;
        byte[] again = _sealer.Seal(_session)!;
        byte[] b = _sealer.Seal(new SessionDraft { AgeAdd = 1, Lineage = _session.Lineage }.Session())!;

        Assert.Equal(a, again);
        Assert.NotEqual(a[17..49], b[17..49]);
        Assert.NotNull(_sealer.Open(b, out _));
    }

    [Fact]
    public void WithoutAKeyThereIsNoTicket()
    {
        byte[] ticket = _sealer.Seal(_session)!;
        _ring.Dispose();

        Assert.Null(_sealer.Seal(_session));
        Assert.Equal(ResumptionReason.RetiredTicketKey, Refuse(ticket));
    }

    /// <summary>Museum C12: a client's chain that makes the ticket too long costs the ticket, nothing else.</summary>
    [Fact]
    [Trait("Museum", "C12")]
    public void ASessionThatIsTooLongGetsNoTicket()
    {
        int fixedPart = _sealer.Seal(WithCertificate(1))!.Length - 1;
        byte[] longest = _sealer.Seal(WithCertificate(TicketSealer.MaxTicketLength - fixedPart))!;

        Assert.Equal(TicketSealer.MaxTicketLength, longest.Length);
        Assert.NotNull(_sealer.Open(longest, out _));
        Assert.Null(_sealer.Seal(WithCertificate(TicketSealer.MaxTicketLength - fixedPart + 1)));
        Assert.Null(_sealer.Seal(WithCertificate(100 * 1024)));

        static TlsSession WithCertificate(int length) => new SessionDraft { PeerCertificates = [new byte[length]] }.Session();
    }

    /// <summary>Museum L1, C9: whichever call of cryptography fails, there is no ticket or no session, and no exception.</summary>
    [Fact]
    [Trait("Museum", "L1")]
    public void EveryCryptographicCallMayFail()
    {
        byte[] ticket = _sealer.Seal(_session)!;
        _crypto.Restart(failingCall: -1);
        Assert.NotNull(_sealer.Seal(_session));
        int seals = _crypto.Calls;
        Assert.NotNull(_sealer.Open(ticket, out _));
        int opens = _crypto.Calls - seals;

        Assert.Equal((5, 3), (seals, opens));
        for (int call = 0; call < seals; call++)
        {
            _crypto.Restart(failingCall: call);
            Assert.Null(_sealer.Seal(_session));
        }
        for (int call = 0; call < opens; call++)
        {
            _crypto.Restart(failingCall: call);
            Assert.Equal(ResumptionReason.TicketUndecryptable, Refuse(ticket));
        }
    }

    private ResumptionReason Refuse(ReadOnlySpan<byte> ticket)
    {
        Assert.Null(_sealer.Open(ticket, out ResumptionReason reason));
        return reason;
    }
}
