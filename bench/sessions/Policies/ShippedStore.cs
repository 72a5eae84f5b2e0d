using System.Buffers;
using System.Buffers.Binary;
using Segno.Sessions;

namespace Segno.Bench.Sessions.Policies;

/// <summary>The store that is shipped, through its public API, with values as long as a TLS 1.2 session's.</summary>
internal sealed class ShippedStore : IPolicy, IDisposable
{
    public const int ValueLength = 92;

    private readonly MemorySessionStore _store;
    private readonly bool _knowsSources;
    private readonly byte[] _key = new byte[16];
    private readonly byte[] _value = new byte[ValueLength];
    private readonly ArrayBufferWriter<byte> _room = new(256);
    private readonly DateTimeOffset _expiry = TimeProvider.System.GetUtcNow().AddHours(20);

    /// <param name="capacity">How many sessions are kept.</param>
    /// <param name="byBytes">Whether their bytes are limited to what so many take, and not their number.</param>
    /// <param name="knowsSources">Whether it is told where sessions come from.</param>
    public ShippedStore(int capacity, bool byBytes, bool knowsSources)
    {
        _store = byBytes ? new MemorySessionStore(100_000_000, capacity * 125L) : new MemorySessionStore(capacity, Math.Max(1 << 20, capacity * 400L));
        _knowsSources = knowsSources;
        Name = $"MemorySessionStore, {(byBytes ? "bytes" : "number")}{(knowsSources ? "" : ", no sources")}";
    }

    public string Name { get; }

    public bool Use(long session)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_key, session);
        _room.ResetWrittenCount();
        if (!Memory.AtOnce(_store.GetAsync(_key, _room)))
        {
            return false;
        }
        Memory.AtOnce(_store.MarkUsedAsync(_key));
        return true;
    }

    public void Insert(long session, long offered, int source)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_key, session);
        Memory.AtOnce(_store.SetAsync(_key, _value, new SessionStoreEntry(_expiry, _knowsSources ? (ulong)(source + 2L) : 0)));
    }

    public void Dispose() => _store.Dispose();
}
