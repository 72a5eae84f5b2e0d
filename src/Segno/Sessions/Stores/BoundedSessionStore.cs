using System.Buffers;

namespace Segno.Sessions;

/// <summary>Somebody else's store, which may be slow, block, throw or never answer, made one that handshakes can rely on. Thread-safe.</summary>
/// <param name="store">The store; it stays its owner's.</param>
/// <param name="budget">How long it may take.</param>
/// <param name="maxCalls">How many calls may be with it, those included that were given up; more are refused at once.</param>
/// <param name="time">The clock that <paramref name="budget"/> is measured with.</param>
internal sealed class BoundedSessionStore(ISessionStore store, TimeSpan budget, int maxCalls, TimeProvider time) : IBoundedSessionStore
{
    private readonly BoundedCalls _calls = new(budget, maxCalls, time);

    /// <summary>How many calls are with it.</summary>
    public int Calls => _calls.Count;

    public ValueTask<StoreAnswer> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken)
        => AskAsync(token => store.GetAsync(key, destination, token), cancellationToken);

    public ValueTask<StoreAnswer> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
        => AskAsync(token => store.TryConsumeAsync(key, token), cancellationToken);

    public ValueTask<StoreAnswer> MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
        => TellAsync(token => store.MarkUsedAsync(key, token), cancellationToken);

    public ValueTask<StoreAnswer> SetAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken)
        => AskAsync(token => store.SetAsync(key, value, entry, token), cancellationToken);

    public ValueTask<StoreAnswer> RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
        => TellAsync(token => store.RemoveAsync(key, token), cancellationToken);

    public void Forget(ReadOnlySpan<byte> key)
    {
        // It keeps nothing of its own.
    }

    private ValueTask<StoreAnswer> TellAsync(Func<CancellationToken, ValueTask> call, CancellationToken cancellationToken) => AskAsync(
        async token =>
        {
            await call(token).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    private async ValueTask<StoreAnswer> AskAsync(Func<CancellationToken, ValueTask<bool>> call, CancellationToken cancellationToken)
        => await _calls.AskAsync(call, cancellationToken).ConfigureAwait(false) switch
        {
            (CallEnd.Answered, true) => StoreAnswer.Yes,
            (CallEnd.Answered, _) => StoreAnswer.No,
            (CallEnd.Refused, _) => StoreAnswer.Refused,
            (CallEnd.TimedOut, _) => StoreAnswer.TimedOut,
            _ => StoreAnswer.Failed,
        };
}
