using System.Security.Cryptography;
using Segno.Buffers;

namespace Segno.Sessions.Tickets;

/// <summary>Reads the files of one set of keys, and again when they have changed. Not thread-safe.</summary>
internal sealed class TicketKeyFileReader(IReadOnlyList<string> paths)
{
    private byte[] _digest = [];

    public TicketKeyFile Read()
    {
        _digest = [];
        return ReadIfChanged()!;
    }

    /// <summary>The keys; <see langword="null"/> where the files are what they were at the last call, be it good or not.</summary>
    public TicketKeyFile? ReadIfChanged()
    {
        var contents = new List<byte[]>(paths.Count);
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (string path in paths)
            {
                contents.Add(ReadFile(path));
                hash.AppendData(contents[^1]);
            }
            byte[] digest = hash.GetHashAndReset();
            if (PublicData.Equal(digest, _digest))
            {
                return null;
            }
            _digest = digest;
            return TicketKeyFile.Parse(contents);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // When they can be read again, they are looked at again.
            _digest = [];
            throw;
        }
        finally
        {
            contents.ForEach(content => CryptographicOperations.ZeroMemory(content));
        }
    }

    private static byte[] ReadFile(string path)
    {
        using var file = new FileStream(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
        if (file.Length > TicketKeyFile.MaxLength)
        {
            throw new TicketKeyException(TicketKeyProblem.Malformed, $"{path} is longer than {TicketKeyFile.MaxLength} bytes: that is no file of ticket keys.");
        }
        byte[] content = new byte[file.Length];
        file.ReadExactly(content);
        return content;
    }
}
