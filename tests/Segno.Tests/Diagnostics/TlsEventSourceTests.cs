using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using Segno.Tests.Connections;

namespace Segno.Tests.Diagnostics;

/// <summary>The event source: one event for each handshake, and nothing in it that a peer chose.</summary>
public sealed class TlsEventSourceTests
{
    [Fact]
    public void EachHandshakeIsAnEvent()
    {
        using var listener = new Listener();
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        EnginePair.Connect(client, server).Dispose();
        EnginePair.Connect(client, server).Dispose();

        using (var refused = new EnginePair(client, server))
        {
            refused.Client.Start();
            refused.Client.Abort(TlsFault.CallbackFailed);
        }

        string[] events = [.. listener.Events];
        Assert.Contains(events, line => line.StartsWith("HandshakeCompleted True Tls13 ", StringComparison.Ordinal) && line.Contains(" Resumed Psk None ", StringComparison.Ordinal));
        Assert.Contains(events, line => line.StartsWith("HandshakeCompleted False Tls13 ", StringComparison.Ordinal) && line.Contains(" Resumed Psk None ", StringComparison.Ordinal));
        Assert.Contains($"HandshakeFailed False CallbackFailed InternalError False", events);
        Assert.DoesNotContain(events, line => line.Contains("localhost", StringComparison.Ordinal));
        // The runtime reports a manifest that does not fit its methods as an event 0.
        Assert.DoesNotContain(events, line => line.StartsWith("EventSourceMessage", StringComparison.Ordinal));
    }

    private sealed class Listener : EventListener
    {
        // Not set yet when the base constructor already reports sources; other tests' handshakes are in it, too.
        private readonly ConcurrentQueue<string> _events = new();

        public IEnumerable<string> Events => _events;

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "Segno")
            {
                EnableEvents(eventSource, EventLevel.Informational);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
            => _events?.Enqueue($"{eventData.EventName} {string.Join(' ', eventData.Payload ?? new([]))}");
    }
}
