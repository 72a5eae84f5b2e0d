using System.Buffers;

namespace Segno.Tests.IO;

/// <summary>A bare engine at the end of a stream, driven by the test with synchronous calls: it sends what the test says, and nothing by itself.</summary>
internal sealed class EngineEnd(Stream stream, TlsConnection connection) : IDisposable
{
    private readonly byte[] _input = new byte[2 * TlsConnection.MaxRecordLength];
    private readonly byte[] _room = new byte[64 * 1024];
    private int _end;

    public TlsConnection Connection => connection;

    public static EngineEnd Server(Stream stream, TlsServerContext context) => new(stream, new TlsConnection(context));

    public static EngineEnd Client(Stream stream, TlsClientContext context) => new(stream, new TlsConnection(context, "localhost"));

    public void Handshake()
    {
        if (!connection.IsServer)
        {
            connection.Start();
        }
        while (true)
        {
            while (connection.Pending is { } pending)
            {
                pending.Execute(CancellationToken.None);
                connection.Resume();
            }
            Flush();
            if (connection.IsHandshakeCompleted)
            {
                return;
            }
            ReceiveOnce();
        }
    }

    public void Flush()
    {
        var output = new ArrayBufferWriter<byte>();
        connection.Flush(output);
        if (output.WrittenCount > 0)
        {
            stream.Write(output.WrittenSpan);
        }
    }

    public void Send(ReadOnlySpan<byte> data)
    {
        var output = new ArrayBufferWriter<byte>();
        connection.Send(data, output);
        stream.Write(output.WrittenSpan);
    }

    /// <summary>Reads once and takes what came.</summary>
    public void ReceiveOnce() => Receive();

    /// <summary>Reads until there is application data.</summary>
    public byte[] ReceiveData()
    {
        while (true)
        {
            if (Receive() is { Length: > 0 } data)
            {
                return data;
            }
        }
    }

    public void Dispose() => connection.Dispose();

    private byte[] Receive()
    {
        _end += stream.Read(_input, _end, _input.Length - _end);
        int written = 0;
        int start = 0;
        TlsReceiveResult result;
        do
        {
            result = connection.Receive(_input.AsSpan(start, _end - start), _room.AsSpan(written));
            start += result.Consumed;
            written += result.Written;
        }
        while (result.Consumed > 0 && connection.Pending is null);
        _input.AsSpan(start, _end - start).CopyTo(_input);
        _end -= start;
        return _room[..written];
    }
}
