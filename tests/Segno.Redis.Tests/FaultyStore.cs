using System.Buffers;
using Segno.Sessions;

namespace Segno.Redis.Tests;

/// <summary>A store as a decorator that does something wrong, when a test says what.</summary>
internal sealed class FaultyStore(ISessionStore inner) : ISessionStore
{
    /// <summary>Runs before each call.</summary>
    public Func<CancellationToken, ValueTask> Before { get; set; } = static _ => ValueTask.CompletedTask;

    /// <summary>Changes what is read.</summary>
    public Func<byte[]?, byte[]?> Reads { get; set; } = static value => value;

    /// <summary>Whether all consume everything.</summary>
    public bool SaysYes { get; set; }

    public async ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        var read = new ArrayBufferWriter<byte>();
        bool found = await inner.GetAsync(key, read, cancellationToken);
        if (Reads(found ? read.WrittenSpan.ToArray() : null) is not { } value)
        {
            return false;
        }
        destination.Write(value);
        return true;
    }

    public async ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        return await inner.TryConsumeAsync(key, cancellationToken) || SaysYes;
    }

    public async ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        return await inner.SetAsync(key, value, entry, cancellationToken);
    }

    public async ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        await Before(cancellationToken);
        await inner.RemoveAsync(key, cancellationToken);
    }
}
