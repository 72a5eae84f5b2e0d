using System.Buffers;

namespace Segno.Sessions;

/// <summary>What came of a call to a store.</summary>
internal enum StoreAnswer
{
    No,
    Yes,

    /// <summary>It did not answer in time.</summary>
    TimedOut,

    /// <summary>It threw.</summary>
    Failed,

    /// <summary>It was not asked: too many calls are with it, or it failed too often.</summary>
    Refused,
}

internal static class StoreAnswers
{
    /// <summary>Why there is no answer; <see cref="ResumptionReason.None"/> where there is one.</summary>
    public static ResumptionReason ToReason(this StoreAnswer answer) => answer switch
    {
        StoreAnswer.TimedOut => ResumptionReason.StoreTimeout,
        StoreAnswer.Failed or StoreAnswer.Refused => ResumptionReason.StoreUnavailable,
        _ => ResumptionReason.None,
    };
}

/// <summary>
/// A store as handshakes see it: it answers in bounded time, holds a bounded number of calls, and does not throw, but
/// <see cref="OperationCanceledException"/> where the caller's token is cancelled. Thread-safe.
/// </summary>
internal interface IBoundedSessionStore
{
    /// <summary>As <see cref="ISessionStore.GetAsync"/>. The destination is the store's from now on unless the answer is <see cref="StoreAnswer.Yes"/>.</summary>
    ValueTask<StoreAnswer> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken);

    /// <summary>As <see cref="ISessionStore.TryConsumeAsync"/>.</summary>
    ValueTask<StoreAnswer> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken);

    /// <summary>As <see cref="ISessionStore.MarkUsedAsync"/>.</summary>
    ValueTask<StoreAnswer> MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken);

    /// <summary>As <see cref="ISessionStore.SetAsync"/>.</summary>
    ValueTask<StoreAnswer> SetAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken);

    /// <summary>As <see cref="ISessionStore.RemoveAsync"/>.</summary>
    ValueTask<StoreAnswer> RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken);

    /// <summary>What was read under a key is nothing that was ever kept there: it is not to be given again.</summary>
    void Forget(ReadOnlySpan<byte> key);
}
