using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>The connection middleware: a handshake on the transport's pipes, then TLS in their place for whatever comes next.</summary>
internal sealed partial class TlsConnectionMiddleware(ConnectionDelegate next, TlsServerContext context, ILogger logger)
{
    /// <summary>How long, and for how many bytes, a refused peer is listened to so that it can read the alert: closing a socket with unread input resets it, and the alert is lost.</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromMilliseconds(500);
    private const int LingerBytes = 64 * 1024;

    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        if (connection.Features.Get<ITlsConnectionFeature>() is not null)
        {
            // TLS already, by another middleware.
            await next(connection).ConfigureAwait(false);
            return;
        }

        IDuplexPipe transport = connection.Transport;
        var tls = new TlsDuplexPipe(transport) { RemoteEndPoint = connection.RemoteEndPoint };
        await using (tls.ConfigureAwait(false))
        {
            if (!await TryAuthenticateAsync(tls, connection).ConfigureAwait(false))
            {
                await LingerAsync(transport.Input, connection.ConnectionClosed).ConfigureAwait(false);
                return;
            }

            LogHandshake(connection.ConnectionId, tls.ConnectionInfo);
            SetFeatures(connection.Features, new TlsFeatures(tls, tls.ConnectionInfo));
            bool told = false;
            connection.Transport = new KestrelPipes(tls, exception =>
            {
                if (!Interlocked.Exchange(ref told, true))
                {
                    LogConnectionBroken(connection.ConnectionId, exception.Fault, Detail(exception));
                }
            });
            try
            {
                await next(connection).ConfigureAwait(false);
            }
            finally
            {
                // Kestrel completes what it gave: the pipes of the socket, not ours.
                connection.Transport = transport;
            }
        }
    }

    private async Task<bool> TryAuthenticateAsync(TlsDuplexPipe tls, ConnectionContext connection)
    {
        try
        {
            await tls.AuthenticateAsServerAsync(context, connection.ConnectionClosed).ConfigureAwait(false);
            return true;
        }
        catch (TlsException exception) when (IsOurOwn(exception.Fault))
        {
            LogHandshakeFailedHere(connection.ConnectionId, exception.Fault, exception);
        }
        catch (TlsException exception)
        {
            LogHandshakeFailed(connection.ConnectionId, exception.Fault, Detail(exception));
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            LogConnectionLost(connection.ConnectionId, LogText.Escape(exception.Message));
        }
        return false;
    }

    /// <summary>What no peer can cause, and somebody here should look at.</summary>
    private static bool IsOurOwn(TlsFault fault)
        => fault is TlsFault.CallbackFailed or TlsFault.CryptographyFailed or TlsFault.InternalError;

    /// <summary>What the message tells beyond the fault's name, which it begins with. It may quote the peer.</summary>
    private static string Detail(TlsException exception)
    {
        string name = exception.Fault.ToString();
        return LogText.Escape(exception.Message.StartsWith(name, StringComparison.Ordinal) ? exception.Message[name.Length..] : $": {exception.Message}");
    }

    private static void SetFeatures(IFeatureCollection features, TlsFeatures tls)
    {
        features.Set<ITlsConnectionFeature>(tls);
        features.Set<ITlsHandshakeFeature>(tls);
        features.Set<ITlsApplicationProtocolFeature>(tls);
        features.Set<ITlsResumptionFeature>(tls);
        features.Set<ITlsEarlyDataFeature>(tls);
    }

    private static async Task LingerAsync(PipeReader input, CancellationToken connectionClosed)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(connectionClosed);
        timeout.CancelAfter(LingerTime);
        try
        {
            long drained = 0;
            while (drained <= LingerBytes)
            {
                ReadResult result = await input.ReadAsync(timeout.Token).ConfigureAwait(false);
                drained += result.Buffer.Length;
                input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted || result.IsCanceled)
                {
                    return;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The peer went away, or took its time: either way it has had its alert.
        }
    }

    // No server name, address of the peer, certificate or ticket: what identifies somebody is for the application to log.
    private void LogHandshake(string connectionId, TlsConnectionInfo info)
    {
        if (logger.IsEnabled(LogLevel.Debug))
        {
            LogHandshakeCompleted(
                connectionId, info.ProtocolVersion, info.CipherSuite, info.Resumption.Status, info.Resumption.Mechanism, info.Resumption.Reason,
                info.HandshakeDuration.TotalMilliseconds);
        }
    }

    [LoggerMessage(1, LogLevel.Debug, "Connection {ConnectionId}: the TLS handshake failed with {Fault}{Detail}.", EventName = "HandshakeFailed")]
    private partial void LogHandshakeFailed(string connectionId, TlsFault fault, string detail);

    [LoggerMessage(2, LogLevel.Warning, "Connection {ConnectionId}: the TLS handshake failed on this side with {Fault}.", EventName = "HandshakeFailedHere")]
    private partial void LogHandshakeFailedHere(string connectionId, TlsFault fault, Exception exception);

    [LoggerMessage(3, LogLevel.Debug, "Connection {ConnectionId} was lost during the TLS handshake ({Detail}).", EventName = "ConnectionLost")]
    private partial void LogConnectionLost(string connectionId, string detail);

    [LoggerMessage(4, LogLevel.Debug, "Connection {ConnectionId} ended with {Fault}{Detail}.", EventName = "ConnectionBroken")]
    private partial void LogConnectionBroken(string connectionId, TlsFault fault, string detail);

    [LoggerMessage(5, LogLevel.Debug, "Connection {ConnectionId}: {Version} with {CipherSuite}, resumption {Status} ({Mechanism}, {Reason}), in {Milliseconds:0.0} ms.", EventName = "HandshakeCompleted", SkipEnabledCheck = true)]
    private partial void LogHandshakeCompleted(
        string connectionId, SslProtocols version, TlsCipherSuite cipherSuite, ResumptionStatus status, ResumptionMechanism mechanism, ResumptionReason reason, double milliseconds);
}
