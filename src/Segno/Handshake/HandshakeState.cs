namespace Segno.Handshake;

/// <summary>
/// A place in the handshake, as a type: it takes exactly the messages that are legal there and answers with the next place.
/// docs/state-machine.md has the map.
/// </summary>
internal abstract class HandshakeState
{
    /// <summary>What must be done before the handshake can go on, where that is not a message.</summary>
    public virtual TlsPendingOperation? Pending => null;

    /// <summary>Whether the handshake is over: application data may flow.</summary>
    public virtual bool IsConnected => false;

    public abstract HandshakeState Receive(HandshakeMessage message);

    /// <summary>TLS 1.2: the peer's next record is protected (RFC 5246 §7.1).</summary>
    public virtual HandshakeState ReceiveChangeCipherSpec() => throw new TlsException(TlsFault.UnexpectedChangeCipherSpec);

    /// <summary>Application data came, where it may.</summary>
    public virtual void ApplicationDataReceived()
    {
    }

    /// <summary>Goes on after <see cref="Pending"/> is done.</summary>
    public virtual HandshakeState Resume() => throw new InvalidOperationException("Nothing is pending.");

    protected static TlsException Unexpected(HandshakeMessage message) => new(TlsFault.UnexpectedMessage, message.Type.ToString());

    protected static void Expect(HandshakeMessage message, HandshakeType type)
    {
        if (message.Type != type)
        {
            throw Unexpected(message);
        }
    }
}

/// <summary>A handshake that waits for something that is not the peer.</summary>
internal sealed class Paused<T>(PendingOperation<T> operation, Func<T, HandshakeState> next) : HandshakeState
{
    public override TlsPendingOperation Pending => operation;

    public override HandshakeState Receive(HandshakeMessage message) => throw Unexpected(message);

    public override HandshakeState Resume() => next(operation.Result);
}

internal static class Pause
{
    /// <summary>Goes on at once where the application's answer is there, else pauses for it.</summary>
    public static HandshakeState For<T>(Func<ValueTask<T>> start, Func<T, HandshakeState> next)
    {
        ValueTask<T> task = Callback.Call(start);
        return task.IsCompletedSuccessfully ? next(task.Result) : new Paused<T>(new PendingTask<T>(task.AsTask()), next);
    }

    /// <summary>Pauses for work that must not run on the thread that moves bytes.</summary>
    public static HandshakeState ForWork<T>(Func<T> work, Func<T, HandshakeState> next) => new Paused<T>(new PendingWork<T>(work), next);
}

/// <summary>A pending operation with a result; a failure becomes the fault of the handshake.</summary>
internal abstract class PendingOperation<T> : TlsPendingOperation
{
    private Task<T>? _done;

    public T Result
    {
        get
        {
            if (_done is not { IsCompleted: true } done)
            {
                throw new InvalidOperationException("The pending operation is not done.");
            }
            return Callback.Call(done.GetAwaiter().GetResult);
        }
    }

    protected void Complete(Task<T> done) => _done = done;

    /// <summary>Ends when the task does, without its failure, which <see cref="Result"/> reports.</summary>
    protected static ValueTask Until(Task<T> task, CancellationToken cancellationToken)
        => new(task.WaitAsync(cancellationToken).ContinueWith(
            static ended => ended.IsCanceled ? ended : Task.CompletedTask,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default).Unwrap());
}

internal sealed class PendingTask<T>(Task<T> task) : PendingOperation<T>
{
    public override ValueTask ExecuteAsync(CancellationToken cancellationToken)
    {
        Complete(task);
        return Until(task, cancellationToken);
    }

    public override void Execute(CancellationToken cancellationToken)
    {
        Complete(task);
        Task.WaitAny([task], cancellationToken);
    }
}

internal sealed class PendingWork<T>(Func<T> work) : PendingOperation<T>
{
    public override ValueTask ExecuteAsync(CancellationToken cancellationToken)
    {
        Task<T> task = Task.Run(work, CancellationToken.None);
        Complete(task);
        return Until(task, cancellationToken);
    }

    public override void Execute(CancellationToken cancellationToken)
    {
        try
        {
            Complete(Task.FromResult(work()));
        }
        catch (Exception e)
        {
            Complete(Task.FromException<T>(e));
        }
    }
}
