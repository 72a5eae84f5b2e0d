using System.Buffers;

namespace Segno.Tests.Connections;

/// <summary>A client and a server engine, joined by memory, driven in lockstep on one thread.</summary>
internal sealed class EnginePair : IDisposable
{
    private readonly byte[] _room = new byte[64 * 1024];

    public EnginePair(TlsClientContext client, TlsServerContext server, string host = "localhost")
    {
        Client = new TlsConnection(client, host, 443);
        Server = new TlsConnection(server);
    }

    public TlsConnection Client { get; }

    public TlsConnection Server { get; }

    /// <summary>What the client sent and the server has not taken yet.</summary>
    public List<byte> ToServer { get; } = [];

    /// <summary>What the server sent and the client has not taken yet.</summary>
    public List<byte> ToClient { get; } = [];

    public List<byte> AtServer { get; } = [];

    public List<byte> AtClient { get; } = [];

    /// <summary>How many new bytes arrive at once.</summary>
    public Func<int, int> Arrival { get; init; } = all => all;

    /// <summary>May change what is under way: (to the server?, bytes).</summary>
    public Func<bool, byte[], byte[]> Wire { get; init; } = (_, bytes) => bytes;

    /// <summary>Called after bytes were taken, and with none after a pause: (by whom, what).</summary>
    public Action<TlsConnection, ReadOnlyMemory<byte>> Taken { get; init; } = (_, _) => { };

    public static EnginePair Connect(TlsClientContext client, TlsServerContext server, string host = "localhost")
    {
        var pair = new EnginePair(client, server, host);
        pair.Handshake();
        return pair;
    }

    public void Handshake()
    {
        Client.Start();
        Run();
        Assert.True(Client.IsHandshakeCompleted);
        Assert.True(Server.IsHandshakeCompleted);
    }

    /// <summary>Moves bytes until both sides are quiet.</summary>
    public void Run()
    {
        bool moved = true;
        while (moved)
        {
            moved = Step(Client, ToServer, toServer: true) | Step(Server, ToClient, toServer: false);
            moved |= Deliver(Server, ToServer, AtServer);
            moved |= Deliver(Client, ToClient, AtClient);
        }
    }

    /// <summary>Gives the server what was sent to it, and the client nothing of what it says.</summary>
    public void RunServer()
    {
        bool moved = true;
        while (moved)
        {
            moved = Step(Server, ToClient, toServer: false) | Deliver(Server, ToServer, AtServer);
        }
    }

    public void Send(TlsConnection from, ReadOnlySpan<byte> data)
    {
        var output = new ArrayBufferWriter<byte>();
        from.Send(data, output);
        bool toServer = ReferenceEquals(from, Client);
        (toServer ? ToServer : ToClient).AddRange(Wire(toServer, output.WrittenSpan.ToArray()));
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }

    private bool Step(TlsConnection from, List<byte> wire, bool toServer)
    {
        bool moved = false;
        while (from.Pending is { } pending)
        {
            pending.Execute(TestContext.Current.CancellationToken);
            from.Resume();
            Taken(from, default);
            moved = true;
        }
        if ((from.Wants & TlsWants.Write) != 0)
        {
            var output = new ArrayBufferWriter<byte>();
            from.Flush(output);
            wire.AddRange(Wire(toServer, output.WrittenSpan.ToArray()));
            moved |= output.WrittenCount > 0;
        }
        return moved;
    }

    private bool Deliver(TlsConnection to, List<byte> wire, List<byte> received)
    {
        if (wire.Count == 0 || to.Pending is not null)
        {
            return false;
        }
        bool moved = false;
        byte[] bytes = [.. wire];
        int start = 0;
        int available = 0;
        while (available < bytes.Length && to.Pending is null)
        {
            available = Math.Min(bytes.Length, available + Math.Max(1, Arrival(bytes.Length - available)));
            TlsReceiveResult result;
            do
            {
                result = to.Receive(bytes.AsSpan(start, available - start), _room);
                received.AddRange(_room.AsSpan(0, result.Written));
                if (result.Consumed > 0)
                {
                    Taken(to, bytes.AsMemory(start, result.Consumed));
                }
                start += result.Consumed;
                moved |= result.Consumed > 0;
            }
            while ((result.Consumed > 0 && start < available && to.Pending is null) || to.HasWaitingData);
        }
        wire.RemoveRange(0, start);
        return moved;
    }
}
