using System.Net;
using Segno.Cli.Parsing;

namespace Segno.Cli.Tests;

public sealed class EndpointsTests
{
    [Theory]
    [InlineData("127.0.0.1:8443", "127.0.0.1:8443")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("[::1]:8443", "[::1]:8443")]
    [InlineData("localhost:1", "127.0.0.1:1")]
    [InlineData("0.0.0.0:65535", "0.0.0.0:65535")]
    [InlineData("*:443", "[::]:443")]
    public void Reads_where_to_listen(string text, string expected)
    {
        Assert.True(Endpoints.TryParseListen(text, out IPEndPoint? endPoint));
        Assert.Equal(expected, endPoint.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("8443")]
    [InlineData(":8443")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("127.0.0.1: 80")]
    [InlineData("127.0.0.256:80")]
    [InlineData("127.1:80")]
    [InlineData("1:80")]
    [InlineData("::1:80")]
    [InlineData("[::1]")]
    [InlineData("[127.0.0.1]:80")]
    [InlineData("[]:80")]
    [InlineData("example.com:80")]
    public void Refuses_where_nobody_can_listen(string text) => Assert.False(Endpoints.TryParseListen(text, out _));

    [Theory]
    [InlineData("example.com", "example.com", 443)]
    [InlineData("example.com:8443", "example.com", 8443)]
    [InlineData("example.com.", "example.com.", 443)]
    [InlineData("127.0.0.1", "127.0.0.1", 443)]
    [InlineData("127.0.0.1:1", "127.0.0.1", 1)]
    [InlineData("[::1]", "::1", 443)]
    [InlineData("[::1]:8443", "::1", 8443)]
    [InlineData("::1", "::1", 443)]
    [InlineData("fe80::1:2", "fe80::1:2", 443)]
    [InlineData("https://127.0.0.1:8443", "127.0.0.1", 8443)]
    [InlineData("https://example.com/", "example.com", 443)]
    [InlineData("a_b.example", "a_b.example", 443)]
    public void Reads_whom_to_connect_to(string text, string host, int port)
    {
        Assert.True(Endpoints.TryParseTarget(text, out HostAndPort? target));
        Assert.Equal(new HostAndPort(host, port), target);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":443")]
    [InlineData("example.com:")]
    [InlineData("example.com:0")]
    [InlineData("example.com:65536")]
    [InlineData("example.com:https")]
    [InlineData("http://example.com")]
    [InlineData("https://example.com/path")]
    [InlineData("exa mple.com")]
    [InlineData("[::1")]
    [InlineData("[::1]8443")]
    [InlineData("[example.com]:443")]
    [InlineData("::g")]
    public void Refuses_whom_nobody_can_reach(string text) => Assert.False(Endpoints.TryParseTarget(text, out _));

    [Theory]
    [InlineData("0.0.0.0", "https://127.0.0.1:8443")]
    [InlineData("::", "https://127.0.0.1:8443")]
    [InlineData("::1", "https://[::1]:8443")]
    [InlineData("192.0.2.1", "https://192.0.2.1:8443")]
    public void The_address_printed_can_be_reached(string address, string url)
        => Assert.Equal(url, Endpoints.Url(new IPEndPoint(IPAddress.Parse(address), 8443)));
}
