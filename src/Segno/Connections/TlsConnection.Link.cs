using Segno.Buffers;
using Segno.Cryptography;
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

        public override CancellationToken Aborted => connection._aborted.Token;

        public override TlsSettings Settings => _settings;

        protected override FlightBuffer Messages => connection._writer.Messages;

        public override void SetReadSecret(CipherSuiteInfo suite, ReadOnlySpan<byte> secret)
        {
            CheckEndOfRecord();
            connection._reader.SetProtection(new RecordProtection(Crypto, suite, secret));
        }

        public override void SetWriteSecret(CipherSuiteInfo suite, ReadOnlySpan<byte> secret)
        {
            var protection = new RecordProtection(Crypto, suite, secret);
            protection.RecordLimit = _settings.RecordLimit ?? protection.RecordLimit;
            connection._writer.SetProtection(protection);
        }

        public override void UpdateReadKey()
        {
            CheckEndOfRecord();
            connection._reader.UpdateKey();
        }

        public override void RequestKeyUpdate() => Volatile.Write(ref connection._keyUpdateWanted, 1);

        public override void SendChangeCipherSpec()
        {
            if (!_changeCipherSpecSent)
            {
                _changeCipherSpecSent = true;
                connection._writer.ChangeCipherSpec();
            }
        }

        public override void CheckEndOfRecord() => connection.CheckEndOfRecord();

        public override void SkipEarlyData() => connection._skippableEarlyData = MaxSkippedEarlyData;

        public override void UseSettings(TlsSettings settings) => _settings = settings;

        public override void Complete(FinishedVerified finished)
        {
            Info.RemoteCertificates = finished.Peer.Chain;
            Info.RemoteCertificate = finished.Peer.Certificate?.Leaf;
            Info.IsServer = connection.IsServer;
            Info.HandshakeDuration = _settings.TimeProvider.GetElapsedTime(connection._started);
            Info.HandshakeBytesOut = connection._writer.BytesWrittenAfterSealing();
            connection._completed = true;
        }

        /// <summary>After a fatal alert the sessions of this connection are not offered again (RFC 9846 §6.2).</summary>
        public void ForgetSessions()
        {
            if (connection.Session is not null && Client?.SessionKey() is { } key)
            {
                Client.Settings.SessionCache.Remove(key);
            }
            connection.Session = null;
        }

        public override void SessionReceived(TlsSession session)
        {
            connection.Session = session;
            if (Client!.SessionKey() is { } key)
            {
                Client.Settings.SessionCache.Add(key, session);
            }
            connection.SessionReceived?.Invoke(connection, session);
        }
    }
}
