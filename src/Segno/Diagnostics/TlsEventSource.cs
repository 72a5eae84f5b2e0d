using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Tracing;

namespace Segno.Diagnostics;

/// <summary>
/// The event source "Segno": one event for each handshake, for <c>dotnet-trace</c> and whoever else listens. The core's only log:
/// the runtime has it, where ILogger would be the library's first dependency that users see; Segno.AspNetCore writes to ILogger.
/// </summary>
/// <remarks>Names of enumerations and numbers alone: no text of the peer's, no server names, no identities, no secrets (I8).</remarks>
[EventSource(Name = "Segno")]
internal sealed class TlsEventSource : EventSource
{
    public static readonly TlsEventSource Log = new();

    private TlsEventSource()
    {
    }

    [NonEvent]
    public void HandshakeCompleted(TlsConnectionInfo info)
    {
        if (IsEnabled(EventLevel.Informational, EventKeywords.None))
        {
            HandshakeCompleted(
                info.IsServer, info.ProtocolVersion.ToString(), info.CipherSuite.ToString(), info.Resumption.Status.ToString(),
                info.Resumption.Mechanism.ToString(), info.Resumption.Reason.ToString(), info.HandshakeDuration.TotalMilliseconds);
        }
    }

    [NonEvent]
    public void HandshakeFailed(TlsConnectionInfo info, TlsException failure)
    {
        if (IsEnabled(EventLevel.Warning, EventKeywords.None))
        {
            var alert = failure as TlsAlertException;
            HandshakeFailed(info.IsServer, failure.Fault.ToString(), alert?.Alert.ToString() ?? "", alert?.SentByPeer ?? false);
        }
    }

    [Event(1, Level = EventLevel.Informational)]
    [UnconditionalSuppressMessage("ReflectionAnalysis", "IL2026", Justification = "Strings, numbers and truth values need no reflection.")]
    private void HandshakeCompleted(
        bool isServer, string version, string cipherSuite, string status, string mechanism, string reason, double milliseconds)
        => WriteEvent(1, isServer, version, cipherSuite, status, mechanism, reason, milliseconds);

    [Event(2, Level = EventLevel.Warning)]
    [UnconditionalSuppressMessage("ReflectionAnalysis", "IL2026", Justification = "Strings, numbers and truth values need no reflection.")]
    private void HandshakeFailed(bool isServer, string fault, string alert, bool sentByPeer)
        => WriteEvent(2, isServer, fault, alert, sentByPeer);
}
