using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>FTPS (RFC 4217) as vsftpd wants it: each data connection resumes the session of the control connection, or is refused.</summary>
public sealed class FtpsTests
{
    /// <summary>nobody: vsftpd runs as whoever starts it, and that is not to be root.</summary>
    private const string User = "65534";

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Vsftpd_that_requires_reuse_takes_our_data_connections(SslProtocols version)
    {
        using Scratch scratch = Make.Scratch();
        (PeerProcess server, int port, byte[] content) = await StartVsftpdAsync(scratch);
        await using (server)
        {
            using NetworkStream socket = await Loopback.ConnectAsync(port, Token);
            await using TlsStream control = await LogInAsync(socket, version);
            Assert.Equal(SessionWait.Received, await control.WaitForSessionAsync(Wait, Token));
            // The same session again and again: that is what the server asks for.
            for (int i = 0; i < 3; i++)
            {
                TlsClientOptions options = Make.Client(version);
                (options.Resume, options.AllowTicketReuse, options.RequireResumption) = (control.Session, true, true);
                Assert.Equal(content, await RetrieveAsync(control, options, content.Length));
                Assert.StartsWith("226 ", await ReadLineAsync(control));
            }
        }
    }

    /// <summary>What the test above would not notice: that the server takes anything.</summary>
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Vsftpd_that_requires_reuse_refuses_a_full_handshake(SslProtocols version)
    {
        using Scratch scratch = Make.Scratch();
        (PeerProcess server, int port, byte[] content) = await StartVsftpdAsync(scratch);
        await using (server)
        {
            using NetworkStream socket = await Loopback.ConnectAsync(port, Token);
            await using TlsStream control = await LogInAsync(socket, version);
            await Assert.ThrowsAnyAsync<IOException>(() => RetrieveAsync(control, Make.Client(version), content.Length));
            Assert.StartsWith("522 ", await ReadLineAsync(control));
        }
    }

    private static async Task<TlsStream> LogInAsync(NetworkStream socket, SslProtocols version)
    {
        Assert.StartsWith("220 ", await ReadLineAsync(socket));
        await SendAsync(socket, "AUTH TLS", "234 ");
        var control = new TlsStream(socket, leaveInnerStreamOpen: true);
        await control.AuthenticateAsClientAsync(Make.Client(version), Token);
        await SendAsync(control, "USER anonymous", "230 ");
        await SendAsync(control, "PBSZ 0", "200 ");
        await SendAsync(control, "PROT P", "200 ");
        await SendAsync(control, "TYPE I", "200 ");
        return control;
    }

    private static async Task<byte[]> RetrieveAsync(TlsStream control, TlsClientOptions options, int length)
    {
        string passive = await SendAsync(control, "EPSV", "229 ");
        using NetworkStream socket = await Loopback.ConnectAsync(int.Parse(passive.Split('|')[3], CultureInfo.InvariantCulture), Token);
        await SendAsync(control, "RETR file", "150 ");
        await using var data = new TlsStream(socket, leaveInnerStreamOpen: true);
        await data.AuthenticateAsClientAsync(options, Token);
        byte[] content = new byte[length];
        await data.ReadExactlyAsync(content, Token);
        return content;
    }

    private static async Task<string> SendAsync(Stream control, string command, string expected)
    {
        await control.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"), Token);
        string line = await ReadLineAsync(control);
        Assert.StartsWith(expected, line);
        return line;
    }

    /// <summary>Byte by byte: what stands behind the line may be TLS.</summary>
    private static async Task<string> ReadLineAsync(Stream stream)
    {
        StringBuilder line = new();
        byte[] one = new byte[1];
        while (one[0] != '\n')
        {
            await stream.ReadExactlyAsync(one, Token);
            line.Append((char)one[0]);
        }
        return line.ToString();
    }

    private static async Task<(PeerProcess Server, int Port, byte[] Content)> StartVsftpdAsync(Scratch scratch)
    {
        string vsftpd = Peer.Find("vsftpd");
        (string chain, string key) = scratch.Pem(TestPki.Ecdsa());
        string root = Directory.CreateDirectory(scratch.File("files")).FullName;
        byte[] content = RandomNumberGenerator.GetBytes(100_000);
        await File.WriteAllBytesAsync(Path.Combine(root, "file"), content, Token);
        int port = Loopback.FreePort();
        string configuration = scratch.File("vsftpd.conf");
        await File.WriteAllTextAsync(
            configuration,
            string.Create(CultureInfo.InvariantCulture, $"""
                listen=YES
                listen_address=127.0.0.1
                listen_port={port}
                background=NO
                run_as_launching_user=YES
                seccomp_sandbox=NO
                anonymous_enable=YES
                local_enable=NO
                no_anon_password=YES
                ftp_username=nobody
                anon_root={root}
                secure_chroot_dir={Directory.CreateDirectory(scratch.File("empty")).FullName}
                ssl_enable=YES
                allow_anon_ssl=YES
                force_anon_data_ssl=YES
                force_anon_logins_ssl=YES
                require_ssl_reuse=YES
                ssl_ciphers=HIGH
                rsa_cert_file={chain}
                rsa_private_key_file={key}

                """),
            Token);
        string[] command = [vsftpd, configuration];
        if (Environment.IsPrivilegedProcess)
        {
            await using PeerProcess owner = PeerProcess.Start("chown", ["-R", $"{User}:{User}", scratch.Path]);
            Assert.Equal(0, await owner.ExitAsync(Token));
            command = [Peer.Find("setpriv"), $"--reuid={User}", $"--regid={User}", "--clear-groups", .. command];
        }
        PeerProcess server = PeerProcess.Start(command[0], command[1..]);
        await Loopback.WaitUntilListeningAsync(port, server, Token);
        return (server, port, content);
    }
}
