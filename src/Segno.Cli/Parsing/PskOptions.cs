using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Segno.Sessions;

namespace Segno.Cli.Parsing;

/// <summary>The options that name an external PSK, alike for both ends.</summary>
internal sealed class PskOptions
{
    private readonly Option<string?> _identity = new("--psk-identity") { HelpName = "TEXT" };

    private readonly Option<string?> _file = new("--psk-file")
    {
        Description = "The secret of the external PSK: the first line of a file, in hexadecimal, 16 bytes or more.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _secret = new("--psk") { Description = "The same, where everybody on this machine can read it.", HelpName = "HEX" };

    private readonly Option<bool> _import = new("--psk-import") { Description = "The external PSK is imported (RFC 9258), as the other end must do, too." };

    /// <param name="identity">What the PSK does at this end.</param>
    public PskOptions(string identity) => _identity.Description = identity;

    public IEnumerable<Option> All => [_identity, _file, _secret, _import];

    public PskSettings? Read(ParseResult parsed)
    {
        (string? identity, string? path, string? secret) = (parsed.GetValue(_identity), parsed.GetValue(_file), parsed.GetValue(_secret));
        if (path is not null && secret is not null)
        {
            throw CliException.Usage("--psk and --psk-file exclude each other.");
        }
        if (identity is not null)
        {
            return (path ?? secret) is not null
                ? new PskSettings(identity, path, secret, parsed.GetValue(_import))
                : throw CliException.Usage("--psk-identity needs --psk-file.");
        }
        string? alone = path is not null ? "--psk-file" : secret is not null ? "--psk" : parsed.GetValue(_import) ? "--psk-import" : null;
        return alone is null ? null : throw CliException.Usage($"{alone} needs --psk-identity.");
    }
}

/// <summary>An external PSK as it was named.</summary>
internal sealed record PskSettings(string Identity, string? Path, string? Secret, bool Import)
{
    /// <exception cref="CliException">There is no such file, or it holds no secret.</exception>
    public TlsExternalPsk Load(CliEnvironment environment)
    {
        if (Path is null)
        {
            environment.Warn("--psk shows the secret to everybody on this machine; use --psk-file.");
        }
        string source = Path ?? "--psk";
        byte[] secret = [];
        try
        {
            secret = Convert.FromHexString((Path is null ? Secret! : Files.ReadFirstLine(Path)).Trim());
            byte[] identity = Encoding.UTF8.GetBytes(Identity);
            return Import ? TlsExternalPsk.Import(identity, secret) : new TlsExternalPsk(identity, secret);
        }
        catch (FormatException)
        {
            // What it says instead may be a secret, so it is not repeated.
            throw CliException.Usage($"{source}: the secret is not in hexadecimal.");
        }
        catch (ArgumentException exception)
        {
            throw CliException.Usage($"{source}: {exception.Message}", exception);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}
