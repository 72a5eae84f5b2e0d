using System.Buffers;

namespace Segno.IO;

/// <summary>What came of waiting for the peer.</summary>
internal enum Arrival
{
    /// <summary>More bytes.</summary>
    Data,
    /// <summary>The peer closed the transport.</summary>
    End,
    /// <summary>Somebody cancelled the wait, and no token.</summary>
    Interrupted,
}

/// <summary>What carries the records: bytes that arrived and were not consumed yet, and a place for bytes to send. Reading and sending may go on at the same time.</summary>
internal abstract class Transport
{
    /// <summary>How long the transport may take for what ends a connection: an alert, close_notify.</summary>
    public static readonly TimeSpan ClosingTime = TimeSpan.FromSeconds(1);

    /// <summary>Why nothing can be sent any more, once it is so: a part of a record may be out.</summary>
    public Exception? SendFailure { get; protected set; }

    /// <summary>What arrived, in one piece: a whole record if there is one.</summary>
    public abstract ReadOnlySpan<byte> Input { get; }

    /// <summary>Where records to send are put.</summary>
    public abstract IBufferWriter<byte> Output { get; }

    public abstract void Consume(int count);

    /// <summary>Waits for more bytes.</summary>
    /// <param name="withoutBuffer">Whether to wait without holding memory, if nothing is here yet.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is lost.</param>
    public abstract ValueTask<Arrival> ReceiveAsync(bool withoutBuffer, CancellationToken cancellationToken);

    /// <summary>Takes what is here, without waiting.</summary>
    /// <returns>Whether there was something, be it the end. <see langword="false"/> also where the transport cannot tell.</returns>
    public abstract bool TryReceive(out Arrival arrival);

    /// <summary>The same, blocking the thread.</summary>
    /// <param name="withoutBuffer">As above.</param>
    /// <param name="deadline">When to give up, or <see langword="null"/>.</param>
    public abstract Arrival Receive(bool withoutBuffer, SyncDeadline? deadline);

    /// <summary>Gives back what the input does not need now.</summary>
    public abstract void ReleaseInput();

    /// <summary>The connection failed: nothing more is read here, and what was not consumed is somebody else's.</summary>
    public virtual void AbandonInput()
    {
    }

    /// <summary>Makes room for so many bytes at once.</summary>
    public virtual void ReserveOutput(int count)
    {
    }

    /// <summary>Sends what is in the output.</summary>
    /// <param name="push">Whether buffers below must not keep it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public abstract ValueTask SendAsync(bool push, CancellationToken cancellationToken);

    /// <summary>The same, blocking the thread.</summary>
    /// <param name="push">As above.</param>
    /// <param name="deadline">When to give up, or <see langword="null"/>.</param>
    public abstract void Send(bool push, SyncDeadline? deadline);

    /// <summary>A time limit for synchronous calls.</summary>
    public abstract SyncDeadline Limit(TimeSpan limit, TimeProvider time);
}
