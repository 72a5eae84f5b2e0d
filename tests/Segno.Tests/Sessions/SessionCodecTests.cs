using System.Net.Security;
using System.Security.Authentication;
using CsCheck;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

public sealed class SessionCodecTests
{
    /// <summary>
    /// A server's TLS 1.3 session in format version 2, as written by the first release. It never changes: what it does not equal is
    /// another format and needs another version number.
    /// </summary>
    private const string GoldenServer13 =
        "02050304130104001d200102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f200000019ca90e1b8005265c0000"
        + "00019ca8d72d000000019cc304d6000000019cc82b32000000000300112233445566778899aabbccddeeff0f7777772e6578616d706c65"
        + "2e6f72670000000268320000000089abcdef00012001000000000088019a7b30226fa1b0820cf874281ab4e3dc026897eab87e68923d359e1c20"
        + "6195686b0303989a9cfc40871224799d3d197216d604c1bc7181899659167e0a748d1675ea3505e3f4f1dee114586c12edba98515c83c1"
        + "06069cf66600c78111d8084d4fdb4cc19e07be1524b9844acf1332a6096a00966ee80839bb1f0c33e178ae2ecf08e9350248ab00000002"
        + "da7a00000d00000530030201050000023000";

    /// <summary>A client's TLS 1.2 session in format version 2.</summary>
    private const string GoldenClient12 =
        "02020303c02b040000300102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
        + "2e2f300000019ca90e1b8005265c000000019ca90e1b800000019ccd518e00000000000000000000000000ffeeddccbbaa998877665544"
        + "3322110000093139322e302e322e3701bb000000000089abcdef025e550001000000000088018aa11ef21f09bccdb56f686e8494cc6e026897eab87e68923d359e1c20"
        + "6195686b0303989a9cfc40871224799d3d197216d604d72ec5cbbc653b82506533c5e452c0d205e3f4f1dee114586c12edba98515c83c1"
        + "06069cf66600c78111d8084d4fdb4cc19e07be1524b9844acf1332a6096a00966ee808358554e958d502e87b957114ba5bedaa000371c4"
        + "e70000000000";

    /// <summary>The same client's session in format version 1, which had no target.</summary>
    private const string GoldenClient12Version1 =
        "01020303c02b040000300102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
        + "2e2f300000019ca90e1b8005265c000000019ca90e1b800000019ccd518e00000000000000000000000000ffeeddccbbaa998877665544"
        + "3322110000000000000089abcdef025e550001000000000088018aa11ef21f09bccdb56f686e8494cc6e026897eab87e68923d359e1c20"
        + "6195686b0303989a9cfc40871224799d3d197216d604d72ec5cbbc653b82506533c5e452c0d205e3f4f1dee114586c12edba98515c83c1"
        + "06069cf66600c78111d8084d4fdb4cc19e07be1524b9844acf1332a6096a00966ee808358554e958d502e87b957114ba5bedaa000371c4"
        + "e70000000000";

    private static readonly Gen<TlsSession> AnySession =
        from isServer in Gen.Bool
        from is13 in Gen.Bool
        from shown in Gen.Bool
        from hash in Gen.Enum<HashKind>()
        from secret in Gen.Byte.Array[is13 ? hash.Length() : 48].Where(bytes => !WeakSecret.IsWeak(bytes))
        from suite in Gen.UShort
        from certificates in Gen.Byte.Array[1, 300].Array[0, 5]
        from times in Gen.Select(Gen.Long[0, 4_000_000_000_000], Gen.Int[1, 604_800_000], Gen.Int[-1_000_000, 604_800_000], Gen.Int[0, int.MaxValue])
        from notAfter in Gen.Long[0, 4_000_000_000_000].Nullable()
        from name in Gen.Char['!', '~'].Array[0, 255]
        from target in Gen.Char['!', '~'].Array[0, 255]
        from port in Gen.UShort
        from protocol in Gen.Byte.Array[0, 255]
        from numbers in Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt, Gen.UInt)
        from ticket in Gen.Byte.Array[0, 600]
        from sessionId in Gen.Byte.Array[0, 32]
        from zone in Gen.Byte.Array[0, 32]
        from data in Gen.Byte.Array[0, 4096]
        from namedGroup in Gen.UShort
        from tenant in Gen.String
        select new TlsSession(
            new TlsSessionState
            {
                IsServer = isServer,
                ProtocolVersion = is13 ? SslProtocols.Tls13 : SslProtocols.Tls12,
                CipherSuite = (TlsCipherSuite)suite,
                Hash = hash,
                Scope = SessionScope.Create(new SessionScopeInputs { IsServer = isServer, Tenant = tenant }, CryptoProvider.Default),
                Lineage = SessionLineage.Restore(
                    Guid.NewGuid(), times.Item1, times.Item1 + 1 + times.Item4, numbers.Item1, [.. certificates.Select(c => (ReadOnlyMemory<byte>)c)], notAfter),
                IssuedAt = DateTimeOffset.FromUnixTimeMilliseconds(Math.Max(0, times.Item1 + Math.Min(times.Item3, times.Item4))),
                Lifetime = TimeSpan.FromMilliseconds(times.Item2),
                ServerName = name.Length == 0 ? null : new string(name),
                TargetHost = isServer || target.Length == 0 ? null : new string(target),
                TargetPort = isServer ? 0 : port,
                ApplicationProtocol = protocol.Length == 0 ? default : new SslApplicationProtocol(protocol),
                Group = namedGroup == 0 ? null : (TlsNamedGroup)namedGroup,
                AgeAdd = numbers.Item2,
                MaxEarlyDataSize = numbers.Item3,
                Ticket = isServer ? default : ticket,
                SessionId = sessionId,
                ExtendedMasterSecret = !is13,
                OwnCertificateShown = shown && !isServer,
                ApplicationData = data,
                Zone = zone,
                RevocationEpoch = numbers.Item4,
            },
            secret);

    public static TheoryData<string> Goldens => [GoldenServer13, GoldenClient12];

    [Fact]
    public void AnySessionSurvivesTheRoundTrip() => AnySession.Sample(
        session =>
        {
            byte[] encoded = Encode(session);
            Assert.True(SessionCodec.TryDecode(encoded, out TlsSession? decoded, out ResumptionReason reason));
            Assert.Equal(ResumptionReason.None, reason);
            AssertSame(session, decoded);
            Assert.Equal(encoded, Encode(decoded));
        },
        iter: 300);

    [Fact]
    public void TheGoldenServerSessionIsStillWrittenAlike() => Assert.Equal(GoldenServer13, Hex(GoldenServer()));

    [Fact]
    public void TheGoldenClientSessionIsStillWrittenAlike() => Assert.Equal(GoldenClient12, Hex(GoldenClient()));

    [Fact]
    public void TheGoldenSessionsAreStillRead()
    {
        AssertSame(GoldenServer(), Decode(Convert.FromHexString(GoldenServer13)));
        AssertSame(GoldenClient(), Decode(Convert.FromHexString(GoldenClient12)));
    }

    /// <summary>A client's session without a target could be resumed with any address.</summary>
    [Fact]
    public void Version1IsDeclinedByName()
    {
        Assert.False(SessionCodec.TryDecode(Convert.FromHexString(GoldenClient12Version1), out _, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.SessionFormatVersion, reason);
    }

    /// <summary>Museum K1 and C7: whatever a bit does, it does it quietly.</summary>
    [Theory]
    [MemberData(nameof(Goldens))]
    [Trait("Museum", "K1")]
    public void EveryFlippedBitDecodesToAnotherSessionOrFails(string golden)
    {
        byte[] encoded = Convert.FromHexString(golden);
        int decodable = 0;
        for (int bit = 0; bit < encoded.Length * 8; bit++)
        {
            encoded[bit / 8] ^= (byte)(1 << (bit % 8));
            if (SessionCodec.TryDecode(encoded, out TlsSession? session, out ResumptionReason reason))
            {
                // One session, one encoding: a flipped bit is never ignored.
                Assert.Equal(encoded, Encode(session));
                Assert.Equal(ResumptionReason.None, reason);
                decodable++;
            }
            else
            {
                Assert.Null(session);
                Assert.Equal(bit < 8 ? ResumptionReason.SessionFormatVersion : ResumptionReason.TicketMalformed, reason);
            }
            encoded[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.InRange(decodable, 1, (encoded.Length * 8) - 1);
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void EveryTruncationFails(string golden)
    {
        byte[] encoded = Convert.FromHexString(golden);
        for (int length = 0; length < encoded.Length; length++)
        {
            Assert.False(SessionCodec.TryDecode(encoded.AsSpan(0, length), out _, out ResumptionReason reason));
            Assert.Equal(ResumptionReason.TicketMalformed, reason);
        }
    }

    [Fact]
    public void WhatFollowsFails()
    {
        Assert.False(SessionCodec.TryDecode([.. Convert.FromHexString(GoldenServer13), 0], out _, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.TicketMalformed, reason);
    }

    [Fact]
    public void EveryOtherVersionIsDeclinedByName()
    {
        byte[] encoded = Convert.FromHexString(GoldenServer13);
        for (int version = 0; version <= 255; version++)
        {
            encoded[0] = (byte)version;
            Assert.Equal(version == SessionCodec.FormatVersion, SessionCodec.TryDecode(encoded, out _, out ResumptionReason reason));
            Assert.Equal(version == SessionCodec.FormatVersion ? ResumptionReason.None : ResumptionReason.SessionFormatVersion, reason);
        }
    }

    [Fact]
    public void NoiseFailsOrDecodes() => Gen.Byte.Array[0, 600].Sample(
        noise =>
        {
            byte[] encoded = [SessionCodec.FormatVersion, .. noise];
            Assert.Equal(SessionCodec.TryDecode(encoded, out TlsSession? session, out ResumptionReason reason), session is not null);
            Assert.Equal(session is null, reason == ResumptionReason.TicketMalformed);
        },
        iter: 1000);

    [Fact]
    public void ItEndsAt64KiB()
    {
        int fixedPart = Encode(WithCertificate(1)).Length - 1;
        byte[] longest = Encode(WithCertificate(SessionLimits.MaxEncoded - fixedPart));
        Assert.Equal(SessionLimits.MaxEncoded, longest.Length);
        Assert.NotNull(Decode(longest));

        using var buffer = new FlightBuffer();
        buffer.Append([1, 2, 3]);
        Assert.False(SessionCodec.TryEncode(WithCertificate(SessionLimits.MaxEncoded - fixedPart + 1), buffer));
        Assert.False(SessionCodec.TryEncode(WithCertificate(10 * SessionLimits.MaxEncoded), buffer));
        Assert.Equal(new byte[] { 1, 2, 3 }, buffer.Span.ToArray());

        Assert.False(SessionCodec.TryDecode([.. longest, 0], out _, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.TicketMalformed, reason);

        static TlsSession WithCertificate(int length) => new SessionDraft { PeerCertificates = [new byte[length]] }.Session();
    }

    [Fact]
    public void ItHolds64Certificates()
    {
        using var buffer = new FlightBuffer();
        Assert.Equal(64, Decode(Encode(WithCertificates(64))).PeerCertificates.Count);
        Assert.False(SessionCodec.TryEncode(WithCertificates(65), buffer));

        static TlsSession WithCertificates(int count)
            => new SessionDraft { PeerCertificates = [.. Enumerable.Repeat((ReadOnlyMemory<byte>)new byte[] { 1 }, count)] }.Session();
    }

    [Fact]
    public void AnEncodingThatOutlivesItsDeadlineIsNoneOfOurs()
    {
        byte[] encoded = Convert.FromHexString(GoldenServer13);
        // 45: after the version, flags, version, suite, hash, group, secret and time of issue.
        const int Lifetime = 1 + 1 + 2 + 2 + 1 + 2 + 1 + 32 + 8;
        Assert.Equal(86_400_000u, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(encoded.AsSpan(Lifetime)));
        const int Deadline = Lifetime + 4 + 8;
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(
            encoded.AsSpan(Deadline), GoldenServer().ExpiresAt.ToUnixTimeMilliseconds());
        Assert.True(SessionCodec.TryDecode(encoded, out _, out _));
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(
            encoded.AsSpan(Deadline), GoldenServer().ExpiresAt.ToUnixTimeMilliseconds() - 1);
        Assert.False(SessionCodec.TryDecode(encoded, out _, out _));
    }

    private static TlsSession GoldenServer()
    {
        var draft = new SessionDraft
        {
            Lineage = SessionLineage.Restore(
                new Guid("00112233-4455-6677-8899-aabbccddeeff"),
                SessionDraft.Now.AddHours(-2).ToUnixTimeMilliseconds(),
                SessionDraft.Now.AddDays(5).ToUnixTimeMilliseconds(),
                3,
                [new byte[] { 0x30, 0x03, 0x02, 0x01, 0x05 }, new byte[] { 0x30, 0x00 }],
                SessionDraft.Now.AddDays(6).ToUnixTimeMilliseconds()),
            ApplicationData = [0xda, 0x7a],
            Zone = [0x20],
            ScopeInputs = new SessionScopeInputs { IsServer = true, Group = "golden", ClientAuthentication = TlsClientCertificateMode.Required, Tenant = "acme" },
        };
        return draft.Session();
    }

    private static TlsSession GoldenClient()
    {
        SessionDraft draft = SessionDraft.Tls12();
        draft.ScopeInputs = new SessionScopeInputs { IsServer = false, Group = "golden" };
        draft.Lineage = SessionLineage.Restore(
            new Guid("ffeeddcc-bbaa-9988-7766-554433221100"), SessionDraft.Now.AddHours(-1).ToUnixTimeMilliseconds(), SessionDraft.Now.AddDays(7).ToUnixTimeMilliseconds(), 0, [], null);
        draft.ServerName = null;
        (draft.TargetHost, draft.TargetPort) = ("192.0.2.7", 443);
        draft.ApplicationProtocol = default;
        draft.Group = null;
        draft.Ticket = [0x71, 0xc4, 0xe7];
        draft.SessionId = [0x5e, 0x55];
        return draft.Session();
    }

    private static byte[] Encode(TlsSession session)
    {
        using var buffer = new FlightBuffer();
        Assert.True(SessionCodec.TryEncode(session, buffer));
        return buffer.Span.ToArray();
    }

    private static TlsSession Decode(byte[] encoded)
    {
        Assert.True(SessionCodec.TryDecode(encoded, out TlsSession? session, out _));
        return session;
    }

    private static string Hex(TlsSession session) => Convert.ToHexStringLower(Encode(session));

    private static void AssertSame(TlsSession a, TlsSession b)
    {
        Assert.Equal(a.IsServer, b.IsServer);
        Assert.Equal(a.ProtocolVersion, b.ProtocolVersion);
        Assert.Equal(a.CipherSuite, b.CipherSuite);
        Assert.Equal(a.Hash, b.Hash);
        Assert.Equal(SessionDraft.SecretOf(a), SessionDraft.SecretOf(b));
        Assert.Equal(a.ServerName, b.ServerName);
        Assert.Equal((a.TargetHost, a.TargetPort), (b.TargetHost, b.TargetPort));
        Assert.Equal(a.ApplicationProtocol, b.ApplicationProtocol);
        Assert.Equal(a.IssuedAt, b.IssuedAt);
        Assert.Equal(a.AuthenticatedAt, b.AuthenticatedAt);
        Assert.Equal(a.AuthenticationDeadline, b.AuthenticationDeadline);
        Assert.Equal(a.ExpiresAt, b.ExpiresAt);
        Assert.Equal(a.ResumptionCount, b.ResumptionCount);
        Assert.Equal(a.LineageId, b.LineageId);
        Assert.Equal(a.PeerCertificates.Select(c => c.ToArray()), b.PeerCertificates.Select(c => c.ToArray()));
        Assert.Equal(a.PeerCertificateNotAfter, b.PeerCertificateNotAfter);
        Assert.Equal(a.MaxEarlyDataSize, b.MaxEarlyDataSize);
        Assert.Equal(a.ApplicationData.ToArray(), b.ApplicationData.ToArray());
        Assert.Null(SessionScope.FirstMismatch(a.Scope, b.Scope));
        Assert.Equal(a.Group, b.Group);
        Assert.Equal(a.AgeAdd, b.AgeAdd);
        Assert.Equal(a.Ticket.ToArray(), b.Ticket.ToArray());
        Assert.Equal(a.SessionId.ToArray(), b.SessionId.ToArray());
        Assert.Equal(a.ExtendedMasterSecret, b.ExtendedMasterSecret);
        Assert.Equal(a.IsMutuallyAuthenticated, b.IsMutuallyAuthenticated);
        Assert.Equal(a.Zone.ToArray(), b.Zone.ToArray());
        Assert.Equal(a.Transport, b.Transport);
        Assert.Equal(a.RevocationEpoch, b.RevocationEpoch);
    }
}
