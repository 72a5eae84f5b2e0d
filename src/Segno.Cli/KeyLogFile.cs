using System.Text;

namespace Segno.Cli;

/// <summary>The NSS key log (RFC 9850): a file to which every connection adds its secrets, so that Wireshark can read along.</summary>
internal sealed class KeyLogFile : IDisposable
{
    public const string Variable = "SSLKEYLOGFILE";

    private readonly Lock _gate = new();
    private readonly FileStream _file;

    private KeyLogFile(FileStream file)
    {
        _file = file;
    }

    /// <summary>Opens the file that the option names, or else the environment; says so loudly, because whoever has the file can read the traffic.</summary>
    public static KeyLogFile? Open(string? option, CliEnvironment environment)
    {
        string? path = option ?? environment.Variable(Variable);
        if (string.IsNullOrEmpty(path))
        {
            return null;
        }
        try
        {
            var file = new KeyLogFile(new FileStream(path, Files.PrivateFile(FileMode.OpenOrCreate)));
            environment.Warn($"the secrets of every connection are written to {path}{(option is null ? $" ({Variable})" : "")}: whoever reads it reads the traffic.");
            return file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"{path}: cannot be written: {exception.Message}", exception);
        }
    }

    public void WriteLine(string line)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(line + "\n");
        lock (_gate)
        {
            // Each line at the end: another process may write there as well.
            _file.Seek(0, SeekOrigin.End);
            _file.Write(bytes);
            _file.Flush();
        }
    }

    public void Dispose() => _file.Dispose();
}
