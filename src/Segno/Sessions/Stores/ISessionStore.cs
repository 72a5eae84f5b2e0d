using System.Buffers;

namespace Segno.Sessions;

/// <summary>What a store is told about an entry, beside its key and its value.</summary>
/// <param name="ExpiresAt">From this moment on nobody asks for the entry again; the store may forget it.</param>
/// <param name="Source">Where the entry comes from: equal numbers mean the same network prefix of clients, 0 means unknown. The
/// numbers are keyed hashes and tell nothing else. A store that must evict should let no source evict the others' entries.</param>
/// <param name="SingleUse">Whether the entry will be consumed when it is used: that it was not used yet is then no reason to evict it first.</param>
public readonly record struct SessionStoreEntry(DateTimeOffset ExpiresAt, ulong Source = 0, bool SingleUse = false);

/// <summary>Where a server keeps the sessions that its clients know by an ID (RFC 5246 §7.4.1.2).</summary>
/// <remarks>
/// <para>Keys and values are opaque: what a store is given is sealed, under keys it never sees, and bound to its key. A store can
/// forget an entry; it can neither read nor change one, nor pass one for another.</para>
/// <para>Implementations must be thread-safe. A store that is slow, throws or lies costs full handshakes, never a failed one; all
/// stores but <see cref="MemorySessionStore"/> are called from a thread-pool thread and given 20 ms, or what
/// <see cref="LayeredSessionStoreOptions.Budget"/> says. After that the token is cancelled and the answer ignored.</para>
/// <para>Keys have 1 to 64 bytes. Memory that is passed in may be read, and written, only until the returned task completes.</para>
/// </remarks>
public interface ISessionStore
{
    /// <summary>Reads a value. Changes nothing, not even the order of eviction: whoever asks has proved nothing yet.</summary>
    /// <param name="key">The key.</param>
    /// <param name="destination">Receives the value, and nothing where there is none.</param>
    /// <param name="cancellationToken">Nobody waits for the answer any more.</param>
    /// <returns>Whether there is one.</returns>
    ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default);

    /// <summary>Removes an entry that may be used once. Atomic: of all who ask for the same entry, exactly one is told <see langword="true"/>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Nobody waits for the answer any more.</param>
    /// <returns>Whether this call removed it.</returns>
    ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);

    /// <summary>
    /// Says that a session was resumed: its peer has proved possession, so it counts as used for a store that keeps by use. Nobody
    /// waits for it. Does nothing unless a store implements it.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Nobody waits for the answer any more.</param>
    ValueTask MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <summary>Keeps a value, in place of the one that the key had.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="entry">How long to keep it, and where it comes from.</param>
    /// <param name="cancellationToken">Nobody waits for the answer any more.</param>
    /// <returns>Whether it is kept; where not, the key has no value any more.</returns>
    ValueTask<bool> SetAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default);

    /// <summary>Forgets an entry. Without effect where there is none.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Nobody waits for the answer any more.</param>
    ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);
}
