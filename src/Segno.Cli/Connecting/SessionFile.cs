using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Text;
using Segno.Sessions;

namespace Segno.Cli.Connecting;

/// <summary>What a file with a session is.</summary>
internal enum SessionFileFormat
{
    /// <summary>As <c>connect --sess-out</c> writes it, with its secret in the clear.</summary>
    Bare,
    Protected,
    Pem,
    Der,
}

/// <summary>A session in a file: its secret is in it, so only the owner may read it.</summary>
internal static class SessionFile
{
    private static readonly Asn1Tag HostNameTag = new(TagClass.ContextSpecific, 6, isConstructed: true);

    /// <summary>Reads a session in Segno's own formats, for the client to offer.</summary>
    public static TlsSession Read(string path, SessionProtection protection)
    {
        byte[] content = Files.Read(path);
        try
        {
            return FormatOf(content) switch
            {
                SessionFileFormat.Protected => Refusals(path, () => protection.Open(content, path)),
                SessionFileFormat.Bare => Refusals(path, () => TlsSession.Import(content)),
                _ => throw CliException.Usage($"{path} is a session of OpenSSL's, which does not say how the server was verified: 'segno session convert' asks, and makes one of Segno's of it."),
            };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    public static SessionFileFormat FormatOf(ReadOnlySpan<byte> content) => content switch
    {
        [(byte)'S', (byte)'g', (byte)'n', (byte)'S', ..] => SessionFileFormat.Protected,
        [0x30, ..] => SessionFileFormat.Der,
        _ => content.IndexOf("-----BEGIN SSL SESSION"u8) >= 0 ? SessionFileFormat.Pem : SessionFileFormat.Bare,
    };

    /// <summary>The server name that a session of OpenSSL's was made with; <see langword="null"/> where it says none, or is no session.</summary>
    public static string? OpenSslServerName(ReadOnlyMemory<byte> content)
    {
        byte[]? decoded = null;
        try
        {
            if (FormatOf(content.Span) == SessionFileFormat.Pem)
            {
                string pem = Encoding.ASCII.GetString(content.Span);
                content = decoded = Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]);
            }
            AsnReader fields = new AsnReader(content, AsnEncodingRules.BER).ReadSequence();
            while (fields.HasData)
            {
                if (fields.PeekTag() == HostNameTag)
                {
                    return Encoding.ASCII.GetString(fields.ReadSequence(HostNameTag).ReadOctetString());
                }
                fields.ReadEncodedValue();
            }
            return null;
        }
        catch (Exception exception) when (exception is AsnContentException or ArgumentException or FormatException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(decoded);
        }
    }

    /// <summary>Says with the file's name why its bytes are refused as a session.</summary>
    public static TlsSession Refusals(string path, Func<TlsSession> read)
    {
        try
        {
            return read();
        }
        catch (FormatException exception)
        {
            throw CliException.Usage($"{path}: {exception.Message}", exception);
        }
    }

    public static void Write(string path, TlsSession session) => Write(path, session.Export());

    /// <summary>Writes a session in a format that others than its owner must not read, and wipes what was written.</summary>
    public static void Write(string path, byte[] content)
    {
        try
        {
            Files.WritePrivate(path, content);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }
}

/// <summary>What a session in a file is encrypted with: a key or a passphrase, each in a file of its own.</summary>
/// <param name="KeyPath">32 random bytes, as they are or in Base64.</param>
/// <param name="PassphrasePath">The passphrase in its first line.</param>
/// <param name="Options">What the command line calls them, for who gave none.</param>
internal sealed record SessionProtection(string? KeyPath, string? PassphrasePath, string Options)
{
    public bool IsGiven => (KeyPath ?? PassphrasePath) is not null;

    public TlsSession Open(byte[] content, string path)
        => With(path, key => TlsSession.ImportProtected(content, key), passphrase => TlsSession.ImportProtected(content, passphrase));

    public byte[] Seal(TlsSession session, string path)
        => With(path, key => session.ExportProtected(key), passphrase => session.ExportProtected(passphrase));

    private T With<T>(string path, Func<byte[], T> byKey, Func<string, T> byPassphrase)
    {
        if (PassphrasePath is not null)
        {
            string passphrase = Files.ReadFirstLine(PassphrasePath);
            return Files.Load(PassphrasePath, () => byPassphrase(passphrase));
        }
        if (KeyPath is null)
        {
            throw CliException.Usage($"{path} is encrypted: {Options} says with what.");
        }
        byte[] key = Files.LoadKey(KeyPath);
        try
        {
            return Files.Load(KeyPath, () => byKey(key));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
