using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>What one process handed to the next.</summary>
/// <param name="Sessions">How many sessions.</param>
/// <param name="TicketKeys">How many ticket keys.</param>
/// <param name="IsComplete">Whether that is all of it: not where the file was damaged, or the store refused a session.</param>
public readonly record struct WarmRestartResult(int Sessions, int TicketKeys, bool IsComplete);

/// <summary>
/// Hands a server's sessions in memory and its random ticket keys to the process that comes after it, in an encrypted file that exists
/// from the end of the one to the start of the other.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     uint64 epoch;
///     opaque name[16];
///     opaque secret[32];
///     uint64 opens_for;               /* milliseconds from saved_at */
/// } HandedOverKey;
///
/// struct {
///     uint64 saved_at;                /* milliseconds since 1970 */
///     opaque index_key[32];           /* lookup key = HMAC(index key, …): see LookupKey */
///     HandedOverKey keys&lt;0..2^16-1&gt;;
/// } Beginning;                        /* the content of the first part */
///
/// struct {
///     opaque lookup_key[16];
///     uint64 expires_at;              /* milliseconds since 1970 */
///     uint64 source;
///     uint8  single_use;
///     uint8  uses;
///     opaque session&lt;0..2^24-1&gt;;   /* see SessionCodec */
/// } HandedOverSession;                /* of these are the others, some 64 KiB each; the last is empty */
///
/// struct { uint32 length; opaque sealed[length]; } Part;    /* sealed in place "segno state" ‖ uint32 number */
/// struct { opaque header[88]; Part parts[..]; } ServerState; /* the header of FileStoreKeys, of kind 3 */
/// </code>
/// <para>The next process seals sessions under fresh keys and its own ticket key; the keys that it takes over open tickets and seal none.</para>
/// </remarks>
public static class WarmRestart
{
    private const int PartLength = 64 * 1024;

    // A part is begun below its length, and then holds one more session.
    private const int MaxPartLength = PartLength + (64 * 1024);

    private static ReadOnlySpan<byte> Place => "segno state"u8;

    /// <summary>Writes what the next process shall have, in place of what is there. Call it when the server takes no more connections: what changes after it is lost.</summary>
    /// <param name="path">The file. It appears when all of it is on the disk, with mode 0600.</param>
    /// <param name="key">The key.</param>
    /// <param name="store">The sessions.</param>
    /// <param name="ticketKeys">The ticket keys. Those that come from elsewhere (files, a root, updates) are not written: the next process has them from there.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    /// <exception cref="ObjectDisposedException">The key or the store is disposed.</exception>
    public static WarmRestartResult Save(
        string path, FileStoreKey key, MemorySessionStore store, TicketKeyRing? ticketKeys = null, TimeProvider? timeProvider = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(store);
        string temporary = TemporaryNameFor(path);
        Span<byte> header = stackalloc byte[FileStoreKeys.HeaderLength];
        try
        {
            using FileStoreKeys keys = FileStoreKeys.Create(CryptoProvider.Default, FileStoreKind.ServerState, key, header);
            WarmRestartResult result;
            using (FileStream file = PrivateFiles.Create(temporary))
            {
                file.Write(header);
                using var parts = new PartWriter(file, keys);
                result = new WarmRestartResult(0, parts.Begin(store, ticketKeys, timeProvider ?? TimeProvider.System), IsComplete: true);
                foreach (HandedOverSession session in store.HandOver())
                {
                    result = parts.TryAdd(session) ? result with { Sessions = result.Sessions + 1 } : result with { IsComplete = false };
                }
                parts.End();
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
            return result;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Takes what the process before left, and removes it: of several that try, one gets it. Call it before a server uses the store.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">The key that it was written with.</param>
    /// <param name="store">Where the sessions go: a store without any yet.</param>
    /// <param name="ticketKeys">Where the ticket keys go, which then open tickets for as long as they would have, and seal none. A ring whose keys come from elsewhere takes none.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <returns>What was taken; <see langword="null"/>: nothing was left.</returns>
    /// <exception cref="FileStoreException">It is no such file, others may read it, or the key is another one. It stays.</exception>
    /// <exception cref="InvalidOperationException">The store has sessions already.</exception>
    /// <exception cref="IOException">It cannot be read or removed.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read or removed.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public static WarmRestartResult? Take(
        string path, FileStoreKey key, MemorySessionStore store, TicketKeyRing? ticketKeys = null, TimeProvider? timeProvider = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(store);
        if (store.Count > 0)
        {
            throw new InvalidOperationException("The store has sessions already: it takes others over before a server uses it.");
        }
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            PrivateFiles.RequirePrivate(path);
            using var file = new FileStream(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete });
            byte[] header = new byte[FileStoreKeys.HeaderLength];
            int read = file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
            using FileStoreKeys keys = FileStoreKeys.Open(CryptoProvider.Default, FileStoreKind.ServerState, key, header.AsSpan(0, read), path);
            // Renaming tells who was first; then nobody finds it any more.
            string taken = TemporaryNameFor(path);
            File.Move(path, taken);
            File.Delete(taken);
            return new PartReader(file, keys, store, ticketKeys, timeProvider ?? TimeProvider.System).Read();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static string TemporaryNameFor(string path)
    {
        Span<byte> random = stackalloc byte[8];
        CryptoProvider.Default.FillRandom(random);
        return $"{path}.{Convert.ToHexStringLower(random)}.tmp";
    }

    private static Span<byte> PlaceOf(uint number, Span<byte> place)
    {
        Place.CopyTo(place);
        BinaryPrimitives.WriteUInt32BigEndian(place[Place.Length..], number);
        return place[..(Place.Length + sizeof(uint))];
    }

    private sealed class PartWriter(FileStream file, FileStoreKeys keys) : IDisposable
    {
        private readonly FlightBuffer _buffer = new();
        private uint _number;

        /// <returns>How many ticket keys are in it.</returns>
        public int Begin(MemorySessionStore store, TicketKeyRing? ticketKeys, TimeProvider time)
        {
            int count = 0;
            Span<byte> secrets = stackalloc byte[2 * TicketKey.SecretLength];
            _buffer.Reserve(SaltedAead.RandomLength);
            var writer = new TlsWriter(_buffer);
            writer.UInt64((ulong)time.GetUtcNow().ToUnixTimeMilliseconds());
            store.CopyIndexKey(writer.Reserve(SaltedAead.SecretLength));
            TlsWriter.OpenVector all = writer.Open(2);
            foreach ((TicketKey key, TimeSpan opensFor) in ticketKeys?.HandOver() ?? [])
            {
                if (key.TryCopy(secrets[..TicketKey.SecretLength], secrets[TicketKey.SecretLength..]))
                {
                    writer.UInt64((ulong)key.Epoch);
                    key.WriteName(writer.Reserve(TicketKey.NameLength));
                    writer.Bytes(secrets[..TicketKey.SecretLength]);
                    writer.UInt64((ulong)Math.Max(0, opensFor.TotalMilliseconds));
                    count++;
                }
            }
            CryptographicOperations.ZeroMemory(secrets);
            writer.Close(all);
            Write();
            return count;
        }

        public bool TryAdd(in HandedOverSession handed)
        {
            int before = _buffer.Length;
            var writer = new TlsWriter(_buffer);
            writer.Bytes(handed.LookupKey);
            writer.UInt64((ulong)handed.Entry.ExpiresAt.ToUnixTimeMilliseconds());
            writer.UInt64(handed.Entry.Source);
            writer.UInt8(handed.Entry.SingleUse ? 1 : 0);
            writer.UInt8((int)handed.Uses);
            TlsWriter.OpenVector session = writer.Open(3);
            if (!SessionCodec.TryEncode(handed.Session, _buffer))
            {
                _buffer.Truncate(before);
                return false;
            }
            writer.Close(session);
            if (_buffer.Length > PartLength)
            {
                Write();
            }
            return true;
        }

        public void End()
        {
            if (_buffer.Length > SaltedAead.RandomLength)
            {
                Write();
            }
            Write();
        }

        public void Dispose() => _buffer.Dispose();

        /// <summary>Writes what the buffer holds as a part, and begins the next.</summary>
        private void Write()
        {
            byte[] content = keys.Seal(_buffer.Span, PlaceOf(_number++, stackalloc byte[64]));
            Span<byte> length = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(length, (uint)content.Length);
            file.Write(length);
            file.Write(content);
            CryptographicOperations.ZeroMemory(_buffer.Span);
            _buffer.Clear();
            _buffer.Reserve(SaltedAead.RandomLength);
        }
    }

    private sealed class PartReader(FileStream file, FileStoreKeys keys, MemorySessionStore store, TicketKeyRing? ticketKeys, TimeProvider time)
    {
        private uint _number;

        public WarmRestartResult Read()
        {
            var result = new WarmRestartResult(0, 0, IsComplete: true);
            using var content = new FlightBuffer();
            try
            {
                if (!TryRead(content))
                {
                    return result with { IsComplete = false };
                }
                result = result with { TicketKeys = ReadBeginning(new TlsReader(content.Span)) };
                while (true)
                {
                    if (!TryRead(content))
                    {
                        return result with { IsComplete = false };
                    }
                    if (content.IsEmpty)
                    {
                        return result;
                    }
                    var reader = new TlsReader(content.Span);
                    while (!reader.IsEmpty)
                    {
                        result = TryReadSession(ref reader, out HandedOverSession session) && store.Adopt(session)
                            ? result with { Sessions = result.Sessions + 1 }
                            : result with { IsComplete = false };
                    }
                }
            }
            catch (TlsException)
            {
                // Sealed by who had the key, and all the same not what it should be: a version that this one does not know.
                return result with { IsComplete = false };
            }
        }

        private static bool TryReadSession(ref TlsReader reader, out HandedOverSession handed)
        {
            byte[] lookupKey = reader.Bytes(LookupKey.Length).ToArray();
            var entry = new SessionStoreEntry(DateTimeOffset.FromUnixTimeMilliseconds((long)reader.UInt64()), reader.UInt64(), reader.UInt8() != 0);
            uint uses = reader.UInt8();
            bool isKnown = SessionCodec.TryDecode(reader.Vector24(), out TlsSession? session, out _);
            handed = isKnown ? new HandedOverSession(lookupKey, session!, entry, uses) : default;
            return isKnown;
        }

        private int ReadBeginning(TlsReader reader)
        {
            // A clock that was set back makes no key live longer.
            TimeSpan passed = time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds((long)reader.UInt64());
            passed = passed < TimeSpan.Zero ? TimeSpan.Zero : passed;
            store.AdoptIndexKey(reader.Bytes(SaltedAead.SecretLength));
            TlsReader all = reader.Within(reader.Vector16());
            reader.End();
            List<(TicketKey, TimeSpan)> adopted = [];
            while (!all.IsEmpty)
            {
                long epoch = (long)all.UInt64();
                ReadOnlySpan<byte> name = all.Bytes(TicketKey.NameLength);
                TicketKey? key = TicketKey.Create(CryptoProvider.Default, epoch, all.Bytes(TicketKey.SecretLength), name);
                TimeSpan opensFor = TimeSpan.FromMilliseconds(Math.Min(all.UInt64(), SessionLimits.MaxLifetime.TotalMilliseconds)) - passed;
                if (key is not null && opensFor > TimeSpan.Zero)
                {
                    adopted.Add((key, opensFor));
                }
            }
            return ticketKeys?.Adopt(adopted) == true ? adopted.Count : 0;
        }

        /// <summary>Reads the next part; <see langword="false"/> where there is none that is whole and in its place.</summary>
        private bool TryRead(FlightBuffer content)
        {
            CryptographicOperations.ZeroMemory(content.Span);
            content.Clear();
            Span<byte> prefix = stackalloc byte[sizeof(uint)];
            if (file.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false) < prefix.Length)
            {
                return false;
            }
            uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix);
            if (length > MaxPartLength)
            {
                return false;
            }
            byte[] part = new byte[length];
            return file.ReadAtLeast(part, part.Length, throwOnEndOfStream: false) == part.Length
                && keys.TryOpen(part, PlaceOf(_number++, stackalloc byte[64]), content);
        }
    }
}
