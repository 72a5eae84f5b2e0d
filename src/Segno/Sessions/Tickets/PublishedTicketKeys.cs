using System.Globalization;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>Keys that somebody else makes and publishes, in files or in any other way, to all who shall have them.</summary>
internal sealed class PublishedTicketKeys : ITicketKeySource
{
    private readonly Lock _gate = new();
    private readonly TicketKeyFileReader? _reader;
    private readonly TimeSpan _lifetime;
    private readonly CryptoProvider _crypto;
    private readonly ForwardClock _clock;
    private readonly ITimer? _timer;
    private volatile Action? _changed;
    private volatile Exception? _lastFailure;
    private TicketKeyFile? _next;
    private IReadOnlyList<TicketKeyPlan> _plans = [];
    private TimeSpan _sealsUntil = TimeSpan.MaxValue;
    private long _newest = -1;

    /// <summary>Keys that never change: the caller's, who keeps them.</summary>
    public PublishedTicketKeys(TicketKeyFile keys, TimeSpan lifetime, TimeProvider time, CryptoProvider crypto)
    {
        _lifetime = lifetime;
        _crypto = crypto;
        _clock = new ForwardClock(time);
        _next = keys.Copy();
    }

    /// <summary>Keys that <see cref="Update"/> brings; none at first.</summary>
    public PublishedTicketKeys(TimeSpan lifetime, TimeProvider time, CryptoProvider crypto)
    {
        _lifetime = lifetime;
        _crypto = crypto;
        _clock = new ForwardClock(time);
        CanUpdate = true;
    }

    /// <summary>Keys in files, which are looked at again and again. A poll, not a watcher: that one misses what a mount or a link does.</summary>
    /// <exception cref="TicketKeyException">The keys are refused.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public PublishedTicketKeys(TicketKeyFileReader reader, TimeSpan pollInterval, TimeSpan lifetime, TimeProvider time, CryptoProvider crypto)
    {
        _reader = reader;
        _lifetime = lifetime;
        _crypto = crypto;
        _clock = new ForwardClock(time);
        _next = reader.Read();
        _timer = time.CreateTimer(static state => ((PublishedTicketKeys)state!).Poll(), this, pollInterval, pollInterval);
    }

    public TimeSpan Now => _clock.Now;

    public TimeSpan RotationInterval => Timeout.InfiniteTimeSpan;

    public bool CanRotate => false;

    public bool CanUpdate { get; }

    public bool RetriesWithoutKey => false;

    public Exception? LastFailure => _lastFailure;

    public IReadOnlyList<TicketKeyPlan> Plan(TimeSpan now, TicketKeySet held)
    {
        using TicketKeyFile? next = Interlocked.Exchange(ref _next, null);
        if (next is null)
        {
            return _plans;
        }
        List<TicketKey> created = [];
        try
        {
            _plans = next.HasTimes ? PlanByTime(next, held, created) : PlanByPlace(next, held, created);
            _lastFailure = null;
        }
        catch (Exception exception) when (exception is TicketKeyException or CryptographicException)
        {
            // What is in use stays in use.
            _lastFailure = exception;
            created.ForEach(key => key.Destroy());
        }
        return _plans;
    }

    public void Watch(Action changed) => _changed = changed;

    /// <summary>Takes other keys from now on, unless they are refused.</summary>
    /// <param name="keys">The keys, in Segno's own format; copied.</param>
    /// <param name="sealsUntil">From when on the newest one seals no more.</param>
    /// <exception cref="TicketKeyException">They are refused.</exception>
    public void Update(TicketKeyFile keys, DateTimeOffset sealsUntil)
    {
        // One at a time: who waits has the answer to its own.
        lock (_gate)
        {
            _sealsUntil = sealsUntil - DateTimeOffset.UnixEpoch;
            Interlocked.Exchange(ref _next, keys.Copy())?.Dispose();
            _changed?.Invoke();
            if (_lastFailure is { } failure)
            {
                throw failure as TicketKeyException ?? new TicketKeyException(TicketKeyProblem.Malformed, failure.Message);
            }
        }
    }

    public void Dispose()
    {
        _timer?.Dispose();
        Interlocked.Exchange(ref _next, null)?.Dispose();
    }

    private void Poll()
    {
        // One at a time: a slow file system does not pile them up.
        if (!_gate.TryEnter())
        {
            return;
        }
        try
        {
            if (_reader!.ReadIfChanged() is { } next)
            {
                Interlocked.Exchange(ref _next, next)?.Dispose();
                _changed?.Invoke();
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or TicketKeyException)
        {
            _lastFailure = exception;
        }
        finally
        {
            _gate.Exit();
        }
    }

    private List<TicketKeyPlan> PlanByTime(TicketKeyFile file, TicketKeySet held, List<TicketKey> created)
    {
        if (file.NewestEpoch < _newest)
        {
            throw RolledBack(string.Create(CultureInfo.InvariantCulture, $"they end with number {file.NewestEpoch}, and {_newest} was seen"));
        }
        List<TicketKeyPlan> plans = [.. file.Revoked.Select(key => new TicketKeyPlan(TicketKey.Revoked(key.Epoch, key.Name), TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero))];
        for (int i = 0; i < file.Entries.Count; i++)
        {
            TicketKeyFile.Entry entry = file.Entries[i];
            (TicketKey key, bool isKnown) = Keep(entry, entry.Epoch, held, created);
            if (key.Epoch != entry.Epoch || (!isKnown && Array.Exists(held.Live, other => other.Key.Epoch == entry.Epoch)))
            {
                throw new TicketKeyException(
                    TicketKeyProblem.EpochReused, string.Create(CultureInfo.InvariantCulture, $"Number {entry.Epoch} is that of another key, or its key had another number before."));
            }
            if (key.IsDestroyed || (!isKnown && entry.Epoch <= _newest))
            {
                // It is over, however often it is published.
                key.Destroy();
                continue;
            }
            TimeSpan from = entry.ActiveFrom - DateTimeOffset.UnixEpoch;
            TimeSpan until = i + 1 < file.Entries.Count ? file.Entries[i + 1].ActiveFrom - DateTimeOffset.UnixEpoch : _sealsUntil;
            // A server whose clock is behind seals with it a little longer.
            TimeSpan opensUntil = until == TimeSpan.MaxValue ? until : until + _lifetime + ResumptionRules.DefaultClockTolerance;
            plans.Add(new TicketKeyPlan(key, from, until, opensUntil));
        }
        _newest = file.NewestEpoch;
        return plans;
    }

    private List<TicketKeyPlan> PlanByPlace(TicketKeyFile file, TicketKeySet held, List<TicketKey> created)
    {
        List<TicketKeyPlan> plans = [];
        long newest = _newest;
        foreach (TicketKeyFile.Entry entry in file.Entries)
        {
            (TicketKey key, bool isKnown) = Keep(entry, newest + 1, held, created);
            if (isKnown && entry.Phase == TicketKeyPhase.Active && (key.IsDestroyed || key.Epoch < held.Active?.Epoch))
            {
                throw RolledBack("the key that is to be active was so before");
            }
            newest += isKnown ? 0 : 1;
            if (!key.IsDestroyed)
            {
                plans.Add(new TicketKeyPlan(
                    key,
                    entry.Phase == TicketKeyPhase.PrePublished ? TimeSpan.MaxValue : TimeSpan.MinValue,
                    entry.Phase == TicketKeyPhase.Retiring ? TimeSpan.MinValue : TimeSpan.MaxValue,
                    TimeSpan.MaxValue));
            }
        }
        _newest = newest;
        return plans;
    }

    /// <summary>The key of an entry: the one that is held or was destroyed, or a new one.</summary>
    private (TicketKey Key, bool IsKnown) Keep(TicketKeyFile.Entry entry, long epoch, TicketKeySet held, List<TicketKey> created)
    {
        TicketKey key = TicketKey.Derive(_crypto, epoch, entry.Material);
        if (held.Find(key.Name) is not { } known)
        {
            created.Add(key);
            return (key, false);
        }
        key.Destroy();
        return (known, true);
    }

    private static TicketKeyException RolledBack(string why)
        => new(TicketKeyProblem.RolledBack, $"These keys are older than those in use: {why}.");
}
