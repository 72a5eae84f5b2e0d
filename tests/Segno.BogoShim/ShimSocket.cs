using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Segno.BogoShim;

/// <summary>The TCP connection to the runner, as whose client the shim always comes, whichever role it plays in TLS.</summary>
internal sealed class ShimSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly bool _oneByteAtATime;

    public ShimSocket(ShimOptions options)
    {
        IPAddress address = options.Ipv6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
        _oneByteAtATime = options.OneByteAtATime;
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(address, options.Port);
        Span<byte> id = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(id, options.ShimId);
        Write(id);
    }

    /// <summary>Waits for bytes; with <c>-async</c> takes a single one. 0 is the end.</summary>
    public int Read(Span<byte> buffer)
    {
        try
        {
            return _socket.Receive(_oneByteAtATime ? buffer[..1] : buffer);
        }
        catch (SocketException)
        {
            return 0; // a reset is an end, too: what the runner thinks of it, the runner says
        }
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(_oneByteAtATime ? bytes[..1] : bytes)..];
        }
    }

    /// <summary>Closes our direction and reads to the end of the other one: closing at once could reset the connection and lose our last alert.</summary>
    public void Dispose()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
            Span<byte> rest = stackalloc byte[1024];
            while (_socket.Receive(rest) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // The runner was faster.
        }

        _socket.Dispose();
    }
}
