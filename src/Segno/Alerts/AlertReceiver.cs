using System.Security.Authentication;

namespace Segno.Alerts;

internal enum AlertVerdict
{
    Ignore,
    Close,
}

/// <summary>What a received alert means (RFC 9846 §6): closure, something to be ignored a few times (G4, R-145), or the end. A record holds one .</summary>
internal sealed class AlertReceiver
{
    public const int MaxWarnings = 4;

    private const byte Warning = 1;
    private const byte Fatal = 2;

    private int _warnings;

    public AlertVerdict Receive(ReadOnlySpan<byte> record, SslProtocols version)
    {
        if (record.Length != 2)
        {
            throw new TlsException(TlsFault.AlertMalformed);
        }
        if (record[0] is not (Warning or Fatal))
        {
            throw new TlsException(TlsFault.AlertLevelInvalid);
        }
        var alert = (TlsAlert)record[1];
        if (alert == TlsAlert.CloseNotify)
        {
            return AlertVerdict.Close;
        }
        // TLS 1.3 ignores the level: all but closure alerts are errors (§6.2). In TLS 1.2 the level decides (RFC 5246 §7.2).
        bool ignorable = version == SslProtocols.Tls13 ? alert == TlsAlert.UserCanceled : record[0] == Warning;
        if (!ignorable)
        {
            throw new TlsAlertException(TlsFault.PeerAlert, alert, sentByPeer: true);
        }
        if (++_warnings > MaxWarnings)
        {
            throw new TlsException(TlsFault.TooManyWarningAlerts);
        }
        return AlertVerdict.Ignore;
    }
}
