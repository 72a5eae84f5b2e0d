using System.Net.Security;
using System.Reflection;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

public sealed class TlsSessionTests
{
    // Each row breaks one thing, and names a word of what Problem must say about it.
    private static readonly Dictionary<string, (Action<SessionDraft> Break, string Word)> Broken = new()
    {
        ["version none"] = (d => d.ProtocolVersion = SslProtocols.None, "version"),
        ["both versions"] = (d => d.ProtocolVersion = SslProtocols.Tls12 | SslProtocols.Tls13, "version"),
        ["hash unknown"] = (d => d.Hash = (HashKind)3, "hash"),
        ["secret of another hash"] = (d => d.Hash = HashKind.Sha384, "secret"),
        ["secret empty"] = (d => d.Secret = [], "secret"),
        ["secret one short"] = (d => d.Secret = d.Secret[1..], "secret"),
        ["secret one long"] = (d => d.Secret = [.. d.Secret, 1], "secret"),
        ["secret zero"] = (d => d.Secret = new byte[32], "never filled"),
        ["secret of one repeated byte"] = (d => d.Secret = [.. Enumerable.Repeat((byte)0xcc, 32)], "never filled"),
        ["1.3 secret in a 1.2 session"] = (d => d.ProtocolVersion = SslProtocols.Tls12, "secret"),
        ["issued before 1970"] = (d => d.IssuedAt = DateTimeOffset.UnixEpoch.AddMilliseconds(-1), "issue"),
        ["issued at the end of time"] = (d => (d.IssuedAt, d.AuthenticatedAt) = (DateTimeOffset.MaxValue, DateTimeOffset.MaxValue), "issue"),
        ["lifetime zero"] = (d => d.Lifetime = TimeSpan.Zero, "lifetime"),
        ["lifetime 7 days and 1 ms"] = (d => d.Lifetime = TimeSpan.FromDays(7) + TimeSpan.FromMilliseconds(1), "lifetime"),
        ["deadline at the moment of issue"] = (d => d.MaximumAge = d.IssuedAt - d.AuthenticatedAt, "deadline"),
        ["server name empty"] = (d => d.ServerName = "", "server name"),
        ["server name of 256"] = (d => d.ServerName = new string('a', 256), "server name"),
        ["server name with NUL"] = (d => d.ServerName = "a\0b", "server name"),
        ["server name not ASCII"] = (d => d.ServerName = "bücher.example", "server name"),
        ["group zero"] = (d => d.Group = 0, "group"),
        ["server with ticket"] = (d => d.Ticket = [1], "ticket"),
        ["ticket of 32 KiB + 1"] = (d => (d.IsServer, d.Ticket) = (false, new byte[(32 * 1024) + 1]), "ticket"),
        ["session ID of 33"] = (d => d.SessionId = new byte[33], "session ID"),
        ["application data of 4097"] = (d => d.ApplicationData = new byte[4097], "application data"),
        ["zone of 33"] = (d => d.Zone = new byte[33], "zone"),
        ["server that says what it showed"] = (d => d.OwnCertificateShown = true, "Only a client"),
        ["target host too long"] = (d => (d.IsServer, d.TargetHost) = (false, new string('a', 256)), "target host"),
        ["target host empty"] = (d => (d.IsServer, d.TargetHost) = (false, ""), "target host"),
        ["target port too high"] = (d => (d.IsServer, d.TargetPort) = (false, 65536), "target port"),
        ["target port negative"] = (d => (d.IsServer, d.TargetPort) = (false, -1), "target port"),
        ["server with a target host"] = (d => d.TargetHost = "a", "Only a client"),
        ["server with a target port"] = (d => d.TargetPort = 443, "Only a client"),
        ["transport unknown"] = (d => d.Transport = (TransportKind)2, "transport"),
    };

    // What is just allowed where the rows above are just not.
    private static readonly Dictionary<string, Action<SessionDraft>> AtTheLimit = new()
    {
        ["lifetime 1 ms"] = d => d.Lifetime = TimeSpan.FromMilliseconds(1),
        ["lifetime 7 days"] = d => d.Lifetime = TimeSpan.FromDays(7),
        ["deadline 1 ms after issue"] = d => d.MaximumAge = d.IssuedAt - d.AuthenticatedAt + TimeSpan.FromMilliseconds(1),
        ["issued in 1970"] = d => d.IssuedAt = DateTimeOffset.UnixEpoch,
        ["server name of 255"] = d => d.ServerName = new string('a', 255),
        ["no server name"] = d => d.ServerName = null,
        ["target host of 255"] = d => (d.IsServer, d.TargetHost) = (false, new string('a', 255)),
        ["target port 65535"] = d => (d.IsServer, d.TargetPort) = (false, 65535),
        ["no group"] = d => d.Group = null,
        ["ticket of 32 KiB"] = d => (d.IsServer, d.Ticket) = (false, new byte[32 * 1024]),
        ["session ID of 32"] = d => d.SessionId = new byte[32],
        ["application data of 4096"] = d => d.ApplicationData = new byte[4096],
        ["zone of 32"] = d => d.Zone = new byte[32],
        ["SHA-384"] = d => (d.Hash, d.Secret) = (HashKind.Sha384, RandomNumberGenerator.GetBytes(48)),
        ["client that showed a certificate"] = d => (d.IsServer, d.OwnCertificateShown) = (false, true),
        ["no application protocol"] = d => d.ApplicationProtocol = default,
        ["a secret that is zero but for its last bit"] = d => d.Secret = [.. new byte[31], 1],
    };

    public static TheoryData<string> BrokenRows => [.. Broken.Keys];

    public static TheoryData<string> LimitRows => [.. AtTheLimit.Keys];

    [Theory]
    [MemberData(nameof(BrokenRows))]
    public void WhatIsNoSessionCannotBecomeOne(string row)
    {
        var draft = new SessionDraft();
        Broken[row].Break(draft);
        TlsSessionState state = draft.State();

        Assert.Contains(Broken[row].Word, state.Problem(draft.Secret), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new TlsSession(state, draft.Secret));
        Assert.False(TlsSession.TryCreate(state, draft.Secret, out TlsSession? session));
        Assert.Null(session);
    }

    [Theory]
    [MemberData(nameof(LimitRows))]
    public void WhatIsJustWithinTheLimitsIsASession(string row)
    {
        var draft = new SessionDraft();
        AtTheLimit[row](draft);

        Assert.Null(draft.State().Problem(draft.Secret));
        Assert.True(TlsSession.TryCreate(draft.State(), draft.Secret, out TlsSession? session));
        Assert.Equal(session.Export(), TlsSession.Import(session.Export()).Export());
    }

    [Fact]
    public void ARoleThatIsNotTheScopesIsRefused()
    {
        TlsSessionState server = new SessionDraft().State();
        TlsSessionState client = SessionDraft.Client().State();
        var mixed = new TlsSessionState
        {
            IsServer = false,
            ProtocolVersion = client.ProtocolVersion,
            CipherSuite = client.CipherSuite,
            Hash = client.Hash,
            Scope = server.Scope,
            Lineage = client.Lineage,
            IssuedAt = client.IssuedAt,
            Lifetime = client.Lifetime,
        };

        Assert.Contains("role", mixed.Problem(new SessionDraft().Secret), StringComparison.Ordinal);
    }

    [Fact]
    public void ItTellsWhatItWasMadeOf()
    {
        var draft = new SessionDraft
        {
            ServerName = "WWW.Example.ORG",
            PeerCertificates = [new byte[] { 1, 2 }, new byte[] { 3 }],
            ApplicationData = [7, 8],
        };
        TlsSession session = draft.Session();

        Assert.True(session.IsServer);
        Assert.Equal(SslProtocols.Tls13, session.ProtocolVersion);
        Assert.Equal(TlsCipherSuite.TLS_AES_128_GCM_SHA256, session.CipherSuite);
        Assert.Equal("www.example.org", session.ServerName);
        Assert.Equal(SslApplicationProtocol.Http2, session.ApplicationProtocol);
        Assert.Equal(draft.IssuedAt, session.IssuedAt);
        Assert.Equal(draft.AuthenticatedAt, session.AuthenticatedAt);
        Assert.Equal(draft.AuthenticatedAt.AddDays(7), session.AuthenticationDeadline);
        Assert.Equal(draft.IssuedAt.AddHours(24), session.ExpiresAt);
        Assert.Equal(TimeSpan.FromHours(24), session.TicketLifetime);
        Assert.Equal(0, session.ResumptionCount);
        Assert.NotEqual(Guid.Empty, session.LineageId);
        Assert.Equal(2, session.PeerCertificates.Count);
        Assert.Equal(new byte[] { 1, 2 }, session.PeerCertificates[0].ToArray());
        Assert.Equal(new byte[] { 7, 8 }, session.ApplicationData.ToArray());
        Assert.Equal(draft.Secret, SessionDraft.SecretOf(session));
    }

    [Fact]
    public void ItKeepsItsOwnCopies()
    {
        byte[] data = [1, 2, 3];
        byte[] ticket = [4, 5, 6];
        byte[] certificate = [7, 8, 9];
        SessionDraft draft = SessionDraft.Client();
        (draft.ApplicationData, draft.Ticket, draft.PeerCertificates) = (data, ticket, [certificate]);
        TlsSession session = draft.Session();
        Array.Clear(data);
        Array.Clear(ticket);
        Array.Clear(certificate);

        Assert.Equal(new byte[] { 1, 2, 3 }, session.ApplicationData.ToArray());
        Assert.Equal(new byte[] { 4, 5, 6 }, session.Ticket.ToArray());
        Assert.Equal(new byte[] { 7, 8, 9 }, session.PeerCertificates[0].ToArray());
    }

    [Fact]
    public void TheSecretLiesSealedInMemory()
    {
        var draft = new SessionDraft { Secret = RandomNumberGenerator.GetBytes(32) };
        TlsSession session = draft.Session();

        foreach (FieldInfo field in typeof(TlsSession).GetFields(BindingFlags.NonPublic | BindingFlags.Instance))
        {
            if (field.GetValue(session) is byte[] bytes)
            {
                Assert.Equal(-1, bytes.AsSpan().IndexOf(draft.Secret.AsSpan(0, 8)));
            }
        }
        Assert.Equal(draft.Secret, SessionDraft.SecretOf(session));
    }

    [Fact]
    public void ASecretIsNeverSealedTwiceAlike()
    {
        byte[] secret = RandomNumberGenerator.GetBytes(32);

        Assert.NotEqual(SecretWrap.Wrap(secret), SecretWrap.Wrap(secret));
    }

    [Fact]
    public void ASecretChangedInMemoryIsNotUsed()
    {
        byte[] wrapped = SecretWrap.Wrap(RandomNumberGenerator.GetBytes(32));
        for (int i = 0; i < wrapped.Length; i++)
        {
            wrapped[i] ^= 1;
            byte[] secret = new byte[32];
            Assert.Throws<CryptographicException>(() => SecretWrap.Unwrap(wrapped, secret));
            Assert.Equal(new byte[32], secret);
            wrapped[i] ^= 1;
        }
        Assert.Equal(32, SecretWrap.Unwrap(wrapped, new byte[32]));
    }

    [Fact]
    public void ItEndsWithTheAuthenticationHoweverLongItWasToLive()
    {
        TlsSession session = new SessionDraft { MaximumAge = TimeSpan.FromHours(2), Lifetime = TimeSpan.FromDays(7) }.Session();

        Assert.Equal(session.AuthenticationDeadline, session.ExpiresAt);
        Assert.False(session.IsOver(session.ExpiresAt));
        Assert.True(session.IsOver(session.ExpiresAt.AddMilliseconds(1)));
    }

    [Fact]
    public void TimesAreKeptToTheMillisecond()
    {
        TlsSession session = new SessionDraft { IssuedAt = SessionDraft.Now.AddTicks(19_999) }.Session();

        Assert.Equal(SessionDraft.Now.AddMilliseconds(1), session.IssuedAt);
    }

    [Fact]
    public void ExportAndImportKeepEverything()
    {
        var draft = new SessionDraft { PeerCertificates = [new byte[] { 1, 2 }], ApplicationData = [7, 8], PeerNotAfter = SessionDraft.Now.AddDays(3) };
        TlsSession session = draft.Session();
        TlsSession imported = TlsSession.Import(session.Export());

        Assert.Equal(session.Export(), imported.Export());
        Assert.Equal(session.LineageId, imported.LineageId);
        Assert.Equal(session.PeerCertificateNotAfter, imported.PeerCertificateNotAfter);
        Assert.Null(SessionScope.FirstMismatch(session.Scope, imported.Scope));
        Assert.Equal(draft.Secret, SessionDraft.SecretOf(imported));
    }

    [Fact]
    public void ImportRefusesWhatIsNoSession()
    {
        byte[] exported = new SessionDraft().Session().Export();

        Assert.Throws<SessionImportException>(() => TlsSession.Import([]));
        Assert.Throws<SessionImportException>(() => TlsSession.Import(exported.AsSpan(0, exported.Length - 1)));
        Assert.Throws<SessionImportException>(() => TlsSession.Import([.. exported, 0]));
        exported[0]++;
        Assert.Contains("version", Assert.Throws<SessionImportException>(() => TlsSession.Import(exported)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ExportRefusesWhatDoesNotFit()
    {
        TlsSession session = new SessionDraft { PeerCertificates = [new byte[64 * 1024]] }.Session();

        Assert.Throws<InvalidOperationException>(session.Export);
    }
}
