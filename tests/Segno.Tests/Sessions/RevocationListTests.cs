using System.Security.Cryptography;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;

namespace Segno.Tests.Sessions;

public sealed class RevocationListTests
{
    private static readonly DateTimeOffset Authenticated = SessionDraft.Now.AddHours(-1);
    private static readonly byte[] Certificate = [1, 2, 3];

    private readonly RevocationList _list = new();
    private readonly TlsSession _session = new SessionDraft { PeerCertificates = [Certificate] }.Session();

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public void ASessionThatBeganBeforeTheTimeIsRevoked(int milliseconds, bool revoked)
    {
        DateTimeOffset notBefore = Authenticated.AddMilliseconds(milliseconds);
        _list.RevokeCertificate(SHA256.HashData(Certificate), notBefore);
        Assert.Equal(revoked, IsRevoked(_list, _session, "a"));

        var tenants = new RevocationList();
        tenants.RevokeTenant("a", notBefore);
        Assert.Equal(revoked, IsRevoked(tenants, _session, "a"));
        Assert.False(IsRevoked(tenants, _session, "b"));
        Assert.False(IsRevoked(tenants, _session, null));

        var nobody = new RevocationList();
        nobody.RevokeTenant(null, notBefore);
        Assert.Equal(revoked, IsRevoked(nobody, _session, null));
        Assert.False(IsRevoked(nobody, _session, "a"));
    }

    [Fact]
    public void AnotherCertificateOrNoneIsNotMeant()
    {
        _list.RevokeCertificate(SHA256.HashData([1, 2, 4]), SessionDraft.Now);
        Assert.False(IsRevoked(_list, _session, null));
        _list.RevokeCertificate(SHA256.HashData(Certificate), SessionDraft.Now);
        Assert.True(IsRevoked(_list, _session, null));
        Assert.False(IsRevoked(_list, new SessionDraft().Session(), null));
    }

    /// <summary>A renewal keeps the time of the full handshake.</summary>
    [Fact]
    public void ARenewalDoesNotEscape()
    {
        TlsSession renewed = new SessionDraft { Lineage = _session.Lineage.Next(), IssuedAt = SessionDraft.Now }.Session();
        _list.RevokeCertificate(SHA256.HashData(Certificate), Authenticated.AddMilliseconds(1));
        Assert.True(IsRevoked(_list, renewed, null));
    }

    [Fact]
    public void TheLatestTimeCounts()
    {
        foreach (int hours in (int[])[0, -2])
        {
            _list.RevokeCertificate(SHA256.HashData(Certificate), SessionDraft.Now.AddHours(hours));
            _list.RevokeTenant("a", SessionDraft.Now.AddHours(hours));
            _list.RevokeTenant(null, SessionDraft.Now.AddHours(hours));
        }
        Assert.Equal(3, _list.Count);
        Assert.True(IsRevoked(_list, new SessionDraft().Session(), "a"));
        Assert.True(IsRevoked(_list, new SessionDraft().Session(), null));
        Assert.True(IsRevoked(_list, _session, "b"));
    }

    [Fact]
    public void TrimmingForgetsWhatIsOlder()
    {
        _list.RevokeCertificate(SHA256.HashData(Certificate), SessionDraft.Now);
        _list.RevokeTenant("a", SessionDraft.Now);
        _list.RevokeTenant(null, SessionDraft.Now);
        _list.Trim(SessionDraft.Now);
        Assert.Equal(3, _list.Count);
        _list.Trim(SessionDraft.Now.AddMilliseconds(1));
        Assert.Equal(0, _list.Count);
        Assert.False(IsRevoked(_list, _session, "a"));
    }

    /// <summary>What a list is asked, wherever it is.</summary>
    [Fact]
    public void TheQueryHasWhatTheSessionIs()
    {
        var query = RevocationQuery.Of(_session, "a");
        Assert.Equal(
            ("a", _session.ServerName, _session.ProtocolVersion, _session.LineageId, _session.AuthenticatedAt, _session.IssuedAt),
            (query.Tenant, query.ServerName, query.ProtocolVersion, query.LineageId, query.AuthenticatedAt, query.IssuedAt));
        byte[] fingerprint = new byte[32];
        Assert.True(query.TryGetCertificateFingerprint(fingerprint));
        Assert.Equal(SHA256.HashData(Certificate), fingerprint);
        Assert.Throws<ArgumentException>(() => query.TryGetCertificateFingerprint(new byte[31]));

        byte[] untouched = [.. Enumerable.Repeat((byte)1, 32)];
        Assert.False(RevocationQuery.Of(new SessionDraft().Session(), null).TryGetCertificateFingerprint(untouched));
        Assert.All(untouched, value => Assert.Equal(1, value));
    }

    /// <summary>A list of the application's own is asked in every mechanism; one that throws revokes, and costs no handshake.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void AListThatThrowsRevokes(SessionKind kind)
    {
        var list = new ListDouble();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => (o.Revocations, o.Tenant) = (list, "tenant"));
        Exhibits.Session(client, server);
        Assert.Empty(list.Asked);
        Exhibits.AssertUnharmed(client, server, resumed: true);
        RevocationQuery query = Assert.Single(list.Asked);
        Assert.Equal(("tenant", "localhost"), (query.Tenant, query.ServerName));

        list.Answer = () => throw new InvalidOperationException("down");
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.Revoked), pair.Server.Info.Resumption);
        }
        list.Answer = () => false;
        Exhibits.AssertUnharmed(client, server, resumed: true);
        list.Answer = () => true;
        Exhibits.AssertUnharmed(client, server, resumed: false);
    }

    [Theory]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(0)]
    public void AFingerprintHas32Bytes(int length)
        => Assert.Throws<ArgumentException>(() => _list.RevokeCertificate(new byte[length], SessionDraft.Now));

    private static bool IsRevoked(RevocationList list, TlsSession session, string? tenant) => list.IsRevoked(RevocationQuery.Of(session, tenant));

    private sealed class ListDouble : IRevocationList
    {
        public List<RevocationQuery> Asked { get; } = [];

        public Func<bool> Answer { get; set; } = () => false;

        public bool IsRevoked(in RevocationQuery query)
        {
            Asked.Add(query);
            return Answer();
        }
    }
}
