using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Segno.IO;

/// <summary>Records over a pair of pipes. Records are taken where they lie; only one that is spread over segments is copied together.</summary>
internal sealed class PipeTransport(IDuplexPipe pipe) : Transport
{
    private const int RecordHeaderLength = 5;

    private readonly PipeReader _reader = pipe.Input;
    private readonly PipeWriter _writer = pipe.Output;
    private ReadOnlySequence<byte> _arrived;
    private bool _holdsResult;
    private bool _ended;
    private byte[] _joined = [];
    private ReadOnlyMemory<byte> _view;
    private bool _viewIsCurrent;

    public override ReadOnlySpan<byte> Input
    {
        get
        {
            if (!_viewIsCurrent)
            {
                _view = OnePiece();
                _viewIsCurrent = true;
            }
            return _view.Span;
        }
    }

    public override IBufferWriter<byte> Output => _writer;

    public override void Consume(int count)
    {
        if (count > 0)
        {
            _arrived = _arrived.Slice(count);
            _viewIsCurrent = false;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<Arrival> ReceiveAsync(bool withoutBuffer, CancellationToken cancellationToken)
    {
        if (!PrepareToReceive())
        {
            return Arrival.End;
        }
        return Arrived(await _reader.ReadAsync(cancellationToken).ConfigureAwait(false));
    }

    public override bool TryReceive(out Arrival arrival)
    {
        arrival = Arrival.End;
        if (!PrepareToReceive())
        {
            return true;
        }
        if (!_reader.TryRead(out ReadResult result))
        {
            return false;
        }
        arrival = Arrived(result);
        return true;
    }

    public override void ReleaseInput()
    {
        if (_arrived.IsEmpty)
        {
            AdvanceReader(examined: true);
        }
    }

    public override void AbandonInput() => AdvanceReader(examined: false);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask SendAsync(bool push, CancellationToken cancellationToken)
        => await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);

    public override Arrival Receive(bool withoutBuffer, SyncDeadline? deadline) => throw NotBlocking();

    public override void Send(bool push, SyncDeadline? deadline) => throw NotBlocking();

    public override SyncDeadline Limit(TimeSpan limit, TimeProvider time) => throw NotBlocking();

    public void CancelPendingRead() => _reader.CancelPendingRead();

    public void CancelPendingFlush() => _writer.CancelPendingFlush();

    public ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken) => _writer.FlushAsync(cancellationToken);

    public void Complete(Exception? exception)
    {
        AbandonInput();
        _reader.Complete(exception);
        _writer.Complete(exception);
    }

    private static NotSupportedException NotBlocking() => new("Pipes have no blocking calls.");

    /// <returns>Whether anything may still come.</returns>
    private bool PrepareToReceive()
    {
        AdvanceReader(examined: true);
        return !_ended;
    }

    /// <summary>Tells the pipe what was consumed, and whether the rest is to be told of again before more arrives.</summary>
    private void AdvanceReader(bool examined)
    {
        if (_holdsResult)
        {
            _holdsResult = false;
            _reader.AdvanceTo(_arrived.Start, examined ? _arrived.End : _arrived.Start);
            _arrived = default;
            _view = default;
            _viewIsCurrent = false;
        }
        BufferPool.ReturnAny(_joined);
        _joined = [];
    }

    private Arrival Arrived(ReadResult result)
    {
        _arrived = result.Buffer;
        _holdsResult = true;
        _viewIsCurrent = false;
        if (result.IsCanceled)
        {
            return Arrival.Interrupted;
        }
        _ended = result.IsCompleted;
        // What came with the end is looked at first; the next call tells the end.
        return _ended && _arrived.IsEmpty ? Arrival.End : Arrival.Data;
    }

    private ReadOnlyMemory<byte> OnePiece()
    {
        ReadOnlyMemory<byte> first = _arrived.First;
        if (_arrived.IsSingleSegment || StartsWithRecord(first.Span))
        {
            return first;
        }
        // The first record is spread over segments, or not all here: then its header says all there is to know.
        int length = (int)Math.Min(_arrived.Length, RecordHeaderLength);
        Span<byte> header = stackalloc byte[RecordHeaderLength];
        _arrived.Slice(0, length).CopyTo(header);
        int recordLength = RecordHeaderLength + BinaryPrimitives.ReadUInt16BigEndian(header[3..]);
        if (recordLength <= Math.Min(_arrived.Length, TlsConnection.MaxRecordLength))
        {
            length = recordLength;
        }
        if (_joined.Length < length)
        {
            BufferPool.ReturnAny(_joined);
            _joined = BufferPool.RentAtLeast(length);
        }
        _arrived.Slice(0, length).CopyTo(_joined);
        return _joined.AsMemory(0, length);
    }

    private static bool StartsWithRecord(ReadOnlySpan<byte> bytes)
        => bytes.Length >= RecordHeaderLength && bytes.Length >= RecordHeaderLength + BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]);
}
