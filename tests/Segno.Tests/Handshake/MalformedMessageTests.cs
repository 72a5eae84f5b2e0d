using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Tests.Connections;

namespace Segno.Tests.Handshake;

/// <summary>
/// Every message of both versions and both roles, with one field truncated, over-long, repeated or out of range: the alert that
/// RFC 9846 §6.2 and RFC 5246 §7.2.2 name (R-143). The other side is an engine whose message is changed on its way into the
/// record layer, so that its transcript has what was sent and nothing else is wrong.
/// </summary>
public class MalformedMessageTests
{
    private const TlsAlert Decode = TlsAlert.DecodeError;
    private const TlsAlert Illegal = TlsAlert.IllegalParameter;

    // Message, sent by the server?, versions; what is changed; the alert.
    private static readonly Row[] Table =
    [
        .. Hello(HandshakeType.ClientHello, "session ID of 33 bytes", Decode, body => Resize(body, 34, 1, 33)),
        .. Hello(HandshakeType.ClientHello, "session ID beyond the message", Decode, body => With(body, 34, 255)),
        .. Hello(HandshakeType.ClientHello, "no suites", Decode, body => Resize(body, ClientSuites(body), 2, 0)),
        .. Hello(HandshakeType.ClientHello, "odd length of the suites", Decode, body => Resize(body, ClientSuites(body), 2, 3)),
        .. Hello(HandshakeType.ClientHello, "suites beyond the message", Decode, body => With(body, ClientSuites(body), 255, 254)),
        .. Hello(HandshakeType.ClientHello, "no compression methods", Decode, body => Resize(body, ClientCompression(body), 1, 0)),
        .. Hello(HandshakeType.ClientHello, "compression without null", Illegal, body => With(body, ClientCompression(body) + 1, 1)),
        Hello13("two compression methods", Illegal, body => Resize(body, ClientCompression(body), 1, 2)),
        Hello13("legacy_version 0x0302", TlsAlert.ProtocolVersion, body => With(body, 0, 3, 2)),
        new(HandshakeType.ClientHello, false, SslProtocols.Tls12, "no suite in common", TlsAlert.HandshakeFailure, body => With(Resize(body, ClientSuites(body), 2, 2), ClientSuites(body) + 2, 0x12, 0x34)),
        Hello13("no suite in common", TlsAlert.HandshakeFailure, body => With(Resize(body, ClientSuites(body), 2, 2), ClientSuites(body) + 2, 0x12, 0x34)),
        .. Hello(HandshakeType.ClientHello, "extensions beyond the message", Decode, body => With(body, Extensions(body, true), 255, 255)),
        .. Hello(HandshakeType.ClientHello, "extensions shorter than they say", Decode, body => body[..^1]),
        .. Hello(HandshakeType.ClientHello, "an extension twice", Illegal, body => Add(body, true, 0x1234, [], 0x1234, [])),
        .. Extension(ExtensionType.ServerName, "empty", Decode, []),
        .. Extension(ExtensionType.ServerName, "no names", Decode, [0, 0]),
        .. Extension(ExtensionType.ServerName, "empty name", Decode, [0, 3, 0, 0, 0]),
        .. Extension(ExtensionType.ServerName, "name beyond the list", Decode, [0, 4, 0, 0, 9, 97]),
        .. Extension(ExtensionType.ServerName, "bytes behind", Decode, [0, 4, 0, 0, 1, 97, 0]),
        .. Extension(ExtensionType.ServerName, "two names", Decode, [0, 8, 0, 0, 1, 97, 0, 0, 1, 98]),
        .. Extension(ExtensionType.ServerName, "no host name", Illegal, [0, 5, 0, 0, 2, 97, 0]),
        .. Extension(ExtensionType.SignatureAlgorithms, "empty", Decode, []),
        .. Extension(ExtensionType.SignatureAlgorithms, "none", Decode, [0, 0]),
        .. Extension(ExtensionType.SignatureAlgorithms, "odd", Decode, [0, 3, 4, 3, 8]),
        .. Extension(ExtensionType.SignatureAlgorithms, "bytes behind", Decode, [0, 2, 4, 3, 8]),
        .. Extension(ExtensionType.SignatureAlgorithms, "unknown ones alone", TlsAlert.HandshakeFailure, [0, 2, 0x12, 0x34]),
        .. Extension(ExtensionType.SupportedGroups, "empty", Decode, []),
        .. Extension(ExtensionType.SupportedGroups, "none", Decode, [0, 0]),
        .. Extension(ExtensionType.SupportedGroups, "odd", Decode, [0, 3, 0, 29, 0]),
        .. Extension(ExtensionType.SupportedGroups, "bytes behind", Decode, [0, 2, 0, 29, 0]),
        .. Extension(ExtensionType.ApplicationLayerProtocolNegotiation, "empty", Decode, []),
        .. Extension(ExtensionType.ApplicationLayerProtocolNegotiation, "no protocols", Decode, [0, 0]),
        .. Extension(ExtensionType.ApplicationLayerProtocolNegotiation, "empty protocol", Decode, [0, 3, 0, 1, 97]),
        .. Extension(ExtensionType.ApplicationLayerProtocolNegotiation, "protocol beyond the list", Decode, [0, 2, 9, 97]),
        .. Extension(ExtensionType.ApplicationLayerProtocolNegotiation, "nothing in common", TlsAlert.NoApplicationProtocol, [0, 2, 1, 97]),
        .. Extension(ExtensionType.SupportedVersions, "empty", Decode, []),
        .. Extension(ExtensionType.SupportedVersions, "none", Decode, [0]),
        .. Extension(ExtensionType.SupportedVersions, "odd", Decode, [3, 3, 4, 3]),
        .. Extension(ExtensionType.SupportedVersions, "bytes behind", Decode, [2, 3, 4, 3]),
        .. Extension(ExtensionType.SupportedVersions, "old ones alone", TlsAlert.ProtocolVersion, [2, 3, 2]),
        Extension12(ExtensionType.EcPointFormats, "empty", Decode, []),
        Extension12(ExtensionType.EcPointFormats, "none", Decode, [0]),
        Extension12(ExtensionType.EcPointFormats, "compressed alone", Illegal, [1, 1]),
        Extension12(ExtensionType.EcPointFormats, "bytes behind", Decode, [1, 0, 0]),
        Extension12(ExtensionType.ExtendedMasterSecret, "not empty", Decode, [0]),
        Extension12(ExtensionType.RenegotiationInfo, "empty", Decode, []),
        Extension12(ExtensionType.RenegotiationInfo, "bytes behind", Decode, [0, 0]),
        Extension12(ExtensionType.RenegotiationInfo, "not a first handshake", TlsAlert.HandshakeFailure, [1, 7]),
        Extension12(ExtensionType.SupportedGroups, "unknown ones alone", TlsAlert.HandshakeFailure, [0, 2, 0x12, 0x34]),
        Extension13(ExtensionType.KeyShare, "empty", Decode, []),
        Extension13(ExtensionType.KeyShare, "empty share", Decode, [0, 4, 0, 29, 0, 0]),
        Extension13(ExtensionType.KeyShare, "share beyond the list", Decode, [0, 5, 0, 29, 0, 9, 1]),
        Extension13(ExtensionType.KeyShare, "bytes behind", Decode, [0, 0, 1]),
        Extension13(ExtensionType.KeyShare, "a group twice", Illegal, [0, 10, 0, 29, 0, 1, 1, 0, 29, 0, 1, 1]),
        Extension13(ExtensionType.KeyShare, "a group that is not supported", Illegal, [0, 5, 0x12, 0x34, 0, 1, 1]),
        Extension13(ExtensionType.KeyShare, "31 bytes for X25519", Illegal, [0, 35, 0, 29, 0, 31, .. new byte[31]]),
        Extension13(ExtensionType.KeyShare, "X25519 of order 1", Illegal, [0, 36, 0, 29, 0, 32, .. new byte[32]]),
        Extension13(ExtensionType.KeyShare, "a point that is not on P-256", Illegal, [0, 69, 0, 23, 0, 65, 4, .. Enumerable.Repeat((byte)1, 64)]),
        Extension13(ExtensionType.PskKeyExchangeModes, "empty", Decode, []),
        Extension13(ExtensionType.PskKeyExchangeModes, "none", Decode, [0]),
        Extension13(ExtensionType.PskKeyExchangeModes, "bytes behind", Decode, [1, 1, 1]),
        Hello13("an extension of the server's alone", Illegal, body => Add(body, true, (int)ExtensionType.OidFilters, [])),
        Hello13("no signature_algorithms", TlsAlert.MissingExtension, body => Remove(body, true, ExtensionType.SignatureAlgorithms)),
        Hello13("no supported_groups", TlsAlert.MissingExtension, body => Remove(body, true, ExtensionType.SupportedGroups)),
        Hello13("no key_share", TlsAlert.MissingExtension, body => Remove(body, true, ExtensionType.KeyShare)),

        .. Hello(HandshakeType.ServerHello, "session ID of 33 bytes", Decode, body => Resize(body, 34, 1, 33)),
        .. Hello(HandshakeType.ServerHello, "a suite that was not offered", Illegal, body => With(body, ServerSuite(body), 0x12, 0x34)),
        .. Hello(HandshakeType.ServerHello, "compression", Illegal, body => With(body, ServerSuite(body) + 2, 1)),
        .. Hello(HandshakeType.ServerHello, "extensions beyond the message", Decode, body => With(body, Extensions(body, false), 255, 255)),
        .. Hello(HandshakeType.ServerHello, "extensions shorter than they say", Decode, body => body[..^1]),
        .. Hello(HandshakeType.ServerHello, "an extension that was not offered", TlsAlert.UnsupportedExtension, body => Add(body, false, 0x1234, [])),
        Server(SslProtocols.Tls12, "version 0x0302", TlsAlert.ProtocolVersion, body => With(body, 0, 3, 2)),
        Server(SslProtocols.Tls13, "legacy_version 0x0302", TlsAlert.ProtocolVersion, body => With(body, 0, 3, 2)),
        Server(SslProtocols.Tls13, "another session ID", Illegal, body => With(body, 35, (byte)(body[35] ^ 1))),
        Server(SslProtocols.Tls13, "a session ID of no bytes", Illegal, body => Resize(body, 34, 1, 0)),
        Server(SslProtocols.Tls12, "an extension twice", Illegal, body => Add(body, false, (int)ExtensionType.ExtendedMasterSecret, [])),
        Server(SslProtocols.Tls13, "an extension twice", Illegal, body => Add(body, false, (int)ExtensionType.SupportedVersions, [3, 4])),
        Server(SslProtocols.Tls12, "an extension of TLS 1.3", Illegal, body => Add(body, false, (int)ExtensionType.KeyShare, [0, 0])),
        Server(SslProtocols.Tls13, "an extension of TLS 1.2", Illegal, body => Add(body, false, (int)ExtensionType.ExtendedMasterSecret, [])),
        Server(SslProtocols.Tls13, "an extension of EncryptedExtensions", Illegal, body => Add(body, false, (int)ExtensionType.ApplicationLayerProtocolNegotiation, [0, 3, 2, .. "h2"u8])),
        Answer(SslProtocols.Tls12, ExtensionType.RenegotiationInfo, "empty", Decode, []),
        Answer(SslProtocols.Tls12, ExtensionType.RenegotiationInfo, "bytes behind", Decode, [0, 0]),
        Answer(SslProtocols.Tls12, ExtensionType.RenegotiationInfo, "not a first handshake", TlsAlert.HandshakeFailure, [1, 7]),
        Answer(SslProtocols.Tls12, ExtensionType.ExtendedMasterSecret, "not empty", Decode, [0]),
        Answer(SslProtocols.Tls12, ExtensionType.SessionTicket, "not empty", Decode, [0]),
        Answer(SslProtocols.Tls12, ExtensionType.ServerName, "not empty", Decode, [0]),
        Answer(SslProtocols.Tls12, ExtensionType.EcPointFormats, "none", Decode, [0]),
        Answer(SslProtocols.Tls12, ExtensionType.EcPointFormats, "compressed alone", Illegal, [1, 1]),
        Answer(SslProtocols.Tls12, ExtensionType.ApplicationLayerProtocolNegotiation, "none", Decode, [0, 0]),
        Answer(SslProtocols.Tls12, ExtensionType.ApplicationLayerProtocolNegotiation, "two", Decode, [0, 6, 2, .. "h2"u8, 2, .. "h2"u8]),
        Answer(SslProtocols.Tls12, ExtensionType.ApplicationLayerProtocolNegotiation, "not offered", Illegal, [0, 2, 1, 97]),
        Answer(SslProtocols.Tls13, ExtensionType.SupportedVersions, "one byte", Decode, [3]),
        Answer(SslProtocols.Tls13, ExtensionType.SupportedVersions, "bytes behind", Decode, [3, 4, 3]),
        Answer(SslProtocols.Tls13, ExtensionType.SupportedVersions, "TLS 1.2", Illegal, [3, 3]),
        Answer(SslProtocols.Tls13, ExtensionType.KeyShare, "empty", Decode, []),
        Answer(SslProtocols.Tls13, ExtensionType.KeyShare, "empty share", Decode, [0, 29, 0, 0]),
        Answer(SslProtocols.Tls13, ExtensionType.KeyShare, "bytes behind", Decode, [0, 29, 0, 1, 1, 1]),
        Answer(SslProtocols.Tls13, ExtensionType.KeyShare, "another group", Illegal, [0, 24, 0, 1, 1]),
        Answer(SslProtocols.Tls13, ExtensionType.KeyShare, "31 bytes for X25519", Illegal, [0, 29, 0, 31, .. new byte[31]]),
        Answer(SslProtocols.Tls13, ExtensionType.KeyShare, "X25519 of order 1", Illegal, [0, 29, 0, 32, .. new byte[32]]),

        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "beyond the message", Decode, body => With(body, 0, 255, 255)),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "not offered", TlsAlert.UnsupportedExtension, body => AddTo(body, 0, 0x1234, [])),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "twice", Illegal, body => AddTo(body, 0, (int)ExtensionType.ServerName, [])),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "an extension of the hello", Illegal, body => AddTo(body, 0, (int)ExtensionType.KeyShare, [])),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "server_name not empty", Decode, _ => [0, 5, 0, 0, 0, 1, 0]),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "ALPN of two", Decode, _ => [0, 12, 0, 16, 0, 8, 0, 6, 2, .. "h2"u8, 2, .. "h2"u8]),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "ALPN not offered", Illegal, _ => [0, 8, 0, 16, 0, 4, 0, 2, 1, 97]),
        new(HandshakeType.EncryptedExtensions, true, SslProtocols.Tls13, "groups odd", Decode, _ => [0, 7, 0, 10, 0, 3, 0, 1, 0]),

        .. Certificates(serverIs: true, "empty list", Decode, (_, tls13) => tls13 ? [0, 0, 0, 0] : [0, 0, 0]),
        .. Certificates(serverIs: true, "empty certificate", Decode, (_, tls13) => tls13 ? [0, 0, 0, 5, 0, 0, 0, 0, 0] : [0, 0, 3, 0, 0, 0]),
        .. Certificates(serverIs: true, "certificate beyond the list", Decode, (body, tls13) => With(body, tls13 ? 4 : 3, 255)),
        .. Certificates(serverIs: true, "list beyond the message", Decode, (body, tls13) => With(body, tls13 ? 1 : 0, 255)),
        .. Certificates(serverIs: true, "not DER", TlsAlert.BadCertificate, (_, tls13) => tls13 ? [0, 0, 0, 6, 0, 0, 1, 48, 0, 0] : [0, 0, 4, 0, 0, 1, 48]),
        .. Certificates(serverIs: false, "empty certificate", Decode, (_, tls13) => tls13 ? [0, 0, 0, 5, 0, 0, 0, 0, 0] : [0, 0, 3, 0, 0, 0]),
        .. Certificates(serverIs: false, "list beyond the message", Decode, (body, tls13) => With(body, tls13 ? 1 : 0, 255)),
        .. Certificates(serverIs: false, "not DER", TlsAlert.BadCertificate, (_, tls13) => tls13 ? [0, 0, 0, 6, 0, 0, 1, 48, 0, 0] : [0, 0, 4, 0, 0, 1, 48]),
        new(HandshakeType.Certificate, true, SslProtocols.Tls13, "a context", Illegal, body => Resize(body, 0, 1, 1)),
        new(HandshakeType.Certificate, false, SslProtocols.Tls13, "a context", Illegal, body => Resize(body, 0, 1, 1)),
        new(HandshakeType.Certificate, true, SslProtocols.Tls13, "an extension that was not offered", TlsAlert.UnsupportedExtension, body => LastCertificate(body, [0, 4, 0x12, 0x34, 0, 0])),
        new(HandshakeType.Certificate, false, SslProtocols.Tls13, "an extension that was not offered", TlsAlert.UnsupportedExtension, body => LastCertificate(body, [0, 4, 0x12, 0x34, 0, 0])),
        new(HandshakeType.Certificate, false, SslProtocols.Tls12, "none where one is required", TlsAlert.HandshakeFailure, _ => [0, 0, 0]),
        new(HandshakeType.Certificate, false, SslProtocols.Tls13, "none where one is required", TlsAlert.CertificateRequired, _ => [0, 0, 0, 0]),

        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "explicit curve", Illegal, body => With(body, 0, 1)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "a group that was not offered", Illegal, body => With(body, 1, 0, 25)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "an empty point", Decode, body => Resize(body, 3, 1, 0)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "a point beyond the message", Decode, body => With(body, 3, 255)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "another point", TlsAlert.DecryptError, body => With(body, 4, (byte)(body[4] ^ 1))),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "a scheme that was not offered", Illegal, body => With(body, 36, 2, 3)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "a scheme of another key", Illegal, body => With(body, 36, 8, 4)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "an empty signature", TlsAlert.DecryptError, body => Resize(body, 38, 2, 0)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "a signature beyond the message", Decode, body => With(body, 38, 255)),
        new(HandshakeType.ServerKeyExchange, true, SslProtocols.Tls12, "a wrong signature", TlsAlert.DecryptError, body => With(body, body.Length - 1, (byte)(body[^1] ^ 1))),
        new(HandshakeType.ServerHelloDone, true, SslProtocols.Tls12, "not empty", Decode, _ => [0]),
        new(HandshakeType.ClientKeyExchange, false, SslProtocols.Tls12, "an empty point", Decode, _ => [0]),
        new(HandshakeType.ClientKeyExchange, false, SslProtocols.Tls12, "a point beyond the message", Decode, body => With(body, 0, 33)),
        new(HandshakeType.ClientKeyExchange, false, SslProtocols.Tls12, "a point of 31 bytes", Illegal, body => Resize(body, 0, 1, 31)),
        new(HandshakeType.ClientKeyExchange, false, SslProtocols.Tls12, "a point of 33 bytes", Illegal, body => Resize(body, 0, 1, 33)),
        new(HandshakeType.ClientKeyExchange, false, SslProtocols.Tls12, "a point of order 1", Illegal, _ => [32, .. new byte[32]]),

        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls12, "no certificate types", Decode, body => Resize(body, 0, 1, 0)),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls12, "no schemes", Decode, body => Resize(body, 3, 2, 0)),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls12, "schemes odd", Decode, body => Resize(body, 3, 2, 3)),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls12, "an empty name", Decode, body => [.. body[..^2], 0, 2, 0, 0]),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls12, "a name beyond the list", Decode, body => [.. body[..^2], 0, 3, 0, 9, 1]),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls13, "a context", Illegal, body => Resize(body, 0, 1, 1)),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls13, "no signature_algorithms", TlsAlert.MissingExtension, _ => [0, 0, 0]),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls13, "signature_algorithms twice", Illegal, body => AddTo(body, 1, (int)ExtensionType.SignatureAlgorithms, [0, 2, 4, 3])),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls13, "no schemes", Decode, _ => [0, 0, 6, 0, 13, 0, 2, 0, 0]),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls13, "an extension of the hello", Illegal, body => AddTo(body, 1, (int)ExtensionType.KeyShare, [])),
        new(HandshakeType.CertificateRequest, true, SslProtocols.Tls13, "an empty name", Decode, body => AddTo(body, 1, (int)ExtensionType.CertificateAuthorities, [0, 3, 0, 0, 0])),

        .. Both(HandshakeType.CertificateVerify, "a scheme that was not offered", Illegal, body => With(body, 0, 2, 3)),
        .. Both(HandshakeType.CertificateVerify, "a scheme of another key", Illegal, body => With(body, 0, 8, 4)),
        .. Both(HandshakeType.CertificateVerify, "an empty signature", TlsAlert.DecryptError, body => Resize(body, 2, 2, 0)),
        .. Both(HandshakeType.CertificateVerify, "a signature beyond the message", Decode, body => With(body, 2, 255)),
        .. Both(HandshakeType.CertificateVerify, "a wrong signature", TlsAlert.DecryptError, body => With(body, body.Length - 1, (byte)(body[^1] ^ 1))),
        .. Both(HandshakeType.Finished, "empty", Decode, _ => []),
        .. Both(HandshakeType.Finished, "wrong", TlsAlert.DecryptError, body => With(body, 0, (byte)(body[0] ^ 1))),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls12, "beyond the message", Decode, body => With(body, 4, 255)),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls13, "nonce beyond the message", Decode, body => With(body, 8, 255)),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls13, "ticket beyond the message", Decode, body => With(body, 10, 255)),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls13, "empty ticket", Decode, body => Resize(body, 10, 2, 0)),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls13, "extensions beyond the message", Decode, body => With(body, body.Length - 1, 9)),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls13, "an extension twice", Illegal, body => AddTo(AddTo(body, body.Length - 2, 0x1234, []), body.Length - 2, 0x1234, [])),
        new(HandshakeType.NewSessionTicket, true, SslProtocols.Tls13, "early_data of 3 bytes", Decode, body => AddTo(body, body.Length - 2, (int)ExtensionType.EarlyData, [0, 0, 0])),
    ];

    public static TheoryData<int, string> Rows => new(Table.Select((row, index) => (index, row.ToString())));

    public static TheoryData<SslProtocols, bool> Sides => new()
    {
        { SslProtocols.Tls12, false },
        { SslProtocols.Tls12, true },
        { SslProtocols.Tls13, false },
        { SslProtocols.Tls13, true },
    };

    // R-143, R-10, R-79, R-80, R-148
    [Theory]
    [MemberData(nameof(Rows))]
    public void AWrongFieldGetsItsAlert(int index, string name)
    {
        Row row = Table[index];
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => Connect(row.Version, row.ByServer, row.Type, row.Change));
        Assert.False(thrown.SentByPeer, name);
        Assert.True(row.Alert == thrown.Alert, $"{name}: {thrown.Fault}, {thrown.Alert} instead of {row.Alert}");
    }

    /// <summary>The table's tool changes nothing by itself.</summary>
    [Theory]
    [MemberData(nameof(Sides))]
    public void UnchangedMessagesAreTaken(SslProtocols version, bool byServer)
        => Connect(version, byServer, HandshakeType.Finished, body => body);

    // R-143: cut anywhere, every message is refused as unreadable; where the cut leaves a whole message of its own, as that.
    [Theory]
    [MemberData(nameof(Sides))]
    public void EveryMessageCutAnywhereIsRefused(SslProtocols version, bool byServer)
    {
        foreach ((HandshakeType type, int length) in Messages(version, byServer))
        {
            // Every cut of what is short, some of what is long: a certificate's own bytes have no structure here.
            for (int cut = 0; cut < length; cut += cut < 120 ? 1 : 41)
            {
                TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => Connect(version, byServer, type, body => body[..Math.Min(cut, body.Length - 1)]));
                bool isHello = type is HandshakeType.ClientHello or HandshakeType.ServerHello;
                Assert.False(thrown.SentByPeer);
                Assert.True(
                    thrown.Alert == Decode || (isHello && thrown.Fault == WithoutExtensions(version, type)),
                    $"{version} {type} cut to {cut}: {thrown.Fault}, {thrown.Alert}");
            }
        }
    }

    /// <summary>A hello that ends before its extensions is one of TLS 1.2 without any, and refused as that.</summary>
    private static TlsFault WithoutExtensions(SslProtocols version, HandshakeType type) => (version, type) switch
    {
        (SslProtocols.Tls12, HandshakeType.ClientHello) => TlsFault.NoCommonSignatureScheme,
        (_, HandshakeType.ClientHello) => TlsFault.NoCommonVersion,
        (SslProtocols.Tls12, _) => TlsFault.RenegotiationInfoInvalid,
        _ => TlsFault.CipherSuiteNotOffered,
    };

    // R-79, R-143
    [Theory]
    [MemberData(nameof(Sides))]
    public void EveryMessageWithAByteBehindItIsRefused(SslProtocols version, bool byServer)
    {
        foreach ((HandshakeType type, _) in Messages(version, byServer))
        {
            TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => Connect(version, byServer, type, body => [.. body, 0]));
            Assert.True(!thrown.SentByPeer && thrown.Alert == Decode, $"{version} {type}: {thrown.Fault}, {thrown.Alert}");
        }
    }

    // R-146
    [Theory]
    [MemberData(nameof(Sides))]
    public void AFinishedWithAnyBitWrongIsRefused(SslProtocols version, bool byServer)
    {
        int length = Messages(version, byServer).Single(message => message.Type == HandshakeType.Finished).Length;
        Assert.Equal(version == SslProtocols.Tls12 ? 12 : 32, length);
        for (int i = 0; i < length; i++)
        {
            TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(
                () => Connect(version, byServer, HandshakeType.Finished, body => With(body, i, (byte)(body[i] ^ (1 << (i % 8))))));
            Assert.Equal((TlsFault.FinishedVerificationFailed, TlsAlert.DecryptError), (thrown.Fault, thrown.Alert));
        }
    }

    private static List<(HandshakeType Type, int Length)> Messages(SslProtocols version, bool byServer)
    {
        List<(HandshakeType, int)> messages = [];
        Connect(version, byServer, null, body => body, (type, length) =>
        {
            if (!messages.Exists(message => message.Item1 == type))
            {
                messages.Add((type, length));
            }
        });
        Assert.Contains(messages, message => message.Item1 == HandshakeType.CertificateVerify || (byServer && version == SslProtocols.Tls12));
        return messages;
    }

    /// <summary>A handshake with certificates on both sides and a ticket, in which one side's message of the type is changed.</summary>
    private static void Connect(
        SslProtocols version, bool byServer, HandshakeType? type, Func<byte[], byte[]> change, Action<HandshakeType, int>? seen = null)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o =>
            {
                o.ClientCertificate = TestPki.ClientEcdsa().Tls;
                o.ApplicationProtocols = [SslApplicationProtocol.Http2];
                o.SendGrease = false;
                // As they are: what is compressed is another message.
                o.CompressCertificates = false;
            },
            o =>
            {
                o.EnabledSslProtocols = version;
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                o.CertificateChainPolicy = TestPki.TrustRoot();
                o.ApplicationProtocols = [SslApplicationProtocol.Http2];
            });
        (byServer ? (TlsSettings)server.Settings : client.Settings).MessageRewriter = message =>
        {
            var sent = (HandshakeType)message[0];
            seen?.Invoke(sent, message.Length - 4);
            return sent == type ? ScriptedPeer.Message(sent, writer => writer.Bytes(change(message[4..]))) : message;
        };
        using var pair = new EnginePair(client, server);
        pair.Handshake();
    }

    private static IEnumerable<Row> Hello(HandshakeType type, string name, TlsAlert alert, Func<byte[], byte[]> change)
        => [new(type, type == HandshakeType.ServerHello, SslProtocols.Tls12, name, alert, change), new(type, type == HandshakeType.ServerHello, SslProtocols.Tls13, name, alert, change)];

    private static Row Hello13(string name, TlsAlert alert, Func<byte[], byte[]> change)
        => new(HandshakeType.ClientHello, false, SslProtocols.Tls13, name, alert, change);

    private static Row Server(SslProtocols version, string name, TlsAlert alert, Func<byte[], byte[]> change)
        => new(HandshakeType.ServerHello, true, version, name, alert, change);

    private static IEnumerable<Row> Extension(ExtensionType type, string name, TlsAlert alert, byte[] data) => [Extension12(type, name, alert, data), Extension13(type, name, alert, data)];

    private static Row Extension12(ExtensionType type, string name, TlsAlert alert, byte[] data)
        => new(HandshakeType.ClientHello, false, SslProtocols.Tls12, $"{type}: {name}", alert, body => Add(Remove(body, true, type), true, (int)type, data));

    private static Row Extension13(ExtensionType type, string name, TlsAlert alert, byte[] data)
        => Extension12(type, name, alert, data) with { Version = SslProtocols.Tls13 };

    private static Row Answer(SslProtocols version, ExtensionType type, string name, TlsAlert alert, byte[] data)
        => Server(version, $"{type}: {name}", alert, body => Add(Remove(body, false, type), false, (int)type, data));

    private static IEnumerable<Row> Certificates(bool serverIs, string name, TlsAlert alert, Func<byte[], bool, byte[]> change) =>
    [
        new(HandshakeType.Certificate, serverIs, SslProtocols.Tls12, name, alert, body => change(body, false)),
        new(HandshakeType.Certificate, serverIs, SslProtocols.Tls13, name, alert, body => change(body, true)),
    ];

    private static IEnumerable<Row> Both(HandshakeType type, string name, TlsAlert alert, Func<byte[], byte[]> change)
    {
        foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
        {
            yield return new(type, false, version, name, alert, change);
            if (type == HandshakeType.Finished || version == SslProtocols.Tls13)
            {
                yield return new(type, true, version, name, alert, change);
            }
        }
    }

    private static int ClientSuites(byte[] body) => 35 + body[34];

    private static int ClientCompression(byte[] body) => ClientSuites(body) + 2 + BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(ClientSuites(body)));

    private static int ServerSuite(byte[] body) => 35 + body[34];

    /// <summary>Where the length of a hello's extensions stands.</summary>
    private static int Extensions(byte[] body, bool ofClient) => ofClient ? ClientCompression(body) + 1 + body[ClientCompression(body)] : ServerSuite(body) + 3;

    private static byte[] With(byte[] body, int at, params byte[] bytes)
    {
        byte[] changed = [.. body];
        bytes.CopyTo(changed, at);
        return changed;
    }

    /// <summary>Gives the vector at the offset another length, and as many bytes: its own first, then zeros.</summary>
    private static byte[] Resize(byte[] body, int at, int lengthBytes, int length)
    {
        int before = 0;
        for (int i = 0; i < lengthBytes; i++)
        {
            before = (before << 8) | body[at + i];
        }
        byte[] content = new byte[length];
        body.AsSpan(at + lengthBytes, Math.Min(before, length)).CopyTo(content);
        byte[] prefix = lengthBytes == 1 ? [(byte)length] : [(byte)(length >> 8), (byte)(length & 0xff)];
        return [.. body[..at], .. prefix, .. content, .. body[(at + lengthBytes + before)..]];
    }

    private static byte[] Add(byte[] body, bool ofClient, int type, byte[] data) => AddTo(body, Extensions(body, ofClient), type, data);

    private static byte[] Add(byte[] body, bool ofClient, int first, byte[] firstData, int second, byte[] secondData)
        => Add(Add(body, ofClient, first, firstData), ofClient, second, secondData);

    /// <summary>One extension more, in front of those of the block whose length stands at the offset.</summary>
    private static byte[] AddTo(byte[] body, int at, int type, byte[] data)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(at)) + 4 + data.Length;
        return
        [
            .. body[..at], (byte)(length >> 8), (byte)(length & 0xff),
            (byte)(type >> 8), (byte)(type & 0xff), (byte)(data.Length >> 8), (byte)(data.Length & 0xff), .. data, .. body[(at + 2)..],
        ];
    }

    private static byte[] Remove(byte[] body, bool ofClient, ExtensionType type)
    {
        int start = Extensions(body, ofClient);
        for (int at = start + 2; at < body.Length;)
        {
            int length = 4 + BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(at + 2));
            if (BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(at)) == (int)type)
            {
                byte[] shorter = [.. body[..at], .. body[(at + length)..]];
                BinaryPrimitives.WriteUInt16BigEndian(shorter.AsSpan(start), (ushort)(shorter.Length - start - 2));
                return shorter;
            }
            at += length;
        }
        return body;
    }

    /// <summary>Certificate of TLS 1.3 with other extensions at its last entry, which has none.</summary>
    private static byte[] LastCertificate(byte[] body, byte[] extensions)
    {
        byte[] changed = [.. body[..^2], .. extensions];
        int length = changed.Length - 4;
        return With(changed, 1, (byte)(length >> 16), (byte)((length >> 8) & 0xff), (byte)(length & 0xff));
    }

    private sealed record Row(HandshakeType Type, bool ByServer, SslProtocols Version, string Name, TlsAlert Alert, Func<byte[], byte[]> Change)
    {
        public override string ToString() => $"{Version} {Type} of {(ByServer ? "server" : "client")}: {Name}";
    }
}
