using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Sessions;

/// <summary>The provider of this process, with two things that tests decide: what is random, and which call fails.</summary>
internal sealed class CryptoDouble() : ForwardingProvider(Default)
{
    /// <summary>Fills random bytes in the system's stead.</summary>
    public Action<Span<byte>>? Random { get; set; }

    /// <summary>The call that throws, counted from 0; -1: none.</summary>
    public int FailingCall { get; set; } = -1;

    public int Calls { get; private set; }

    public void Restart(int failingCall)
    {
        Calls = 0;
        FailingCall = failingCall;
    }

    public override void FillRandom(Span<byte> destination)
    {
        base.FillRandom(destination);
        Random?.Invoke(destination);
    }

    protected override void Call(string name)
    {
        if (Calls++ == FailingCall)
        {
            throw new CryptographicException("This call fails on purpose.");
        }
    }
}
