using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Samples.Ftps;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>FTPS (RFC 4217) as vsftpd and ProFTPD want it: each data connection resumes the session of the control connection, or is refused.</summary>
public sealed class FtpsTests
{
    /// <summary>nobody: the servers run as whoever starts them, and that is not to be root.</summary>
    private const string User = "65534";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public enum FtpServer
    {
        Vsftpd,
        ProFtpd,
    }

    public static TheoryData<FtpServer, SslProtocols> Cells => new MatrixTheoryData<FtpServer, SslProtocols>(
        Enum.GetValues<FtpServer>(), [SslProtocols.Tls12, SslProtocols.Tls13]);

    [Theory]
    [MemberData(nameof(Cells))]
    public async Task A_server_that_requires_reuse_takes_our_data_connections(FtpServer peer, SslProtocols version)
    {
        using Scratch scratch = Make.Scratch();
        (PeerProcess server, int port, byte[] content) = await StartAsync(peer, scratch);
        await using (server)
        {
            await using FtpsClient client = await ConnectAsync(port, version, resume: true);
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal(content, await client.RetrieveAsync("file", Token));
            }
        }
    }

    /// <summary>What the test above would not notice: that the server takes anything.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public async Task A_server_that_requires_reuse_refuses_a_full_handshake(FtpServer peer, SslProtocols version)
    {
        using Scratch scratch = Make.Scratch();
        (PeerProcess server, int port, _) = await StartAsync(peer, scratch);
        await using (server)
        {
            await using FtpsClient client = await ConnectAsync(port, version, resume: false);
            FtpsException refusal = await Assert.ThrowsAsync<FtpsException>(() => client.RetrieveAsync("file", Token));
            Assert.StartsWith(peer == FtpServer.Vsftpd ? "522 " : "425 ", refusal.Message);
        }
    }

    private static Task<FtpsClient> ConnectAsync(int port, SslProtocols version, bool resume)
        => FtpsClient.ConnectAsync("127.0.0.1", port, () => Make.Client(version), "anonymous", "none", resume, Token);

    private static Task<(PeerProcess Server, int Port, byte[] Content)> StartAsync(FtpServer peer, Scratch scratch)
        => peer == FtpServer.Vsftpd ? StartVsftpdAsync(scratch) : StartProFtpdAsync(scratch);

    private static async Task<(PeerProcess Server, int Port, byte[] Content)> StartVsftpdAsync(Scratch scratch)
    {
        string vsftpd = Peer.Find("vsftpd");
        (string chain, string key) = scratch.Pem(TestPki.Ecdsa());
        (string root, byte[] content) = await MakeFileAsync(scratch);
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
        return (await StartAsync(scratch, port, vsftpd, configuration), port, content);
    }

    /// <summary>ProFTPD, whose mod_tls demands reuse unless told otherwise. Debian's package excludes vsftpd's: .ci/run unpacks it.</summary>
    private static async Task<(PeerProcess Server, int Port, byte[] Content)> StartProFtpdAsync(Scratch scratch)
    {
        string package = Path.Combine(Peer.Repository, "artifacts", "peers", "proftpd", "usr");
        string unpacked = Peer.Find(Path.Combine(package, "sbin", "proftpd"));
        // Whom it runs as may not enter the repository.
        string proftpd = scratch.File("proftpd");
        File.Copy(unpacked, proftpd);
        string modules = Directory.CreateDirectory(scratch.File("modules")).FullName;
        File.Copy(Path.Combine(package, "lib", "proftpd", "mod_tls.so"), Path.Combine(modules, "mod_tls.so"));
        (string chain, string key) = scratch.Pem(TestPki.Ecdsa());
        (string root, byte[] content) = await MakeFileAsync(scratch);
        // mod_tls takes the leaf alone from its certificate file.
        string issuers = scratch.File("issuers.pem");
        await File.WriteAllTextAsync(issuers, (await File.ReadAllTextAsync(chain, Token)).Split("-----END CERTIFICATE-----\n", 2)[1], Token);
        // The user's password is "none".
        string users = scratch.File("users");
        await File.WriteAllTextAsync(users, $"anonymous:$1$segno$4QzSSJDxak82NTRMj6IBn0:{User}:{User}::{root}:/bin/false\n", Token);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(users, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        int port = Loopback.FreePort();
        string configuration = scratch.File("proftpd.conf");
        await File.WriteAllTextAsync(
            configuration,
            string.Create(CultureInfo.InvariantCulture, $"""
                ModulePath {modules}
                LoadModule mod_tls.c
                ServerType standalone
                DefaultAddress 127.0.0.1
                SocketBindTight on
                Port {port}
                UseIPv6 off
                UseReverseDNS off
                User nobody
                Group nogroup
                PidFile {scratch.File("pid")}
                ScoreboardFile {scratch.File("scoreboard")}
                ControlsEngine off
                DelayEngine off
                WtmpLog off
                TransferLog none
                SystemLog {scratch.File("log")}
                AuthOrder mod_auth_file.c
                AuthUserFile {users}
                RequireValidShell off
                TLSEngine on
                TLSRequired on
                TLSProtocol TLSv1.2 TLSv1.3
                TLSECCertificateFile {chain}
                TLSECCertificateKeyFile {key}
                TLSCertificateChainFile {issuers}

                """),
            Token);
        return (await StartAsync(scratch, port, proftpd, "-n", "-c", configuration), port, content);
    }

    private static async Task<(string Root, byte[] Content)> MakeFileAsync(Scratch scratch)
    {
        string root = Directory.CreateDirectory(scratch.File("files")).FullName;
        byte[] content = RandomNumberGenerator.GetBytes(100_000);
        await File.WriteAllBytesAsync(Path.Combine(root, "file"), content, Token);
        return (root, content);
    }

    private static async Task<PeerProcess> StartAsync(Scratch scratch, int port, params string[] command)
    {
        if (Environment.IsPrivilegedProcess)
        {
            await using PeerProcess owner = PeerProcess.Start("chown", ["-R", $"{User}:{User}", scratch.Path]);
            Assert.Equal(0, await owner.ExitAsync(Token));
            command = [Peer.Find("setpriv"), $"--reuid={User}", $"--regid={User}", "--clear-groups", .. command];
        }
        PeerProcess server = PeerProcess.Start(command[0], command[1..]);
        await Loopback.WaitUntilListeningAsync(port, server, Token);
        return server;
    }
}
