using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Segno.IO;

/// <summary>Records over a <see cref="Stream"/>.</summary>
internal sealed class StreamTransport(Stream stream) : Transport
{
    private readonly SealedOutput _output = new();
    private byte[] _input = [];
    private int _start;
    private int _end;
    private bool _arrivesInBulk;

    public override ReadOnlySpan<byte> Input => _input.AsSpan(_start, _end - _start);

    public override IBufferWriter<byte> Output => _output;

    public override void Consume(int count)
    {
        _start += count;
        if (_start == _end)
        {
            _start = _end = 0;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<Arrival> ReceiveAsync(bool withoutBuffer, CancellationToken cancellationToken)
    {
        if (withoutBuffer && _end == 0)
        {
            ReleaseInput();
            await stream.ReadAsync(Memory<byte>.Empty, cancellationToken).ConfigureAwait(false);
        }
        MakeRoom();
        return Arrived(await stream.ReadAsync(_input.AsMemory(_end), cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Of all streams, only those on sockets can say that a read would not wait.</summary>
    public override bool TryReceive(out Arrival arrival)
    {
        arrival = default;
        if (stream is not NetworkStream { Socket.Available: > 0 })
        {
            return false;
        }
        MakeRoom();
        arrival = Arrived(stream.Read(_input.AsSpan(_end)));
        return true;
    }

    public override Arrival Receive(bool withoutBuffer, SyncDeadline? deadline)
    {
        if (withoutBuffer && _end == 0)
        {
            ReleaseInput();
            _ = deadline is null ? stream.Read([]) : deadline.Read([]);
        }
        MakeRoom();
        Span<byte> room = _input.AsSpan(_end);
        return Arrived(deadline is null ? stream.Read(room) : deadline.Read(room));
    }

    public override void ReleaseInput()
    {
        if (_end == 0 && _input.Length > 0)
        {
            BufferPool.ReturnAny(_input);
            _input = [];
        }
    }

    public override void ReserveOutput(int count) => _output.Reserve(count);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask SendAsync(bool push, CancellationToken cancellationToken)
    {
        ThrowIfBroken();
        if (_output.Length > 0)
        {
            try
            {
                await stream.WriteAsync(_output.Written, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                SendFailure = e;
                throw;
            }
            finally
            {
                _output.Reset();
            }
        }
        if (push)
        {
            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public override void Send(bool push, SyncDeadline? deadline)
    {
        ThrowIfBroken();
        if (_output.Length > 0)
        {
            try
            {
                if (deadline is null)
                {
                    stream.Write(_output.Written.Span);
                }
                else
                {
                    deadline.Write(_output.Written.Span);
                }
            }
            catch (Exception e)
            {
                SendFailure = e;
                throw;
            }
            finally
            {
                _output.Reset();
            }
        }
        if (push)
        {
            stream.Flush();
        }
    }

    public override SyncDeadline Limit(TimeSpan limit, TimeProvider time) => new(stream, limit, time);

    private void ThrowIfBroken()
    {
        if (SendFailure is { } failure)
        {
            _output.Reset();
            throw new TlsException(TlsFault.TransportFailed, "an earlier write failed or was cancelled; a part of a record may be out", failure);
        }
    }

    private void MakeRoom()
    {
        if (_start > 0)
        {
            _input.AsSpan(_start, _end - _start).CopyTo(_input);
            _end -= _start;
            _start = 0;
        }
        if (_input.Length - _end > 0)
        {
            return;
        }
        byte[] larger = (_arrivesInBulk || _end > 0 ? BufferPool.Bulk : BufferPool.Record).Rent();
        _input.AsSpan(0, _end).CopyTo(larger);
        BufferPool.ReturnAny(_input);
        _input = larger;
    }

    private Arrival Arrived(int count)
    {
        _end += count;
        // Where a read fills a record's worth, more is coming: take several records at once next time.
        _arrivesInBulk = count > 0 && _end >= BufferPool.Record.Size;
        return count > 0 ? Arrival.Data : Arrival.End;
    }
}
