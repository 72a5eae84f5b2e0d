using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>
/// Keys that all who have the same root and about the same time derive alike: a fleet in step, with nothing to distribute but the
/// root. A ratchet: memory holds what comes next, and nothing from which to compute what was.
/// </summary>
/// <remarks>
/// <code>
/// chain(origin) = HKDF-Extract("segno derived ticket keys", root)
/// chain(n + 1)  = HKDF-Expand(chain(n), "next")
/// material(n)   = HKDF-Expand(chain(n), "key" ‖ uint64 period in seconds)
/// n             = time since 1970 / period; origin: the n of 2026-01-01
/// </code>
/// </remarks>
internal sealed class DerivedTicketKeys : ITicketKeySource
{
    /// <summary>How many steps a ratchet takes at most: 19 years of minutes.</summary>
    internal const long MaxSteps = 10_000_000;

    private const int ChainLength = 32;
    private static readonly TimeSpan Origin = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) - DateTimeOffset.UnixEpoch;

    private readonly PinnedSecret _chain = new(ChainLength);
    private readonly TimeSpan _lifetime;
    private readonly CryptoProvider _crypto;
    private readonly ForwardClock _clock;
    private readonly byte[] _keyInfo;
    private long _chainEpoch;

    public DerivedTicketKeys(ReadOnlySpan<byte> root, TimeSpan period, TimeSpan lifetime, TimeProvider time, CryptoProvider crypto)
    {
        KeyMaterial.Check(root, "The root");
        RotationInterval = period;
        _lifetime = lifetime;
        _crypto = crypto;
        _clock = new ForwardClock(time);
        _chainEpoch = Origin.Ticks / period.Ticks;
        _keyInfo = [.. "key"u8, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt64BigEndian(_keyInfo.AsSpan(3), (long)period.TotalSeconds);
        long steps = EpochOf(Now) - _chainEpoch;
        if (steps is < 0 or > MaxSteps)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The clock says {time.GetUtcNow():u}: no keys can be derived for that time."), nameof(time));
        }
        crypto.HkdfExtract(HashKind.Sha256, "segno derived ticket keys"u8, root, _chain.Material);
    }

    public TimeSpan Now => _clock.Now;

    public TimeSpan RotationInterval { get; }

    public bool CanRotate => false;

    public bool RetriesWithoutKey => true;

    public Exception? LastFailure { get; private set; }

    public IReadOnlyList<TicketKeyPlan> Plan(TimeSpan now, TicketKeySet held)
    {
        List<TicketKeyPlan> plans = [.. held.Live.Select(key => key.Plan)];
        long current = EpochOf(now);
        if (current - _chainEpoch > MaxSteps)
        {
            LastFailure = new InvalidOperationException("The clock has gone so far ahead that no keys can be derived.");
            return plans;
        }
        Span<byte> material = stackalloc byte[TicketKey.SecretLength];
        try
        {
            for (; _chainEpoch <= current + 1; Step())
            {
                // What is older was never held here, and is not made any more.
                if (_chainEpoch >= current - 1)
                {
                    _crypto.HkdfExpand(HashKind.Sha256, _chain.Material, _keyInfo, material);
                    plans.Add(PlanOf(TicketKey.Derive(_crypto, _chainEpoch, material)));
                }
            }
            LastFailure = null;
        }
        catch (CryptographicException exception)
        {
            LastFailure = exception;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
        }
        return plans;
    }

    public void Watch(Action changed)
    {
    }

    public void Dispose() => _chain.Destroy();

    private long EpochOf(TimeSpan now) => now.Ticks / RotationInterval.Ticks;

    private TicketKeyPlan PlanOf(TicketKey key)
    {
        TimeSpan start = TimeSpan.FromTicks(key.Epoch * RotationInterval.Ticks);
        TimeSpan end = start + RotationInterval;
        // A server whose clock is behind seals with it a little longer.
        return new TicketKeyPlan(key, start, end, end + _lifetime + ResumptionRules.DefaultClockTolerance);
    }

    private void Step()
    {
        Span<byte> next = stackalloc byte[ChainLength];
        _crypto.HkdfExpand(HashKind.Sha256, _chain.Material, "next"u8, next);
        next.CopyTo(_chain.Material);
        CryptographicOperations.ZeroMemory(next);
        _chainEpoch++;
    }
}
