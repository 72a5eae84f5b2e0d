using System.Reflection;
using Segno.Handshake;

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
