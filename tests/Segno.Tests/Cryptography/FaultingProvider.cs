using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Tests.Cryptography;

/// <summary>
/// A provider whose n-th call fails, calls on the objects it hands out included, and which knows how many of those objects are
/// still alive: what holds after a failure anywhere can be tested everywhere.
/// </summary>
internal sealed class FaultingProvider(CryptoProvider inner) : ForwardingProvider(inner)
{
    private readonly List<string> _calls = [];
    private int _alive;

    /// <summary>The call that fails, counted from 1; 0: none.</summary>
    public int FailingCall { get; set; }

    /// <summary>Told the name of a call before it is made; may make others.</summary>
    public Action<string>? Before { get; set; }

    /// <summary>The calls so far, by name.</summary>
    public IReadOnlyList<string> Calls => _calls;

    /// <summary>Objects handed out and not yet disposed.</summary>
    public int Alive => _alive;

    public override string Name => "faulting " + base.Name;

    /// <summary>
    /// Runs an action once to count its calls, then once for each of them with that one failing.
    /// </summary>
    /// <param name="inner">Does the work.</param>
    /// <param name="action">What is run.</param>
    /// <param name="afterFailure">Called after each failing run: the failed call, the provider, what was thrown.</param>
    public static void FailEachCall(CryptoProvider inner, Action<CryptoProvider> action, Action<string, FaultingProvider, Exception?> afterFailure)
    {
        FaultingProvider counting = new(inner);
        action(counting);
        for (int n = 1; n <= counting.Calls.Count; n++)
        {
            FaultingProvider failing = new(inner) { FailingCall = n };
            afterFailure(counting.Calls[n - 1], failing, Record.Exception(() => action(failing)));
        }
    }

    public override TranscriptHasher CreateHasher(HashKind hash) => new Hasher(this, base.CreateHasher(hash));

    public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key) => new Cipher(this, base.CreateAead(aead, key));

    public override KeyExchange StartKeyExchange(TlsNamedGroup group) => new Exchange(this, base.StartKeyExchange(group));

    public override Signer CreateSigner(ReadOnlySpan<byte> pkcs8) => new FaultingSigner(this, base.CreateSigner(pkcs8));

    public override Signer CreateSigner(AsymmetricAlgorithm key) => new FaultingSigner(this, base.CreateSigner(key));

    public override Verifier CreateVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo) => new FaultingVerifier(this, base.CreateVerifier(subjectPublicKeyInfo));

    protected override void Call(string name)
    {
        Before?.Invoke(name);
        lock (_calls)
        {
            _calls.Add(name);
            if (_calls.Count == FailingCall)
            {
                throw new CryptographicException($"Call {FailingCall}, {name}, fails on purpose.");
            }
        }
    }

    /// <summary>Counts an object as alive until it is disposed the first time.</summary>
    private sealed class Life : IDisposable
    {
        private readonly FaultingProvider _provider;
        private readonly IDisposable _inner;
        private int _disposed;

        public Life(FaultingProvider provider, IDisposable inner)
        {
            _provider = provider;
            _inner = inner;
            Interlocked.Increment(ref provider._alive);
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                Interlocked.Decrement(ref _provider._alive);
            }

            _inner.Dispose();
        }
    }

    private sealed class Hasher(FaultingProvider provider, TranscriptHasher inner) : TranscriptHasher
    {
        private readonly Life _life = new(provider, inner);

        public override HashKind Kind => inner.Kind;

        public override void Append(ReadOnlySpan<byte> data)
        {
            provider.Call(nameof(Append));
            inner.Append(data);
        }

        public override int Current(Span<byte> destination)
        {
            provider.Call(nameof(Current));
            return inner.Current(destination);
        }

        public override TranscriptHasher Fork()
        {
            provider.Call(nameof(Fork));
            return new Hasher(provider, inner.Fork());
        }

        public override void Dispose() => _life.Dispose();
    }

    private sealed class Cipher(FaultingProvider provider, Aead inner) : Aead
    {
        private readonly Life _life = new(provider, inner);

        public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> destination)
        {
            provider.Call(nameof(Seal));
            inner.Seal(nonce, plaintext, associatedData, destination);
        }

        public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> associatedData, Span<byte> destination)
        {
            provider.Call(nameof(Seal));
            inner.Seal(nonce, first, second, associatedData, destination);
        }

        public override bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, ReadOnlySpan<byte> associatedData, Span<byte> destination)
        {
            provider.Call(nameof(TryOpen));
            return inner.TryOpen(nonce, sealedData, associatedData, destination);
        }

        public override void Dispose() => _life.Dispose();
    }

    private sealed class Exchange(FaultingProvider provider, KeyExchange inner) : KeyExchange
    {
        private readonly Life _life = new(provider, inner);

        public override TlsNamedGroup Group => inner.Group;

        public override int ShareLength => inner.ShareLength;

        public override void WriteShare(Span<byte> destination)
        {
            provider.Call(nameof(WriteShare));
            inner.WriteShare(destination);
        }

        public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret)
        {
            provider.Call(nameof(Agree));
            return inner.Agree(peerShare, secret);
        }

        public override void Dispose() => _life.Dispose();
    }

    private sealed class FaultingSigner(FaultingProvider provider, Signer inner) : Signer
    {
        private readonly Life _life = new(provider, inner);

        public override KeyKind Kind => inner.Kind;

        public override int KeySize => inner.KeySize;

        public override int MaxSignatureLength => inner.MaxSignatureLength;

        public override int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination)
        {
            provider.Call(nameof(Sign));
            return inner.Sign(scheme, data, destination);
        }

        public override int SignTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination)
        {
            provider.Call(nameof(SignTls12));
            return inner.SignTls12(scheme, data, destination);
        }

        public override void Dispose() => _life.Dispose();
    }

    private sealed class FaultingVerifier(FaultingProvider provider, Verifier inner) : Verifier
    {
        private readonly Life _life = new(provider, inner);

        public override KeyKind Kind => inner.Kind;

        public override int KeySize => inner.KeySize;

        public override bool Verify(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
        {
            provider.Call(nameof(Verify));
            return inner.Verify(scheme, data, signature);
        }

        public override bool VerifyTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
        {
            provider.Call(nameof(VerifyTls12));
            return inner.VerifyTls12(scheme, data, signature);
        }

        public override void Dispose() => _life.Dispose();
    }
}
