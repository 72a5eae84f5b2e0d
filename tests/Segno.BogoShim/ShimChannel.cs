using System.Buffers;
using System.Net.Sockets;

namespace Segno.BogoShim;

/// <summary>A <see cref="TlsConnection"/> on a socket: blocking, and with every byte where the runner wants it.</summary>
internal sealed class ShimChannel(TlsConnection tls, ShimSocket socket)
{
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly byte[] _input = new byte[TlsConnection.MaxRecordLength];
    private int _inputLength;

    public TlsConnection Tls => tls;

    /// <summary>Whether the transport ended.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>How many bytes went out as early data.</summary>
    public int EarlyWritten { get; private set; }

    /// <summary>Makes the handshake, on a server as far as to early data; called again, it finds nothing to do.</summary>
    /// <param name="offerEarlyData">Client: whether to offer early data.</param>
    /// <param name="earlyData">Client: what to write early where it can be.</param>
    /// <param name="whenEarly">Client: what to do first where early data can be sent.</param>
    /// <param name="mayWrite">Client: whether it may be written already.</param>
    public void Handshake(bool offerEarlyData = false, byte[]? earlyData = null, Action? whenEarly = null, Func<TlsConnectionInfo, bool>? mayWrite = null)
    {
        if (!tls.IsServer && !tls.IsHandshakeCompleted)
        {
            tls.Start(offerEarlyData ? 1 : 0);
            if (tls.IsEarlyDataOpen)
            {
                whenEarly?.Invoke();
            }
        }

        while (!tls.IsHandshakeCompleted && !(tls.IsServer && tls.IsEarlyDataOpen && !tls.Wants.HasFlag(TlsWants.Write)))
        {
            if (tls.Wants.HasFlag(TlsWants.Write))
            {
                Flush();
            }
            else if (tls.Wants.HasFlag(TlsWants.Resume))
            {
                tls.Pending!.Execute(CancellationToken.None);
                tls.Resume();
            }
            else if (earlyData is not null && EarlyWritten == 0 && tls.EarlyDataLimit > 0 && mayWrite?.Invoke(tls.Info) != false)
            {
                EarlyWritten = Math.Min(earlyData.Length, tls.EarlyDataLimit);
                tls.SendEarlyData(earlyData.AsSpan(0, EarlyWritten), _output);
                Out();
            }
            else if (Receive([]).Consumed == 0 && !Fill())
            {
                tls.ReceiveEnd();
                throw new ShimFailedException("ReceiveEnd found nothing wrong with an end in the middle of the handshake");
            }
        }

        Flush();
    }

    /// <summary>Reads what comes next; 0 at the end.</summary>
    /// <remarks>Like BoringSSL's shim this writes nothing: an answer to a KeyUpdate waits for the next write, so that several requests get one answer.</remarks>
    public int Read(Span<byte> buffer)
    {
        while (true)
        {
            TlsReceiveResult result = Receive(buffer);
            if (result.Written > 0)
            {
                return result.Written;
            }

            if (tls.Pending is { } pending)
            {
                pending.Execute(CancellationToken.None);
                tls.Resume();
                continue;
            }

            if (tls.IsReceiveClosed)
            {
                return 0;
            }

            if (result.Consumed == 0 && !Fill())
            {
                return 0;
            }
        }
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        tls.Send(data, _output);
        Out();
    }

    /// <summary>Seals data, but lets only the first byte out. The rest goes before whatever is written next.</summary>
    public void WriteOneByteOf(ReadOnlySpan<byte> data)
    {
        tls.Send(data, _output);
        byte[] record = _output.WrittenSpan.ToArray();
        _output.ResetWrittenCount();
        socket.Write(record.AsSpan(0, 1));
        _output.Write(record.AsSpan(1));
    }

    /// <summary>Sends whatever waits to be sent.</summary>
    public void Flush()
    {
        tls.Flush(_output);
        Out();
    }

    /// <summary>Sends the alert of a failure, if there is anybody left to hear it.</summary>
    public void FlushAlert()
    {
        try
        {
            Flush();
        }
        catch (SocketException)
        {
            // The runner has closed: what it looks at is our reason.
        }
    }

    private void Out()
    {
        socket.Write(_output.WrittenSpan);
        _output.ResetWrittenCount();
    }

    private TlsReceiveResult Receive(Span<byte> buffer)
    {
        TlsReceiveResult result = tls.Receive(_input.AsSpan(0, _inputLength), buffer);
        _input.AsSpan(result.Consumed, _inputLength - result.Consumed).CopyTo(_input);
        _inputLength -= result.Consumed;
        return result;
    }

    private bool Fill()
    {
        int count = socket.Read(_input.AsSpan(_inputLength));
        _inputLength += count;
        IsEnded = count == 0;
        return count > 0;
    }
}
