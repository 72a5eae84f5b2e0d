using System.Net;
using System.Security.Authentication;
using Segno.Buffers;
using Segno.Diagnostics;
using Segno.Handshake;
using Segno.Records;
using Segno.Sessions;

namespace Segno;

public sealed partial class TlsConnection
{
    /// <summary>What handshake states see of the connection.</summary>
    private sealed class ConnectionLink(TlsConnection connection, TlsSettings settings) : HandshakeLink(settings.Crypto)
    {
        private TlsSettings _settings = settings;
        private bool _changeCipherSpecSent;

        public ClientHandshake? Client { get; set; }

        public override object Sender => connection;

        public override IPAddress? RemoteAddress => (connection.RemoteEndPoint as IPEndPoint)?.Address;

        public override CancellationToken Aborted => connection._aborted.Token;

        public override bool MaySend => connection is { _failure: null, _sendClosed: false, _disposed: false };

        public override TlsSettings Settings => _settings;

        protected override FlightBuffer Messages => connection._writer.Messages;

        public override void SetReadProtection(RecordProtection protection)
        {
            CheckEndOfRecord();
            connection._reader.SetProtection(protection);
        }

        public override void SetWriteProtection(RecordProtection protection)
        {
            protection.RecordLimit = _settings.RecordLimit ?? protection.RecordLimit;
            connection._writer.SetProtection(protection);
        }

        public override void UpdateReadKey()
        {
            CheckEndOfRecord();
            connection._reader.UpdateKey();
            Volatile.Write(ref connection._keyUpdateAwaited, 0);
        }

        public override void RequestKeyUpdate() => Volatile.Write(ref connection._keyUpdateWanted, 1);

        public override void Warn(TlsAlert alert) => connection.QueueWarning(alert);

        public override void LimitSent(int maxPlaintext) => connection._writer.Limit(maxPlaintext);

        public override void LimitReceived(int maxPlaintext) => connection._reader.Limit(maxPlaintext);

        public override void SendChangeCipherSpec()
        {
            if (!_changeCipherSpecSent)
            {
                _changeCipherSpecSent = true;
                connection._writer.ChangeCipherSpec();
            }
        }

        public override void CheckEndOfRecord() => connection.CheckEndOfRecord();

        public override void SkipEarlyData()
        {
            connection._skipsEarlyData = true;
            connection._skippableEarlyData = Math.Max(MaxSkippedEarlyData, ((ServerSettings)_settings).MaxEarlyDataSize);
        }

        public override void OpenEarlyData(uint maxSize)
        {
            connection._earlyDataOpen = true;
            connection._earlyDataLeft = maxSize;
        }

        public override void CloseEarlyData()
        {
            connection._earlyDataOpen = false;
            connection._earlyDataLeft = 0;
        }

        public override void ClearWriteProtection() => connection._writer.ClearProtection();

        public override void UseSettings(TlsSettings settings) => _settings = settings;

        public override void Complete(FinishedVerified finished)
        {
            ShowPeer(finished.Peer);
            Info.HandshakeDuration = _settings.TimeProvider.GetElapsedTime(connection._started, Callback.Timestamp(_settings.TimeProvider));
            Info.HandshakeBytesOut = connection._writer.BytesWrittenAfterSealing();
            connection._completed = true;
            if (finished.Peer.Chain.Count > 0 && _settings is ServerSettings { PolicyGate: { } gate })
            {
                gate.Completed(finished.Peer.Chain[0].Span);
            }
            connection._metrics.HandshakeCompleted(Info);
            TlsEventSource.Log.HandshakeCompleted(Info);
        }

        /// <summary>
        /// After a fatal alert the sessions of this connection are not offered or resumed again (RFC 9846 §6.2, RFC 5246 §7.2.2;
        /// Stateless tickets that a client holds are beyond a server's reach.
        /// </summary>
        public void ForgetSessions()
        {
            if (Client is not { } client)
            {
                StoredSessionIds.ForEach(ForgetStored);
                return;
            }
            bool hasSession = connection.Session is not null || client.Resumed is { ProtocolVersion: SslProtocols.Tls12 };
            if (hasSession && client.SessionKey() is { } key)
            {
                Callback.Call(() => client.Settings.SessionCache.Remove(key));
            }
            connection.Session = null;
        }

        public override void SessionRefused(TlsSession session)
        {
            if (Client is null)
            {
                ForgetStored(session.SessionId);
            }
            else if (Client.SessionKey() is { } key)
            {
                Callback.Call(() => Client.Settings.SessionCache.Remove(key, session.LineageId));
            }
        }

        private void ForgetStored(ReadOnlyMemory<byte> sessionId)
        {
            if (!sessionId.IsEmpty)
            {
                // A store that waits does so alone: the alert does not.
                _ = ((ServerSettings)_settings).Sessions.RemoveAsync(sessionId).AsTask();
            }
        }

        public override void Located(in LocatedSession located) => connection._metrics.Located(located);

        public override void TicketIssued(ResumptionMechanism mechanism, bool isStateful = false) => connection._metrics.TicketIssued(mechanism, isStateful);

        public override void PolicyAsked(ResumptionStage stage, PolicyEffect effect) => connection._metrics.PolicyAsked(stage, effect);

        public override void ZeroLifetimeReceived()
        {
            if (Client!.SessionKey() is { } key)
            {
                Callback.Call(() => Client.Settings.SessionCache.NoteZeroLifetime(key));
            }
        }

        public override void SessionReceived(TlsSession session)
        {
            connection.Session = session;
            if (Client!.SessionKey() is { } key)
            {
                Callback.Call(() => Client.Settings.SessionCache.Add(key, session));
            }
            Callback.Call(() => connection.SessionReceived?.Invoke(connection, session));
        }
    }
}
