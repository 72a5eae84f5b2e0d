using Segno.Buffers;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions.ExternalPsks;

/// <summary>What a session keeps of the external PSK that it began with.</summary>
public class ExternalPskSessionTests
{
    private static readonly byte[] Digest = [.. Enumerable.Range(0xa0, 32).Select(i => (byte)i)];

    /// <summary>The encoding is that of any session, a flag and what stands behind it: sessions without a PSK are written as ever.</summary>
    [Fact]
    public void TheIdentityAndTheDigestStandBehindTheRest()
    {
        byte[] plain = Encode(Draft(null).Session());
        byte[] encoded = Encode(Draft(Origin("client one"u8.ToArray())).Session());
        byte[] expected = [plain[0], (byte)(plain[1] | 16), .. plain[2..], 0, 10, .. "client one"u8, .. Digest];
        Assert.Equal(expected, encoded);
        Assert.True(SessionCodec.TryDecode(encoded, out TlsSession? decoded, out _));
        Assert.Equal("client one"u8.ToArray(), decoded.Lineage.ExternalPsk!.Identity.Value.ToArray());
        Assert.Equal(Digest, decoded.Lineage.ExternalPsk.Digest.ToArray());
        Assert.Equal(encoded, Encode(decoded));
    }

    [Fact]
    public void WhatDoesNotAddUpIsNoSession()
    {
        byte[] encoded = Encode(Draft(Origin([1])).Session());
        byte[][] broken =
        [
            encoded[..^1],
            [.. encoded, 0],
            // The flag without what it announces, and the other way round.
            encoded[..^35],
            [encoded[0], (byte)(encoded[1] & ~16), .. encoded[2..]],
            // An identity of no bytes.
            [.. encoded[..^35], 0, 0, .. Digest],
        ];
        foreach (byte[] bytes in broken)
        {
            Assert.False(SessionCodec.TryDecode(bytes, out _, out ResumptionReason reason));
            Assert.Equal(ResumptionReason.TicketMalformed, reason);
        }
    }

    [Fact]
    public void TheNextSessionsRestOnTheSamePsk()
    {
        ExternalPskOrigin origin = Origin([1]);
        Assert.Same(origin, Draft(origin).Session().Lineage.Next().Next().ExternalPsk);
        Assert.Null(Draft(null).Session().Lineage.Next().ExternalPsk);
    }

    /// <summary>R-93; and a PSK stands in place of certificates.</summary>
    [Fact]
    public void ThereIsNoSuchSessionOfTls12OrWithCertificates()
    {
        SessionDraft old = SessionDraft.Tls12();
        old.Lineage = Lineage(Origin([1]), []);
        Assert.Contains("TLS 1.3", Assert.Throws<ArgumentException>(old.Session).Message, StringComparison.Ordinal);
        var both = new SessionDraft { Lineage = Lineage(Origin([1]), [new byte[] { 0x30, 0 }]) };
        Assert.Contains("certificates", Assert.Throws<ArgumentException>(both.Session).Message, StringComparison.Ordinal);
        var shown = new SessionDraft { Lineage = Lineage(Origin([1]), []), IsServer = false, OwnCertificateShown = true };
        Assert.Contains("certificates", Assert.Throws<ArgumentException>(shown.Session).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ItIsTooUnusualForTheCompactForm()
    {
        byte[] destination = new byte[CompactSession.MaxLength];
        foreach ((ExternalPskOrigin? origin, bool usual) in (IEnumerable<(ExternalPskOrigin?, bool)>)[(null, true), (Origin([1]), false)])
        {
            TlsSession session = Draft(origin).Session();
            Assert.Equal(usual, CompactSession.Encode(session, session.SessionId.Span, new SessionTemplate(session), destination) > 0);
        }
    }

    /// <summary>A session whose PSK has a long identity does not fit into a ticket, and costs nothing else.</summary>
    [Fact]
    public void ALongIdentityGetsNoTicket()
    {
        using var keys = new TicketKeyRing();
        var sealer = new TicketSealer(keys, CryptoProvider.Default);
        int room = TicketSealer.MaxTicketLength - sealer.Seal(Draft(Origin([1])).Session())!.Length;
        Assert.Equal(TicketSealer.MaxTicketLength, sealer.Seal(Draft(Origin(new byte[1 + room])).Session())!.Length);
        Assert.Null(sealer.Seal(Draft(Origin(new byte[2 + room])).Session()));
    }

    private static ExternalPskOrigin Origin(byte[] identity) => new(identity, Digest);

    private static SessionLineage Lineage(ExternalPskOrigin? origin, ReadOnlyMemory<byte>[] certificates) => SessionLineage.Restore(
        new Guid("00112233-4455-6677-8899-aabbccddeeff"),
        SessionDraft.Now.AddHours(-1).ToUnixTimeMilliseconds(),
        SessionDraft.Now.AddDays(5).ToUnixTimeMilliseconds(),
        0,
        certificates,
        null,
        origin);

    private static SessionDraft Draft(ExternalPskOrigin? origin) => new() { Lineage = Lineage(origin, []) };

    private static byte[] Encode(TlsSession session)
    {
        using var buffer = new FlightBuffer();
        Assert.True(SessionCodec.TryEncode(session, buffer));
        return buffer.Span.ToArray();
    }
}
