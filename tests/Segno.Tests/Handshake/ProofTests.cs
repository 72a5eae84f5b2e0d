using System.Net.Security;
using System.Reflection;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Tests.Sessions;

namespace Segno.Tests.Handshake;

/// <summary>A check that is left out does not compile; these tests keep it so.</summary>
public class ProofTests
{
    private static readonly Type[] Proofs = [typeof(PossessionVerified), typeof(PeerVerified), typeof(FinishedVerified)];

    [Fact]
    public void OnlyTheCheckMakesAProof()
    {
        foreach (Type proof in Proofs)
        {
            Assert.True(proof is { IsClass: true, IsSealed: true }, proof.Name);
            ConstructorInfo constructor = Assert.Single(proof.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance));
            Assert.True(constructor.IsPrivate, proof.Name);
        }
    }

    /// <summary>Where the options want the session's chain examined again, nothing but a good verdict on that very chain will do.</summary>
    [Fact]
    public void ASessionProvesNoMoreThanTheRuleSays()
    {
        TlsSession session = Session();
        PeerCertificate peer = PeerCertificate.OfSession(session.PeerCertificates, CryptoProvider.Default);
        var good = new ChainVerdict(peer.Leaf, SslPolicyErrors.None, TlsFault.None);
        PeerVerified reused = PeerVerified.BySession(session, ResumedPeer.Reuse);
        Assert.Null(reused.Certificate);
        PeerVerified verified = PeerVerified.BySession(session, ResumedPeer.Reverify, peer, good);
        Assert.Same(peer, verified.Certificate);
        Assert.Same(session.PeerCertificates, verified.Chain);

        Assert.Throws<InvalidOperationException>(() => PeerVerified.BySession(session, ResumedPeer.Reverify));
        Assert.Throws<InvalidOperationException>(() => PeerVerified.BySession(session, ResumedPeer.Reverify, peer));
        Assert.Throws<InvalidOperationException>(() => PeerVerified.BySession(Session(), ResumedPeer.Reverify, peer, good));
        PeerCertificate other = PeerCertificate.OfSession(session.PeerCertificates, CryptoProvider.Default);
        Assert.Throws<InvalidOperationException>(() => PeerVerified.BySession(session, ResumedPeer.Reverify, other, good));
        Assert.Throws<InvalidOperationException>(() => PeerVerified.BySession(session, ResumedPeer.RequireFresh, peer, good));
        ChainVerdict refused = good with { Fault = TlsFault.CertificateRevoked };
        Assert.Equal(TlsFault.CertificateRevoked, Assert.Throws<TlsException>(() => PeerVerified.BySession(session, ResumedPeer.Reverify, peer, refused)).Fault);

        static TlsSession Session()
        {
            SessionDraft draft = SessionDraft.Client();
            draft.PeerCertificates = TestPki.Ecdsa("localhost").Tls.Chain;
            return new TlsSession(draft.State(), draft.Secret);
        }
    }

    [Theory]
    [InlineData(typeof(ExpectServerFinished), typeof(PeerVerified))]
    [InlineData(typeof(ExpectClientFinished), typeof(PeerVerified))]
    [InlineData(typeof(Connected13), typeof(FinishedVerified))]
    [InlineData(typeof(ExpectServerFinished12), typeof(PeerVerified))]
    [InlineData(typeof(ExpectClientFinished12), typeof(PeerVerified))]
    [InlineData(typeof(Connected12), typeof(FinishedVerified))]
    public void NoStateIsReachedWithoutItsProof(Type state, Type proof)
    {
        foreach (ConstructorInfo constructor in state.GetConstructors(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance))
        {
            Assert.Contains(constructor.GetParameters(), parameter => parameter.ParameterType == proof);
        }
        MethodInfo complete = typeof(HandshakeLink).GetMethod(nameof(HandshakeLink.Complete))!;
        Assert.Equal([typeof(FinishedVerified)], complete.GetParameters().Select(parameter => parameter.ParameterType));
    }
}
