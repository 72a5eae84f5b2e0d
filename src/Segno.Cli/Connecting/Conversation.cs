namespace Segno.Cli.Connecting;

/// <summary>Joins standard input and output to the connection, byte for byte.</summary>
internal sealed class Conversation(TlsStream peer, Stream input, Stream output, TimeProvider time)
{
    private const int BufferSize = 64 * 1024;

    /// <summary>How long a peer is waited for that was asked nothing: there is no answer to come.</summary>
    private static readonly TimeSpan LingerWithoutInput = TimeSpan.FromSeconds(1);

    private long _lastReceived = time.GetTimestamp();

    /// <summary>Talks until the peer ends, or until the input has ended and the peer has said nothing for <paramref name="linger"/>. Then the caller closes.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public async Task RunAsync(TimeSpan linger, CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task receiving = ReceiveAsync(end.Token);
        Task<long> sending = SendAsync(end.Token);
        if (await Task.WhenAny(receiving, sending).ConfigureAwait(false) == sending)
        {
            long sent = await SentAsync(sending, receiving).ConfigureAwait(false);
            await LingerAsync(receiving, sent > 0 || linger < LingerWithoutInput ? linger : LingerWithoutInput, cancellationToken).ConfigureAwait(false);
        }
        bool peerIsDone = receiving.IsCompleted;
        await end.CancelAsync().ConfigureAwait(false);
        try
        {
            // Standard input may go on for ever: nobody waits for `sending`.
            await receiving.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!peerIsDone && !cancellationToken.IsCancellationRequested)
        {
            // It stayed silent: the end is ours to make.
        }
    }

    private async Task ReceiveAsync(CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BufferSize];
        int read;
        while ((read = await peer.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            Volatile.Write(ref _lastReceived, time.GetTimestamp());
            await output.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            await output.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<long> SendAsync(CancellationToken cancellationToken)
    {
        // Reading from a terminal or a pipe blocks its thread, whatever the method is called.
        await Task.Yield();
        byte[] buffer = new byte[BufferSize];
        long sent = 0;
        int read;
        while ((read = await input.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            await peer.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            sent += read;
        }
        return sent;
    }

    /// <summary>A write that failed is a consequence: why the connection broke is what the reader learns.</summary>
    private static async Task<long> SentAsync(Task<long> sending, Task receiving)
    {
        try
        {
            return await sending.ConfigureAwait(false);
        }
        catch (IOException)
        {
            await Task.WhenAny(receiving, Task.Delay(TimeSpan.FromSeconds(1))).ConfigureAwait(false);
            if (receiving.IsFaulted)
            {
                await receiving.ConfigureAwait(false);
            }
            throw;
        }
    }

    private async Task LingerAsync(Task receiving, TimeSpan linger, CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        while (!receiving.IsCompleted)
        {
            TimeSpan silent = time.GetElapsedTime(Math.Max(start, Volatile.Read(ref _lastReceived)));
            if (silent >= linger)
            {
                return;
            }
            await Task.WhenAny(receiving, Task.Delay(linger - silent, time, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
