using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace Segno.AspNetCore;

/// <summary>
/// The pipes as Kestrel expects a transport's to be: a connection that ended badly is a <see cref="ConnectionResetException"/>
/// for who reads, and a completed flush for who writes (Kestrel takes an exception there for a bug and logs it as one).
/// </summary>
internal sealed class KestrelPipes(TlsDuplexPipe tls, Action<TlsException> broken) : IDuplexPipe
{
    public PipeReader Input { get; } = new Reader(tls.Input, broken);

    public PipeWriter Output { get; } = new Writer(tls.Output, broken);

    private sealed class Reader(PipeReader inner, Action<TlsException> broken) : PipeReader
    {
        public override bool TryRead(out ReadResult result)
        {
            try
            {
                return inner.TryRead(out result);
            }
            catch (TlsException exception)
            {
                throw Reset(exception);
            }
        }

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<ReadResult> reading = inner.ReadAsync(cancellationToken);
            return reading.IsCompletedSuccessfully ? reading : AwaitAsync(reading);
        }

        protected override ValueTask<ReadResult> ReadAtLeastAsyncCore(int minimumSize, CancellationToken cancellationToken)
        {
            ValueTask<ReadResult> reading = inner.ReadAtLeastAsync(minimumSize, cancellationToken);
            return reading.IsCompletedSuccessfully ? reading : AwaitAsync(reading);
        }

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<ReadResult> AwaitAsync(ValueTask<ReadResult> reading)
        {
            try
            {
                return await reading.ConfigureAwait(false);
            }
            catch (TlsException exception)
            {
                throw Reset(exception);
            }
        }

        private ConnectionResetException Reset(TlsException exception)
        {
            broken(exception);
            return new ConnectionResetException(exception.Message, exception);
        }
    }

    private sealed class Writer(PipeWriter inner, Action<TlsException> broken) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<FlushResult> flushing = inner.FlushAsync(cancellationToken);
            return flushing.IsCompletedSuccessfully ? flushing : AwaitAsync(flushing);
        }

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            ValueTask<FlushResult> flushing = inner.WriteAsync(source, cancellationToken);
            return flushing.IsCompletedSuccessfully ? flushing : AwaitAsync(flushing);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<FlushResult> AwaitAsync(ValueTask<FlushResult> flushing)
        {
            try
            {
                return await flushing.ConfigureAwait(false);
            }
            catch (IOException exception)
            {
                if (exception is TlsException fault)
                {
                    broken(fault);
                }
                return new FlushResult(isCanceled: false, isCompleted: true);
            }
        }
    }
}
