using System.Text;
using StackExchange.Redis;

namespace Segno.Redis;

/// <summary>What keys in Redis begin with, and what is said where there is none.</summary>
internal static class RedisNames
{
    private const int MaxLength = 256;

    public static string Check(string prefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        return Encoding.UTF8.GetByteCount(prefix) <= MaxLength
            ? prefix
            : throw new ArgumentException($"A prefix has at most {MaxLength} bytes.", nameof(prefix));
    }

    /// <summary>Said at once: a handshake does not wait for a connection.</summary>
    public static RedisException NoConnection()
        => new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "There is no connection to Redis.");
}
