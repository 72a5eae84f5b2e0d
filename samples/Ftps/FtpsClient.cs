using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Segno.Sessions;

namespace Segno.Samples.Ftps;

/// <summary>
/// Downloads by explicit FTPS (RFC 4217). A server knows that a data connection is its client's by the session: that of the
/// control connection is resumed on each.
/// </summary>
internal sealed class FtpsClient : IAsyncDisposable
{
    private static readonly TimeSpan SessionTimeout = TimeSpan.FromSeconds(5);

    private readonly string _host;
    private readonly Func<TlsClientOptions> _options;
    private readonly TcpClient _socket;
    private Stream _control;

    private FtpsClient(string host, TcpClient socket, Func<TlsClientOptions> options)
    {
        (_host, _socket, _options, _control) = (host, socket, options, socket.GetStream());
    }

    /// <summary>Whether data connections resume the control connection's session; without it, most servers refuse them.</summary>
    public bool ResumeOnDataConnections { get; init; } = true;

    /// <summary>Connects, starts TLS, logs in, and asks for protected data connections.</summary>
    /// <param name="host">The server.</param>
    /// <param name="port">Its port, most often 21.</param>
    /// <param name="options">Makes the options of one connection.</param>
    /// <param name="user">Who logs in.</param>
    /// <param name="password">Sent if the server asks for it.</param>
    /// <param name="resumeOnDataConnections">See <see cref="ResumeOnDataConnections"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<FtpsClient> ConnectAsync(
        string host,
        int port,
        Func<TlsClientOptions> options,
        string user,
        string password,
        bool resumeOnDataConnections = true,
        CancellationToken cancellationToken = default)
    {
        TcpClient socket = new();
        await socket.ConnectAsync(host, port, cancellationToken);
        FtpsClient client = new(host, socket, options) { ResumeOnDataConnections = resumeOnDataConnections };
        try
        {
            await client.StartAsync(user, password, cancellationToken);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>The content of a file.</summary>
    /// <exception cref="FtpsException">The server refused the command or the data connection.</exception>
    public async Task<byte[]> RetrieveAsync(string path, CancellationToken cancellationToken = default)
    {
        string passive = await SendAsync("EPSV", "229", cancellationToken);
        using TcpClient socket = new();
        await socket.ConnectAsync(_host, int.Parse(passive.Split('|')[3], CultureInfo.InvariantCulture), cancellationToken);
        await WriteAsync($"RETR {path}", cancellationToken);
        using MemoryStream content = new();
        try
        {
            // Some servers reply 150 before the handshake, some after it.
            await using TlsStream data = new(socket.GetStream());
            await data.AuthenticateAsClientAsync(DataOptions(), cancellationToken);
            await data.CopyToAsync(content, cancellationToken);
        }
        catch (IOException exception)
        {
            throw new FtpsException(await CompletionAsync(cancellationToken), exception);
        }
        string reply = await CompletionAsync(cancellationToken);
        return reply.StartsWith("226", StringComparison.Ordinal) ? content.ToArray() : throw new FtpsException(reply);
    }

    public async ValueTask DisposeAsync()
    {
        await _control.DisposeAsync();
        _socket.Dispose();
    }

    private async Task StartAsync(string user, string password, CancellationToken cancellationToken)
    {
        Expect(await ReadReplyAsync(cancellationToken), "220");
        await SendAsync("AUTH TLS", "234", cancellationToken);
        TlsStream control = new(_control);
        _control = control;
        await control.AuthenticateAsClientAsync(_options(), cancellationToken);
        await WriteAsync($"USER {user}", cancellationToken);
        string reply = await ReadReplyAsync(cancellationToken);
        if (reply.StartsWith("331", StringComparison.Ordinal))
        {
            await WriteAsync($"PASS {password}", cancellationToken);
            reply = await ReadReplyAsync(cancellationToken);
        }
        Expect(reply, "230");
        await SendAsync("PBSZ 0", "200", cancellationToken);
        await SendAsync("PROT P", "200", cancellationToken);
        await SendAsync("TYPE I", "200", cancellationToken);
        // Tickets of TLS 1.3 came with the first reply; a server that gives none is told from one that is late.
        if (ResumeOnDataConnections
            && await control.WaitForSessionAsync(SessionTimeout, cancellationToken) is var wait and not SessionWait.Received)
        {
            throw new FtpsException($"no session: {wait}");
        }
    }

    private TlsClientOptions DataOptions()
    {
        TlsClientOptions options = _options();
        if (ResumeOnDataConnections)
        {
            // The same session each time: that is what the server asks for.
            (options.Resume, options.AllowTicketReuse, options.RequireResumption) = (((TlsStream)_control).Session, true, true);
        }
        return options;
    }

    /// <summary>The reply that ends a command, behind those that only announce something.</summary>
    private async Task<string> CompletionAsync(CancellationToken cancellationToken)
    {
        string reply;
        do
        {
            reply = await ReadReplyAsync(cancellationToken);
        }
        while (reply.StartsWith('1'));
        return reply;
    }

    private async Task<string> SendAsync(string command, string expected, CancellationToken cancellationToken)
    {
        await WriteAsync(command, cancellationToken);
        string reply = await ReadReplyAsync(cancellationToken);
        Expect(reply, expected);
        return reply;
    }

    private async Task WriteAsync(string command, CancellationToken cancellationToken)
    {
        if (command.AsSpan().ContainsAny('\r', '\n'))
        {
            throw new ArgumentException("a command is one line", nameof(command));
        }
        await _control.WriteAsync(Encoding.UTF8.GetBytes(command + "\r\n"), cancellationToken);
    }

    /// <summary>The last line of a reply (RFC 959 §4.2): the first that has a space behind its code.</summary>
    private async Task<string> ReadReplyAsync(CancellationToken cancellationToken)
    {
        string line;
        do
        {
            line = await ReadLineAsync(cancellationToken);
        }
        while (line.Length < 4 || !char.IsAsciiDigit(line[0]) || line[3] != ' ');
        return line;
    }

    /// <summary>Byte by byte: what stands behind the line may be TLS.</summary>
    private async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        const int MaxLength = 4096;
        StringBuilder line = new();
        byte[] one = new byte[1];
        while (true)
        {
            await _control.ReadExactlyAsync(one, cancellationToken);
            if (one[0] == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }
            if (line.Append((char)one[0]).Length > MaxLength)
            {
                throw new FtpsException("a reply without end");
            }
        }
    }

    private static void Expect(string reply, string code)
    {
        if (!reply.StartsWith(code, StringComparison.Ordinal))
        {
            throw new FtpsException(reply);
        }
    }
}
