using Segno.Buffers;
using Segno.Handshake.Extensions;
using Segno.Records;

namespace Segno.Handshake;

/// <summary>TLS 1.2, either side: waits for the peer's change_cipher_spec, behind which its Finished is protected (RFC 5246 §7.1; R-04, G1).</summary>
internal sealed class ExpectChangeCipherSpec12(HandshakeLink link, RecordProtection read, HandshakeState next) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
        => throw (message.Type == HandshakeType.Finished ? new TlsException(TlsFault.ChangeCipherSpecMissing) : Unexpected(message));

    public override HandshakeState ReceiveChangeCipherSpec()
    {
        link.SetReadProtection(read);
        return next;
    }
}

/// <summary>TLS 1.2 after the handshake. Nothing may come but a wish to renegotiate, which is refused once with a warning (RFC 5746 §4.2; R-35, F1, F4).</summary>
internal sealed class Connected12 : HandshakeState
{
    private readonly HandshakeLink _link;
    private bool _refused;

    /// <summary>After a handshake: completes the connection.</summary>
    public Connected12(HandshakeLink link, FinishedVerified finished)
    {
        _link = link;
        link.Complete(finished);
    }

    public override bool IsConnected => true;

    public override HandshakeState Receive(HandshakeMessage message)
    {
        HandshakeType wish = _link.Info.IsServer ? HandshakeType.ClientHello : HandshakeType.HelloRequest;
        Expect(message, wish);
        if (!_link.Info.IsServer && !message.Body.IsEmpty)
        {
            throw new TlsException(TlsFault.TrailingMessageData);
        }
        if (_refused)
        {
            throw new TlsException(TlsFault.RenegotiationRefused);
        }
        _refused = true;
        _link.Warn(TlsAlert.NoRenegotiation);
        return this;
    }
}

/// <summary>ec_point_formats (RFC 8422 §5.1.2): only uncompressed points are left.</summary>
internal static class PointFormats
{
    private const byte Uncompressed = 0;

    /// <summary>Whoever sends the extension must be able to read uncompressed points.</summary>
    /// <returns>Whether the extension is there.</returns>
    public static bool Check(ExtensionBlock extensions)
    {
        if (!extensions.TryGet(ExtensionType.EcPointFormats, out TlsReader data))
        {
            return false;
        }
        bool uncompressed = data.Vector8(1).Contains(Uncompressed);
        data.End();
        return uncompressed ? true : throw new TlsException(TlsFault.PointFormatsInvalid);
    }
}
