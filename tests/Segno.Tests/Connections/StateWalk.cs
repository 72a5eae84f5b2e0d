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

    /// <summary>The states in which one side was before each message of the other, and at last.</summary>
    public IReadOnlyList<string> StatesOf(bool server) => (server ? _server : _client).States;

    /// <summary>Runs the handshake of a variant, then a KeyUpdate of each side.</summary>
    public static StateWalk Through(HandshakeVariant variant)
    {
        // A byte in each record: what a record changes, the one message that it completes has changed.
        using var contexts = new VariantContexts(variant, fragment: 1);
        contexts.Prepare();
        var walk = new StateWalk();
        (walk._server.Incoming, walk._client.Incoming) = contexts.Listen();
        using var pair = new EnginePair(contexts.Client, contexts.Server)
        {
            Arrival = _ => 1,
            Taken = (by, record) => (by.IsServer ? walk._server : walk._client).Took(by, record.Span[0]),
        };
        walk._server.See(pair.Server);
        pair.Client.Start();
        walk._client.See(pair.Client);
        pair.Run();
        contexts.AssertVariant(pair);
        foreach ((TlsConnection from, Side to) in ((TlsConnection, Side)[])[(pair.Client, walk._server), (pair.Server, walk._client)])
        {
            to.Incoming.Add([(byte)HandshakeType.KeyUpdate, 0, 0, 1, 0]);
            from.UpdateKeys();
            pair.Run();
        }
        foreach (Side side in (Side[])[walk._client, walk._server])
        {
            side.See(side == walk._server ? pair.Server : pair.Client);
            Assert.Equal(side.Incoming.Count + 1, side.States.Count);
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
        private string? _message;

        public List<byte[]> Incoming { get; set; } = [];

        public List<Transition> Steps { get; } = [];

        public List<string> States { get; } = [];

        public void Took(TlsConnection connection, byte recordType)
        {
            if (recordType is not (WireRecords.Handshake or WireRecords.ApplicationData))
            {
                return;
            }
            if (_message is not null)
            {
                // It paused, and this is the first byte of the next message.
                See(connection);
            }
            byte[] current = Incoming[States.Count - 1];
            if (++_bytes == _end + current.Length)
            {
                _end = _bytes;
                _message = NameOf(current);
                See(connection);
            }
        }

        /// <summary>Notes the state, unless the handshake pauses: then the next look finds where it went on.</summary>
        public void See(TlsConnection connection)
        {
            if (connection.Pending is not null)
            {
                return;
            }
            string state = connection.State()!.GetType().Name;
            if (_message is { } message)
            {
                Steps.Add(new Transition(States[^1], message, state));
                _message = null;
                States.Add(state);
            }
            else if (States.Count == 0)
            {
                States.Add(state);
            }
            Assert.Equal(States[^1], state);
        }
    }
}
