using System.Security.Authentication;
using Segno.Handshake;

namespace Segno.Tests.Connections;

/// <summary>A step of the state machine: in this state this message leads there.</summary>
internal sealed record Transition(string State, string Message, string Next);

/// <summary>Watches the states of both sides, message by message.</summary>
internal sealed class StateWalk
{
    private static readonly byte[] RetryRandom = Convert.FromHexString("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");

    private readonly Side _client = new();
    private readonly Side _server = new();

    public IEnumerable<Transition> Transitions => _client.Steps.Concat(_server.Steps).Distinct();

    /// <summary>The states in which one side took the messages of the other's handshake.</summary>
    public IReadOnlyList<string> StatesOf(bool server) => (server ? _server : _client).Before;

    /// <summary>Runs the handshake of a variant, then what may come behind it.</summary>
    /// <param name="variant">The variant.</param>
    /// <param name="earlyDataSize">How much early data the client offers; it sends none of it.</param>
    public static StateWalk Through(HandshakeVariant variant, int earlyDataSize = 0)
    {
        // A byte in each record: what a record changes, the one message that it completes has changed.
        using var contexts = new VariantContexts(variant, fragment: 1);
        contexts.Prepare();
        var walk = new StateWalk();
        (List<byte[]> fromClient, List<byte[]> fromServer) = contexts.Listen();
        walk._server.Incoming = fromClient;
        walk._client.Incoming = fromServer;
        using var pair = new EnginePair(contexts.Client, contexts.Server)
        {
            Arrival = _ => 1,
            Taken = (by, bytes) => (by.IsServer ? walk._server : walk._client).Took(by, bytes.Span),
        };
        walk._server.See(pair.Server);
        pair.Client.Start(earlyDataSize);
        walk._client.See(pair.Client);
        pair.Run();
        contexts.AssertVariant(pair);
        Assert.Equal(earlyDataSize > 0, pair.Server.Info.EarlyData.IsAccepted);
        foreach ((TlsConnection from, Side to) in ((TlsConnection, Side)[])[(pair.Client, walk._server), (pair.Server, walk._client)])
        {
            byte[] more = (VariantContexts.IsTls12(variant), from.IsServer) switch
            {
                (true, true) => [(byte)HandshakeType.HelloRequest, 0, 0, 0],
                (true, false) => fromClient[0],
                _ => [(byte)HandshakeType.KeyUpdate, 0, 0, 1, 0],
            };
            to.Incoming.Add(more);
            if (VariantContexts.IsTls12(variant))
            {
                from.Writer().Messages.Append(more);
            }
            else
            {
                from.UpdateKeys();
            }
            pair.Run();
        }
        walk._client.See(pair.Client);
        walk._server.See(pair.Server);
        foreach (Side side in (Side[])[walk._client, walk._server])
        {
            Assert.Equal(side.Incoming.Count, side.Before.Count);
            side.Before.RemoveAt(side.Before.Count - 1);
        }
        return walk;
    }

    /// <summary>The name of a message in docs/state-machine.md.</summary>
    public static string NameOf(byte[] message)
        => message[0] == (byte)HandshakeType.ServerHello && message.Length > 38 && message.AsSpan(6, 32).SequenceEqual(RetryRandom)
            ? "HelloRetryRequest"
            : ((HandshakeType)message[0]).ToString();

    private sealed class Side
    {
        private int _bytes;
        private int _end;
        private string? _state;
        private string? _message;

        public List<byte[]> Incoming { get; set; } = [];

        public List<Transition> Steps { get; } = [];

        public List<string> Before { get; } = [];

        /// <param name="connection">The side.</param>
        /// <param name="record">The record that it took; empty when it went on after a pause.</param>
        public void Took(TlsConnection connection, ReadOnlySpan<byte> record)
        {
            byte recordType = record.IsEmpty ? (byte)0 : record[0];
            if (recordType == WireRecords.ChangeCipherSpec && connection.Info.ProtocolVersion == SslProtocols.Tls12)
            {
                _message = "ChangeCipherSpec";
            }
            else if (recordType is WireRecords.Handshake or WireRecords.ApplicationData && ++_bytes == _end + Incoming[Before.Count].Length)
            {
                _end = _bytes;
                _message = NameOf(Incoming[Before.Count]);
                Before.Add(_state!);
            }
            See(connection);
        }

        /// <summary>Notes the state, unless the handshake pauses.</summary>
        public void See(TlsConnection connection)
        {
            if (connection.Pending is not null)
            {
                return;
            }
            string state = connection.State()!.GetType().Name;
            if (_message is not null)
            {
                Steps.Add(new Transition(_state!, _message, state));
                _message = null;
            }
            else
            {
                // Nothing but a message leads on.
                Assert.Equal(_state ?? state, state);
            }
            _state = state;
        }
    }
}
