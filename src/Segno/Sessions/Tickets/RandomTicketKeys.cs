using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>Keys that a process makes for itself. As nobody else has them there is nobody to publish them to: each is active as soon as it is needed.</summary>
internal sealed class RandomTicketKeys(TimeSpan interval, TimeSpan lifetime, TimeProvider time, CryptoProvider crypto) : ITicketKeySource
{
    private readonly long _start = time.GetTimestamp();
    private long _nextEpoch;

    // Of the process before this one, until the next plan has them.
    private IReadOnlyList<TicketKeyPlan> _adopted = [];

    // Monotonic: setting the wall clock neither retires a key early nor brings one back.
    public TimeSpan Now => time.GetElapsedTime(_start);

    public TimeSpan RotationInterval => interval;

    public bool CanRotate => true;

    public bool RetriesWithoutKey => true;

    public Exception? LastFailure => null;

    public IReadOnlyList<TicketKeyPlan> Plan(TimeSpan now, TicketKeySet held)
    {
        List<TicketKeyPlan> plans = [.. held.Live.Select(key => key.Plan), .. _adopted.Where(plan => held.Find(plan.Key.Name) is null)];
        _adopted = [];
        // The phase, too: a clock that went back makes no key active again.
        bool isActive = Array.Exists(held.Live, key => key.Phase == TicketKeyPhase.Active && key.Plan.PhaseAt(now) <= TicketKeyPhase.Active);
        if (!isActive && Create(held) is { } created)
        {
            plans.Add(new TicketKeyPlan(created, now, now + interval, now + interval + lifetime));
        }
        return plans;
    }

    /// <summary>Takes keys over from the process before this one, with the plan that they have here. Under the ring's lock.</summary>
    public void Adopt(IReadOnlyList<TicketKeyPlan> plans)
    {
        _adopted = plans;
        _nextEpoch = Math.Max(_nextEpoch, plans.Select(plan => plan.Key.Epoch + 1).DefaultIfEmpty().Max());
    }

    public void Watch(Action changed)
    {
    }

    public void Dispose()
    {
    }

    private TicketKey? Create(TicketKeySet held)
    {
        Span<byte> material = stackalloc byte[TicketKey.SecretLength + TicketKey.NameLength];
        try
        {
            crypto.FillRandom(material);
            ReadOnlySpan<byte> name = material[TicketKey.SecretLength..];
            // A generator that repeats itself must not bring a key back.
            TicketKey? key = held.Find(TicketKey.ReadName(name)) is not null ? null
                : TicketKey.Create(crypto, _nextEpoch, material[..TicketKey.SecretLength], name);
            _nextEpoch += key is null ? 0 : 1;
            return key;
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
        }
    }
}
