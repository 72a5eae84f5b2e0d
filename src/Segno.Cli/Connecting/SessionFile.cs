using System.Security.Cryptography;
using Segno.Sessions;

namespace Segno.Cli.Connecting;

/// <summary>A session in a file: its secret is in it, so only the owner may read it.</summary>
internal static class SessionFile
{
    public static TlsSession Read(string path)
    {
        byte[] content = Files.Read(path);
        try
        {
            return TlsSession.Import(content);
        }
        catch (FormatException exception)
        {
            throw CliException.Usage($"{path}: {exception.Message}", exception);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    public static void Write(string path, TlsSession session)
    {
        byte[] content = session.Export();
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
