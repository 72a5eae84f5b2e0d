using System.Buffers;
using System.Collections.Concurrent;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

/// <summary>Somebody else's store: honest until a test says what it does instead.</summary>
internal sealed class StoreDouble : ISessionStore
{
    public ConcurrentDictionary<string, byte[]> Entries { get; } = new();

    public List<SessionStoreEntry> Described { get; } = [];

    public ConcurrentQueue<string> Used { get; } = new();

    /// <summary>Runs before each call.</summary>
    public Func<CancellationToken, ValueTask> Before { get; set; } = static _ => ValueTask.CompletedTask;

    /// <summary>Changes what is said of a consumption.</summary>
    public Func<bool, bool> Consumes { get; set; } = static won => won;

    /// <summary>Changes what is returned.</summary>
    public Func<byte[]?, byte[]?> Returns { get; set; } = static value => value;

    public async ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        if (Returns(Entries.GetValueOrDefault(Name(key))) is not { } value)
        {
            return false;
        }
        destination.Write(value);
        return true;
    }

    public async ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        return Consumes(Entries.TryRemove(Name(key), out _));
    }

    public async ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        Entries[Name(key)] = value.ToArray();
        lock (Described)
        {
            Described.Add(entry);
        }
        return true;
    }

    public async ValueTask MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        Used.Enqueue(Name(key));
    }

    public async ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        Entries.TryRemove(Name(key), out _);
    }

    private static string Name(ReadOnlyMemory<byte> key) => Convert.ToHexString(key.Span);
}
