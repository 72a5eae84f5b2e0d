using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Cryptography;
using Segno.Tests.Museum;

namespace Segno.Tests.Handshake;

/// <summary>Whatever holds a key is wiped with its connection, also where the handshake ends before its turn came.</summary>
public class SecretOwnershipTests
{
    public static TheoryData<ResumptionMechanism, bool> Sides => new(
        from mechanism in (ResumptionMechanism[])[ResumptionMechanism.SessionId, ResumptionMechanism.Ticket, ResumptionMechanism.Psk]
        from ofServer in (bool[])[false, true]
        select (mechanism, ofServer));

    [Theory]
    [MemberData(nameof(Sides))]
    public void NothingIsLeftOver(ResumptionMechanism mechanism, bool ofServer)
    {
        var provider = new Counting();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            mechanism,
            o => o.Crypto = ofServer ? o.Crypto : provider,
            o => o.Crypto = ofServer ? provider : o.Crypto);
        foreach (bool resumed in (bool[])[false, true])
        {
            // One message more of the other side arrives each time, and then nothing.
            int messages = 0;
            for (int allowed = 0; allowed == 0 || messages >= allowed; allowed++)
            {
                messages = 0;
                if (resumed && client.SessionCache.Count == 0)
                {
                    EnginePair.Connect(client, server).Dispose();
                }
                else if (!resumed)
                {
                    client.SessionCache.Clear();
                }
                TlsSettings talking = ofServer ? client.Settings : server.Settings;
                talking.MessageRewriter = message => ++messages <= allowed ? message : [];
                using (var pair = new EnginePair(client, server))
                {
                    Record.Exception(() =>
                    {
                        pair.Client.Start();
                        pair.Run();
                    });
                }
                talking.MessageRewriter = null;
                Assert.Equal(0, provider.Alive);
            }
            Assert.True(messages > 1);
        }
        Assert.True(provider.Made > 10);
    }

    /// <summary>Counts what holds keys and is not disposed.</summary>
    private sealed class Counting() : ForwardingProvider(CryptoProvider.Default)
    {
        private readonly HashSet<object> _alive = new(ReferenceEqualityComparer.Instance);

        public int Alive => _alive.Count;

        public int Made { get; private set; }

        public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key) => Add(new CountedAead(base.CreateAead(aead, key), _alive));

        public override KeyExchange StartKeyExchange(TlsNamedGroup group) => Add(new CountedExchange(base.StartKeyExchange(group), _alive));

        private T Add<T>(T made)
            where T : class
        {
            Made++;
            _alive.Add(made);
            return made;
        }
    }

    private sealed class CountedAead(Aead inner, HashSet<object> alive) : Aead
    {
        public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> destination)
            => inner.Seal(nonce, plaintext, associatedData, destination);

        public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> associatedData, Span<byte> destination)
            => inner.Seal(nonce, first, second, associatedData, destination);

        public override bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, ReadOnlySpan<byte> associatedData, Span<byte> destination)
            => inner.TryOpen(nonce, sealedData, associatedData, destination);

        public override void Dispose()
        {
            alive.Remove(this);
            inner.Dispose();
        }
    }

    private sealed class CountedExchange(KeyExchange inner, HashSet<object> alive) : KeyExchange
    {
        public override TlsNamedGroup Group => inner.Group;

        public override int ShareLength => inner.ShareLength;

        public override void WriteShare(Span<byte> destination) => inner.WriteShare(destination);

        public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret) => inner.Agree(peerShare, secret);

        public override void Dispose()
        {
            alive.Remove(this);
            inner.Dispose();
        }
    }
}
