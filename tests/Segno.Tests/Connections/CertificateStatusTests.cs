using Segno.Buffers;
using Segno.Certificates;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;

namespace Segno.Tests.Connections;

/// <summary>status_request and CertificateStatus on the wire (RFC 6066 §8).</summary>
public sealed class CertificateStatusTests
{
    [Fact]
    public void AMessageIsReadAsItWasWritten()
    {
        using var buffer = new FlightBuffer();
        CertificateStatus.WriteBody(new TlsWriter(buffer), [7, 8]);
        byte[] message = [22, 0, 0, 6, .. buffer.Span];
        Assert.Equal("16000006010000020708", Convert.ToHexStringLower(message));
        Assert.Equal([7, 8], CertificateStatus.Read(new HandshakeMessage(message)).ToArray());
    }

    [Theory]
    [InlineData("", TlsFault.MessageMalformed)]
    [InlineData("01", TlsFault.MessageMalformed)]
    [InlineData("01000000", TlsFault.MessageMalformed)]
    [InlineData("0100000207", TlsFault.MessageMalformed)]
    [InlineData("010000010708", TlsFault.MessageMalformed)]
    [InlineData("0200000107", TlsFault.MessageMalformed)]
    public void AMalformedMessageIsRefused(string body, TlsFault fault) => Assert.Equal(fault, ReadFault(Convert.FromHexString(body)));

    [Fact]
    public void ItsLengthHasALimit()
    {
        byte[] body = new byte[4 + OcspResponse.MaxLength];
        (body[0], body[2]) = (1, OcspResponse.MaxLength >> 8);
        Assert.Equal(OcspResponse.MaxLength, CertificateStatus.Read(new HandshakeMessage([22, 0, 0x40, 4, .. body])).Length);
        body[3] = 1;
        Assert.Equal(TlsFault.CertificateStatusMalformed, ReadFault([.. body, 0]));
    }

    [Theory]
    [InlineData("0100000000", true)]
    [InlineData("0100020102000103", true)]
    [InlineData("02", false)]
    [InlineData("0212345678", false)]
    public void OnlyOcspIsARequest(string body, bool requested) => Assert.Equal(requested, CertificateStatus.IsRequested(Extensions(body)));

    [Fact]
    public void WithoutTheExtensionThereIsNoRequest() => Assert.False(CertificateStatus.IsRequested(ExtensionBlock.Empty));

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("010000")]
    [InlineData("01000000")]
    [InlineData("010000000000")]
    [InlineData("0100010000")]
    public void AMalformedRequestIsRefused(string body) =>
        Assert.Equal(TlsFault.ExtensionMalformed, Assert.Throws<TlsException>(() => CertificateStatus.IsRequested(Extensions(body))).Fault);

    [Fact]
    public void ARequestIsReadAsItWasWritten()
    {
        using var buffer = new FlightBuffer();
        CertificateStatus.WriteRequest(new TlsWriter(buffer));
        Assert.True(CertificateStatus.IsRequested(Extensions(Convert.ToHexString(buffer.Span))));
    }

    private static TlsFault ReadFault(byte[] body) => Assert.Throws<TlsException>(
        () => CertificateStatus.Read(new HandshakeMessage([22, 0, (byte)(body.Length / 256), (byte)(body.Length % 256), .. body]))).Fault;

    private static ExtensionBlock Extensions(string body)
    {
        byte[] data = Convert.FromHexString(body);
        return ExtensionBlock.Read([0, 5, 0, (byte)data.Length, .. data], ExtensionPlace.ClientHello, offered: null);
    }
}
