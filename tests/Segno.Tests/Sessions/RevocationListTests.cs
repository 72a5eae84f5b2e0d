using System.Security.Cryptography;
using Segno.Sessions;

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
        Assert.Equal(revoked, _list.IsRevoked(_session, "a"));

        var tenants = new RevocationList();
        tenants.RevokeTenant("a", notBefore);
        Assert.Equal(revoked, tenants.IsRevoked(_session, "a"));
        Assert.False(tenants.IsRevoked(_session, "b"));
        Assert.False(tenants.IsRevoked(_session, null));

        var nobody = new RevocationList();
        nobody.RevokeTenant(null, notBefore);
        Assert.Equal(revoked, nobody.IsRevoked(_session, null));
        Assert.False(nobody.IsRevoked(_session, "a"));
    }

    [Fact]
    public void AnotherCertificateOrNoneIsNotMeant()
    {
        _list.RevokeCertificate(SHA256.HashData([1, 2, 4]), SessionDraft.Now);
        Assert.False(_list.IsRevoked(_session, null));
        _list.RevokeCertificate(SHA256.HashData(Certificate), SessionDraft.Now);
        Assert.True(_list.IsRevoked(_session, null));
        Assert.False(_list.IsRevoked(new SessionDraft().Session(), null));
    }

    /// <summary>A renewal keeps the time of the full handshake.</summary>
    [Fact]
    public void ARenewalDoesNotEscape()
    {
        TlsSession renewed = new SessionDraft { Lineage = _session.Lineage.Next(), IssuedAt = SessionDraft.Now }.Session();
        _list.RevokeCertificate(SHA256.HashData(Certificate), Authenticated.AddMilliseconds(1));
        Assert.True(_list.IsRevoked(renewed, null));
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
        Assert.True(_list.IsRevoked(new SessionDraft().Session(), "a"));
        Assert.True(_list.IsRevoked(new SessionDraft().Session(), null));
        Assert.True(_list.IsRevoked(_session, "b"));
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
        Assert.False(_list.IsRevoked(_session, "a"));
    }

    [Theory]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(0)]
    public void AFingerprintHas32Bytes(int length)
        => Assert.Throws<ArgumentException>(() => _list.RevokeCertificate(new byte[length], SessionDraft.Now));
}
