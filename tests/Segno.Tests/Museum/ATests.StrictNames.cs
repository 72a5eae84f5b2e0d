using System.Buffers.Binary;
using System.Security.Authentication;
using System.Text;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Records;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room A, A15 as whole handshakes: a server with a strict host, which asks for certificates, and a weak one, which does not.</summary>
public sealed partial class ATests
{
    public static TheoryData<SslProtocols, string, string> Spellings
    {
        get
        {
            var data = new TheoryData<SslProtocols, string, string>();
            foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
            {
                data.Add(version, A, A);
                data.Add(version, A, "A.eXaMpLe");
                data.Add(version, A, "a.example.");
                data.Add(version, "xn--bcher-kva.example", "XN--BCHER-KVA.example");
                data.Add(version, "xn--bcher-kva.example", "xn--bcher-kva.example.");
            }
            return data;
        }
    }

    public static TheoryData<SslProtocols, string?, TlsFault> Strangers
    {
        get
        {
            var data = new TheoryData<SslProtocols, string?, TlsFault>();
            foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
            {
                data.Add(version, null, TlsFault.UnrecognizedServerName);
                data.Add(version, "sub.a.example", TlsFault.UnrecognizedServerName);
                data.Add(version, "bücher.example", TlsFault.ServerNameInvalid);
                data.Add(version, "*.example", TlsFault.ServerNameInvalid);
                data.Add(version, "a.example..", TlsFault.ServerNameInvalid);
                data.Add(version, "a.example\0.b.example", TlsFault.ServerNameInvalid);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Spellings))]
    public void A15_EverySpellingInOneByteRecordsIsLetInAsItsHostDemands(SslProtocols version, string host, string spelling)
    {
        (TlsClientContext client, TlsServerContext server) = StrictHosts(version, host);
        client.Settings.MessageRewriter = message => WithServerName(message, spelling);
        foreach (bool inPieces in (bool[])[true, false])
        {
            using EnginePair pair = Handshake(client, server, host, inPieces);
            Assert.Equal(host, pair.Server.Info.ServerName);
            Assert.Equal(TestPki.ClientEcdsa().Certificate.Thumbprint, pair.Server.Info.RemoteCertificate?.Thumbprint);
            Assert.True(pair.Server.Info.IsMutuallyAuthenticated);
        }
        // Under the same spelling, without what the host demands.
        (TlsClientContext nobody, _) = HandshakeTests.Contexts(o => (o.EnabledSslProtocols, o.AllowTlsResume) = (version, false));
        nobody.Settings.MessageRewriter = client.Settings.MessageRewriter;
        Assert.Equal(TlsFault.CertificateMissing, Assert.ThrowsAny<TlsException>(() => Handshake(nobody, server, host, inPieces: true)).Fault);
    }

    [Theory]
    [MemberData(nameof(Strangers))]
    public void A15_NoOtherNameReachesTheWeakHost(SslProtocols version, string? name, TlsFault fault)
    {
        (TlsClientContext client, TlsServerContext server) = StrictHosts(version, A);
        client.Settings.MessageRewriter = message => WithServerName(message, name);
        foreach (bool inPieces in (bool[])[true, false])
        {
            TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => Handshake(client, server, A, inPieces));
            Assert.Equal(fault, thrown.Fault);
            Assert.Equal(fault == TlsFault.UnrecognizedServerName ? TlsAlert.UnrecognizedName : TlsAlert.IllegalParameter, thrown.Alert);
        }
        // The weak host is there, for who names it.
        client.Settings.MessageRewriter = message => WithServerName(message, B);
        using EnginePair weak = Handshake(client, server, B, inPieces: true);
        Assert.Null(weak.Server.Info.RemoteCertificate);
    }

    private static (TlsClientContext Client, TlsServerContext Server) StrictHosts(SslProtocols version, string strictName)
    {
        TlsServerContext strict = HandshakeTests.Contexts(null, o =>
        {
            VirtualHosts.Require(o, TestPki.Root);
            o.ServerCertificates = [TestPki.Ecdsa(strictName).Tls];
        }).Server;
        TlsServerContext weak = HandshakeTests.Contexts(null, o => o.ServerCertificates = [TestPki.Ecdsa(B).Tls]).Server;
        return HandshakeTests.Contexts(
            // A hello that is rewritten has no binder that fits.
            o => (o.EnabledSslProtocols, o.ClientCertificate, o.AllowTlsResume) = (version, TestPki.ClientEcdsa().Tls, false),
            o => o.ContextSelector = (hello, _) => ValueTask.FromResult(hello.ServerName == strictName ? strict : hello.ServerName == B ? weak : null));
    }

    private static EnginePair Handshake(TlsClientContext client, TlsServerContext server, string host, bool inPieces)
    {
        bool first = true;
        var pair = new EnginePair(client, server, host)
        {
            Wire = (toServer, bytes) =>
            {
                if (!toServer || !first || !inPieces || bytes.Length == 0)
                {
                    return bytes;
                }
                first = false;
                Assert.Equal((byte)ContentType.Handshake, bytes[0]);
                return [.. bytes[RecordHeader.Size..].SelectMany(piece => new byte[] { (byte)ContentType.Handshake, 3, 1, 0, 1, piece })];
            },
        };
        try
        {
            pair.Handshake();
            return pair;
        }
        catch
        {
            pair.Dispose();
            throw;
        }
    }

    /// <summary>A ClientHello with another server_name, or without.</summary>
    private static byte[] WithServerName(byte[] message, string? name)
    {
        if (message[0] != (byte)HandshakeType.ClientHello)
        {
            return message;
        }
        // Header, version, random; session ID; suites; compression methods.
        int at = 4 + 2 + 32;
        at += 1 + message[at];
        at += 2 + BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at));
        at += 1 + message[at];
        byte[] start = message[..at];
        List<byte> extensions = [];
        for (at += 2; at < message.Length;)
        {
            int length = 4 + BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at + 2));
            if (BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at)) != (ushort)ExtensionType.ServerName)
            {
                extensions.AddRange(message[at..(at + length)]);
            }
            at += length;
        }
        if (name is not null)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            extensions.AddRange([0, 0, 0, (byte)(bytes.Length + 5), 0, (byte)(bytes.Length + 3), 0, 0, (byte)bytes.Length, .. bytes]);
        }
        byte[] hello = [.. start, (byte)(extensions.Count >> 8), (byte)(extensions.Count & 0xff), .. extensions];
        int body = hello.Length - 4;
        (hello[1], hello[2], hello[3]) = ((byte)(body >> 16), (byte)((body >> 8) & 0xff), (byte)(body & 0xff));
        return hello;
    }
}
