using System.Buffers;
using System.IO.Pipelines;

namespace Segno.Tests.IO;

/// <summary>How the two streams of a <see cref="DuplexPair"/> behave.</summary>
internal sealed record DuplexModes
{
    /// <summary>How many of the bytes that are there arrive with one read.</summary>
    public Func<int, int> Arrival { get; init; } = there => there;

    /// <summary>How many bytes are held in each direction before a writer must wait.</summary>
    public int Capacity { get; init; } = int.MaxValue;

    public bool AllowsAsync { get; init; } = true;

    public bool AllowsSync { get; init; } = true;

    public static DuplexModes ByteByByte { get; } = new() { Arrival = _ => 1 };

    public static DuplexModes SyncOnly { get; } = new() { AllowsAsync = false };

    public static DuplexModes AsyncOnly { get; } = new() { AllowsSync = false };

    /// <summary>Pieces of random length, the same for the same seed.</summary>
    public static DuplexModes Random(int seed)
    {
        var random = new Random(seed);
        return new() { Arrival = there => { lock (random) { return random.Next(1, Math.Min(there, 1 << random.Next(1, 16)) + 1); } } };
    }
}

/// <summary>Two streams joined by memory: what one writes the other reads.</summary>
internal sealed class DuplexPair
{
    public DuplexPair(DuplexModes? modes = null)
    {
        modes ??= new DuplexModes();
        var toServer = new Wire(modes);
        var toClient = new Wire(modes);
        Client = new DuplexStream(toClient, toServer, modes);
        Server = new DuplexStream(toServer, toClient, modes);
    }

    public DuplexStream Client { get; }

    public DuplexStream Server { get; }
}

/// <summary>One direction of a pair.</summary>
internal sealed class Wire(DuplexModes modes)
{
    private readonly Lock _lock = new();
    private byte[] _bytes = new byte[1 << 16];
    private int _start;
    private int _count;
    private bool _ended;
    private bool _broken;
    private TaskCompletionSource? _changed;

    /// <summary>May change what is written.</summary>
    public Action<byte[]>? Tamper { get; set; }

    /// <summary>So many of the last bytes have not arrived yet.</summary>
    public int Withheld
    {
        get;
        set
        {
            lock (_lock)
            {
                field = value;
                Changed();
            }
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _count;
            }
        }
    }

    /// <returns>How many bytes were read, or <see langword="null"/> and what to wait for.</returns>
    public int? TryRead(Span<byte> buffer, out Task changed)
    {
        lock (_lock)
        {
            changed = Task.CompletedTask;
            ObjectDisposedException.ThrowIf(_broken, typeof(DuplexStream));
            int there = Math.Max(0, _count - Withheld);
            if (there == 0)
            {
                if (_ended)
                {
                    return 0;
                }
                changed = (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                return null;
            }
            if (buffer.IsEmpty)
            {
                return 0;
            }
            int count = Math.Min(buffer.Length, Math.Max(1, modes.Arrival(there)));
            _bytes.AsSpan(_start, count).CopyTo(buffer);
            _start += count;
            _count -= count;
            if (_count == 0)
            {
                _start = 0;
            }
            Changed();
            return count;
        }
    }

    /// <returns>How many bytes were taken; 0 and what to wait for where there is no room.</returns>
    public int Write(ReadOnlySpan<byte> data, out Task changed)
    {
        lock (_lock)
        {
            changed = Task.CompletedTask;
            if (_broken || _ended)
            {
                throw new IOException("The other side is gone.");
            }
            int count = Math.Min(data.Length, modes.Capacity - _count);
            if (count == 0 && !data.IsEmpty)
            {
                changed = (_changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                return 0;
            }
            if (_start + _count + count > _bytes.Length)
            {
                byte[] larger = new byte[Math.Max(_bytes.Length, 2 * (_count + count))];
                _bytes.AsSpan(_start, _count).CopyTo(larger);
                _bytes = larger;
                _start = 0;
            }
            data[..count].CopyTo(_bytes.AsSpan(_start + _count));
            if (Tamper is { } tamper)
            {
                byte[] changeable = data[..count].ToArray();
                tamper(changeable);
                changeable.CopyTo(_bytes, _start + _count);
            }
            _count += count;
            Changed();
            return count;
        }
    }

    /// <summary>No more is written.</summary>
    public void End()
    {
        lock (_lock)
        {
            _ended = true;
            Changed();
        }
    }

    /// <summary>No more is read.</summary>
    public void Break()
    {
        lock (_lock)
        {
            _broken = true;
            Changed();
        }
    }

    private void Changed()
    {
        _changed?.TrySetResult();
        _changed = null;
    }
}

internal sealed class DuplexStream(Wire input, Wire output, DuplexModes modes) : Stream
{
    private readonly TaskCompletionSource _blockedInRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _writes;
    private int _emptyReads;

    public Wire Input => input;

    public Wire Output => output;

    /// <summary>How many times it was written to.</summary>
    public int Writes => Volatile.Read(ref _writes);

    public int EmptyReads => Volatile.Read(ref _emptyReads);

    /// <summary>Done when a read has found nothing for the first time.</summary>
    public Task BlockedInRead => _blockedInRead.Task;

    public bool IsDisposed { get; private set; }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Require(modes.AllowsAsync);
        cancellationToken.ThrowIfCancellationRequested();
        while (true)
        {
            if (TryRead(buffer.Span, out Task changed) is { } count)
            {
                return count;
            }
            await changed.WaitAsync(cancellationToken);
        }
    }

    public override int Read(Span<byte> buffer)
    {
        Require(modes.AllowsSync);
        while (true)
        {
            if (TryRead(buffer, out Task changed) is { } count)
            {
                return count;
            }
            changed.Wait(CancellationToken.None);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Require(modes.AllowsAsync);
        cancellationToken.ThrowIfCancellationRequested();
        Interlocked.Increment(ref _writes);
        int written = output.Write(buffer.Span, out Task changed);
        return written == buffer.Length ? default : WriteRestAsync(buffer[written..], changed, cancellationToken);
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        Require(modes.AllowsSync);
        Interlocked.Increment(ref _writes);
        while (!buffer.IsEmpty)
        {
            buffer = buffer[output.Write(buffer, out Task changed)..];
            changed.Wait(CancellationToken.None);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => Require(modes.AllowsSync);

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        Require(modes.AllowsAsync);
        return Task.CompletedTask;
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        output.End();
        input.Break();
        base.Dispose(disposing);
    }

    private static void Require(bool allowed)
    {
        if (!allowed)
        {
            throw new NotImplementedException("This stream has only the other kind of calls.");
        }
    }

    private int? TryRead(Span<byte> buffer, out Task changed)
    {
        if (buffer.IsEmpty)
        {
            Interlocked.Increment(ref _emptyReads);
        }
        int? count = input.TryRead(buffer, out changed);
        if (count is null)
        {
            _blockedInRead.TrySetResult();
        }
        return count;
    }

    private async ValueTask WriteRestAsync(ReadOnlyMemory<byte> rest, Task changed, CancellationToken cancellationToken)
    {
        while (!rest.IsEmpty)
        {
            await changed.WaitAsync(cancellationToken);
            rest = rest[output.Write(rest.Span, out changed)..];
        }
    }
}

/// <summary>Two pairs of pipes joined crosswise.</summary>
internal sealed class PipePair
{
    /// <summary>Joins them.</summary>
    /// <param name="options">The options of all pipes.</param>
    /// <param name="seed">Where given, bytes are carried across in pieces of random length.</param>
    public PipePair(PipeOptions? options = null, int? seed = null)
    {
        options ??= new PipeOptions(useSynchronizationContext: false);
        var toServer = new Pipe(options);
        var toClient = new Pipe(options);
        PipeReader atServer = toServer.Reader;
        PipeReader atClient = toClient.Reader;
        if (seed is { } start)
        {
            atServer = Carry(atServer, options, new Random(start));
            atClient = Carry(atClient, options, new Random(start + 1));
        }
        Client = new Ends(atClient, toServer.Writer);
        Server = new Ends(atServer, toClient.Writer);
    }

    public IDuplexPipe Client { get; }

    public IDuplexPipe Server { get; }

    private static PipeReader Carry(PipeReader from, PipeOptions options, Random random)
    {
        var pipe = new Pipe(options);
        _ = CarryAsync(from, pipe.Writer, random);
        return pipe.Reader;
    }

    private static async Task CarryAsync(PipeReader from, PipeWriter to, Random random)
    {
        while (true)
        {
            ReadResult result = await from.ReadAsync();
            ReadOnlySequence<byte> rest = result.Buffer;
            while (!rest.IsEmpty)
            {
                ReadOnlySequence<byte> piece = rest.Slice(0, random.NextInt64(1, Math.Min(rest.Length, 1 << random.Next(1, 16)) + 1));
                foreach (ReadOnlyMemory<byte> part in piece)
                {
                    to.Write(part.Span);
                }
                await to.FlushAsync();
                rest = rest.Slice(piece.End);
            }
            from.AdvanceTo(rest.End);
            if (result.IsCompleted)
            {
                await to.CompleteAsync();
                return;
            }
        }
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
