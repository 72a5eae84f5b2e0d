using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>
/// Ticket keys as they are kept in a file and pushed to a fleet: makes, reads, rotates and writes them. The server's side of it is
/// <see cref="TicketKeyRing.FromFile(string, TimeSpan?, TimeSpan?, TimeProvider?)"/>. Not thread-safe.
/// </summary>
/// <remarks>
/// <para>Three formats are read, told apart by their content, and the first is written:</para>
/// <list type="bullet">
/// <item>Segno's: the line <c>segno-ticket-keys 1</c>; per key, oldest first, <c>key EPOCH ACTIVE-FROM BASE64</c> (a number, a time
/// as 2026-01-31T09:00:00Z, 32 random bytes); <c>revoked EPOCH NAME</c>; at last the line <c>end</c>, without which the file is cut
/// off. Empty lines and lines that begin with # mean nothing.</item>
/// <item>nginx's: 48 or 80 bytes per file. Of several files, in the order in which they are given, the first is active.</item>
/// <item>HAProxy's: a line of Base64 for each key of 48 or 80 bytes. The last but one is active, the last is pre-published, the
/// others open tickets; with one or two lines, the first is active.</item>
/// </list>
/// <para>The bytes of the latter two are material for a key, nothing more: tickets of nginx or HAProxy do not open here.</para>
/// </remarks>
public sealed class TicketKeyFile : IDisposable
{
    /// <summary>How many keys, and how many revoked ones, a file may have.</summary>
    internal const int MaxKeys = TicketKeyRing.MaxKeys;

    internal const int MaxLength = 64 * 1024;

    internal const long MaxEpoch = 1L << 53;

    private const string Magic = "segno-ticket-keys 1";
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";
    private const int SecretLength = 32;
    private const int NginxNameLength = 16;

    private readonly List<Entry> _entries = [];
    private readonly List<RevokedEntry> _revoked = [];

    private TicketKeyFile(bool hasTimes)
    {
        HasTimes = hasTimes;
    }

    /// <summary>Whether it is of Segno's own format, and so has numbers and times.</summary>
    internal bool HasTimes { get; }

    /// <summary>Oldest first.</summary>
    internal IReadOnlyList<Entry> Entries => _entries;

    internal IReadOnlyList<RevokedEntry> Revoked => _revoked;

    internal long NewestEpoch => Math.Max(_entries.Count == 0 ? -1 : _entries[^1].Epoch, _revoked.Count == 0 ? -1 : _revoked.Max(key => key.Epoch));

    /// <summary>Makes a file with one random key, number 0.</summary>
    /// <param name="activeFrom">From when on it is active.</param>
    /// <exception cref="CryptographicException">The random generator fails.</exception>
    public static TicketKeyFile Create(DateTimeOffset activeFrom)
    {
        var file = new TicketKeyFile(hasTimes: true);
        file.AddRandom(activeFrom);
        return file;
    }

    /// <summary>Reads the content of a file or of a variable, in any of the formats.</summary>
    /// <param name="content">The bytes; the caller wipes them.</param>
    /// <exception cref="TicketKeyException">The keys are refused; <see cref="TicketKeyException.Problem"/> says why.</exception>
    public static TicketKeyFile Parse(ReadOnlySpan<byte> content)
    {
        if (content.Length > MaxLength)
        {
            throw Malformed($"It is longer than {MaxLength} bytes.");
        }
        TicketKeyFile file = content.StartsWith("segno-ticket-keys "u8) ? new TicketKeyFile(hasTimes: true) : new TicketKeyFile(hasTimes: false);
        try
        {
            if (file.HasTimes)
            {
                file.ReadSegno(content);
            }
            else if (content.Length is 48 or 80)
            {
                file.AddForeign(content, "The key");
            }
            else
            {
                file.ReadHaproxy(content);
            }
            file.Check();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads several files as one: of nginx's format alone, as only there a file holds one key.</summary>
    internal static TicketKeyFile Parse(IReadOnlyList<byte[]> contents)
    {
        if (contents.Count == 1)
        {
            return Parse(contents[0]);
        }
        var file = new TicketKeyFile(hasTimes: false);
        try
        {
            // The first is the newest.
            for (int i = contents.Count - 1; i >= 0; i--)
            {
                if (contents[i].Length is not (48 or 80))
                {
                    throw Malformed($"File {i + 1} of {contents.Count} has {contents[i].Length} bytes. Several files are read as nginx does, each one key of 48 or 80 bytes.");
                }
                file.AddForeign(contents[i], $"The key of file {i + 1}");
                file._entries[^1] = file._entries[^1] with { Phase = i == 0 ? TicketKeyPhase.Active : TicketKeyPhase.Retiring };
            }
            file.Check();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The keys as they would be at a time, newest first, then those that are revoked.</summary>
    /// <param name="now">The time.</param>
    /// <param name="ticketLifetime">For how long a key opens tickets after it was replaced.</param>
    public IReadOnlyList<TicketKeyInfo> KeysAt(DateTimeOffset now, TimeSpan ticketLifetime)
    {
        using var source = new PublishedTicketKeys(this, ticketLifetime, TimeProvider.System, CryptoProvider.Default);
        IReadOnlyList<TicketKeyPlan> plans = source.Plan(now - DateTimeOffset.UnixEpoch, TicketKeySet.Empty);
        List<TicketKeyInfo> infos = [.. plans
            .OrderBy(plan => plan.Key.IsRevoked).ThenByDescending(plan => plan.Key.Epoch)
            .Select(plan => TicketKeyRing.Info(plan.Key, plan.PhaseAt(now - DateTimeOffset.UnixEpoch)))];
        foreach (TicketKeyPlan plan in plans)
        {
            plan.Key.Destroy();
        }
        return infos;
    }

    /// <summary>From when on each key is active, by its number. Empty for formats without times.</summary>
    public IReadOnlyDictionary<long, DateTimeOffset> ActiveFrom => HasTimes ? _entries.ToDictionary(entry => entry.Epoch, entry => entry.ActiveFrom) : new Dictionary<long, DateTimeOffset>();

    /// <summary>Adds a random key, which is pre-published until its time, and drops those that no ticket can need any more.</summary>
    /// <param name="now">The time.</param>
    /// <param name="activeFrom">From when on the new key is active: later than that of every other key. Give the fleet the time to get the file before.</param>
    /// <param name="ticketLifetime">For how long a key opens tickets after it was replaced.</param>
    /// <exception cref="ArgumentException"><paramref name="activeFrom"/> is not later than that of the newest key, or there are 64 keys.</exception>
    /// <exception cref="InvalidOperationException">It is of another format.</exception>
    public void Rotate(DateTimeOffset now, DateTimeOffset activeFrom, TimeSpan ticketLifetime)
    {
        RequireTimes();
        activeFrom = ToSeconds(activeFrom);
        if (_entries.Count > 0 && activeFrom <= _entries[^1].ActiveFrom)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"Key {_entries[^1].Epoch} becomes active at {_entries[^1].ActiveFrom:u}; the next one cannot before it or with it."), nameof(activeFrom));
        }
        while (_entries.Count > 1 && now - _entries[1].ActiveFrom > ticketLifetime + ResumptionRules.DefaultClockTolerance)
        {
            Remove(0);
        }
        if (_entries.Count == MaxKeys)
        {
            throw new ArgumentException($"There are {MaxKeys} keys already.", nameof(activeFrom));
        }
        AddRandom(activeFrom);
    }

    /// <summary>Puts the time of the newest key off, say because not all servers have it yet.</summary>
    /// <param name="now">The time.</param>
    /// <param name="activeFrom">From when on it is active: later than before.</param>
    /// <exception cref="ArgumentException"><paramref name="activeFrom"/> is not later than it was.</exception>
    /// <exception cref="InvalidOperationException">It is active already, the only key, or of another format.</exception>
    public void Postpone(DateTimeOffset now, DateTimeOffset activeFrom)
    {
        RequireTimes();
        activeFrom = ToSeconds(activeFrom);
        if (_entries.Count < 2 || _entries[^1].ActiveFrom <= now)
        {
            throw new InvalidOperationException("There is no key that is not active yet, beside one that is.");
        }
        if (activeFrom <= _entries[^1].ActiveFrom)
        {
            throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"Key {_entries[^1].Epoch} becomes active at {_entries[^1].ActiveFrom:u}; this is not later."), nameof(activeFrom));
        }
        _entries[^1] = _entries[^1] with { ActiveFrom = activeFrom };
    }

    /// <summary>
    /// Revokes a key: whoever reads the file wipes it and resumes no session of its tickets. If it was active, the next one is so
    /// at once; if there is none, one is made.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <param name="epoch">The key's number.</param>
    /// <exception cref="ArgumentException">There is no such key, or 64 are revoked already.</exception>
    /// <exception cref="InvalidOperationException">It is of another format.</exception>
    public void Revoke(DateTimeOffset now, long epoch)
    {
        RequireTimes();
        int index = _entries.FindIndex(entry => entry.Epoch == epoch);
        if (index < 0)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"There is no key with number {epoch}."), nameof(epoch));
        }
        if (_revoked.Count == MaxKeys)
        {
            // The oldest has long been over: a key lives for two lifetimes.
            _revoked.RemoveAt(0);
        }
        TicketKey key = TicketKey.Derive(CryptoProvider.Default, epoch, _entries[index].Material);
        key.Destroy();
        _revoked.Add(new RevokedEntry(epoch, key.Name));
        DateTimeOffset from = _entries[index].ActiveFrom;
        bool sealsNow = from <= now && (index + 1 == _entries.Count || _entries[index + 1].ActiveFrom > now);
        Remove(index);
        if (sealsNow && index < _entries.Count)
        {
            _entries[index] = _entries[index] with { ActiveFrom = ToSeconds(now) };
        }
        else if (sealsNow)
        {
            AddRandom(now);
        }
    }

    /// <summary>The file's content, in Segno's format. It is secret: wipe it after use, and write it where only the servers can read it.</summary>
    /// <exception cref="InvalidOperationException">It is of another format.</exception>
    public byte[] Write()
    {
        RequireTimes();
        var content = new List<byte>(MaxKeys * 96);
        AddLine(content, Magic);
        foreach (Entry entry in _entries)
        {
            byte[] encoded = new byte[Base64.GetMaxEncodedToUtf8Length(SecretLength)];
            Base64.EncodeToUtf8(entry.Material, encoded, out _, out _);
            content.AddRange(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"key {entry.Epoch} {entry.ActiveFrom.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)} ")));
            content.AddRange(encoded);
            content.Add((byte)'\n');
            CryptographicOperations.ZeroMemory(encoded);
        }
        foreach (RevokedEntry entry in _revoked)
        {
            AddLine(content, string.Create(CultureInfo.InvariantCulture, $"revoked {entry.Epoch} {entry.Name:x32}"));
        }
        AddLine(content, "end");
        byte[] written = [.. content];
        CryptographicOperations.ZeroMemory(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(content));
        return written;
    }

    /// <summary>Wipes the keys.</summary>
    public void Dispose()
    {
        while (_entries.Count > 0)
        {
            Remove(_entries.Count - 1);
        }
    }

    internal TicketKeyFile Copy()
    {
        var copy = new TicketKeyFile(HasTimes);
        copy._entries.AddRange(_entries.Select(entry => entry with { Material = [.. entry.Material] }));
        copy._revoked.AddRange(_revoked);
        return copy;
    }

    private static void AddLine(List<byte> content, string line)
    {
        content.AddRange(Encoding.ASCII.GetBytes(line));
        content.Add((byte)'\n');
    }

    private static DateTimeOffset ToSeconds(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());

    private static TicketKeyException Malformed(string message) => new(TicketKeyProblem.Malformed, message);

    private void RequireTimes()
    {
        if (!HasTimes)
        {
            throw new InvalidOperationException("Only keys in Segno's own format can be changed or written: others have no numbers and no times.");
        }
    }

    private void AddRandom(DateTimeOffset activeFrom)
    {
        byte[] material = new byte[SecretLength];
        CryptoProvider.Default.FillRandom(material);
        KeyMaterial.Check(material, "What the random generator gave");
        _entries.Add(new Entry(NewestEpoch + 1, ToSeconds(activeFrom), TicketKeyPhase.PrePublished, material));
    }

    private void Remove(int index)
    {
        CryptographicOperations.ZeroMemory(_entries[index].Material);
        _entries.RemoveAt(index);
    }

    private void ReadSegno(ReadOnlySpan<byte> content)
    {
        int number = 0;
        bool ended = false;
        foreach (Range range in content.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = content[range].Trim(" \t\r"u8);
            number++;
            if (number == 1)
            {
                if (!PublicData.Equal(line, Encoding.ASCII.GetBytes(Magic)))
                {
                    throw Malformed("Line 1: this version is not known; it is to be 1.");
                }
            }
            else if (line.IsEmpty || line[0] == '#')
            {
                continue;
            }
            else if (ended)
            {
                throw Malformed($"Line {number}: something follows the end.");
            }
            else if (PublicData.Equal(line, "end"u8))
            {
                ended = true;
            }
            else
            {
                ReadLine(line, number);
            }
        }
        if (!ended)
        {
            throw Malformed("There is no line 'end': the file is cut off.");
        }
    }

    private void ReadLine(ReadOnlySpan<byte> line, int number)
    {
        int space = line.LastIndexOf((byte)' ');
        string[] words = Encoding.ASCII.GetString(line[..Math.Max(space, 0)]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        ReadOnlySpan<byte> last = line[(space + 1)..];
        if (words.Length < 2 || !long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long epoch) || epoch > MaxEpoch)
        {
            throw Malformed($"Line {number} is none of: key EPOCH ACTIVE-FROM BASE64, revoked EPOCH NAME, end.");
        }
        if (words is ["revoked", _])
        {
            if (last.Length != 2 * TicketKey.NameLength || !UInt128.TryParse(Encoding.ASCII.GetString(last), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 name))
            {
                throw Malformed($"Line {number}: a key's name is 32 hexadecimal digits.");
            }
            _revoked.Add(new RevokedEntry(epoch, name));
            return;
        }
        if (words is not ["key", _, var time])
        {
            throw Malformed($"Line {number} is none of: key EPOCH ACTIVE-FROM BASE64, revoked EPOCH NAME, end.");
        }
        if (!DateTimeOffset.TryParseExact(time, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset activeFrom))
        {
            throw Malformed($"Line {number}: '{time}' is not a time as 2026-01-31T09:00:00Z.");
        }
        byte[] material = Decode(last, number);
        _entries.Add(new Entry(epoch, activeFrom, TicketKeyPhase.PrePublished, material));
        KeyMaterial.Check(material, $"Line {number}: the key");
        if (material.Length != SecretLength)
        {
            throw Malformed($"Line {number}: a key has {SecretLength} bytes, not {material.Length}.");
        }
    }

    private void ReadHaproxy(ReadOnlySpan<byte> content)
    {
        int number = 0;
        foreach (Range range in content.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = content[range].Trim(" \t\r"u8);
            number++;
            if (line.IsEmpty || line[0] == '#')
            {
                continue;
            }
            byte[] key = Decode(line, number);
            try
            {
                if (key.Length is not (48 or 80))
                {
                    throw key.Length < KeyMaterial.MinLength
                        ? new TicketKeyException(TicketKeyProblem.TooShort, $"Line {number}: a key of HAProxy's has 48 or 80 bytes, not {key.Length}.")
                        : Malformed($"Line {number}: a key of HAProxy's has 48 or 80 bytes, not {key.Length}.");
                }
                AddForeign(key, $"Line {number}: the key");
            }
            finally
            {
                CryptographicOperations.ZeroMemory(key);
            }
        }
        int active = Math.Max(0, _entries.Count - 2);
        for (int i = 0; i < _entries.Count; i++)
        {
            _entries[i] = _entries[i] with { Phase = i < active ? TicketKeyPhase.Retiring : i == active ? TicketKeyPhase.Active : TicketKeyPhase.PrePublished };
        }
    }

    /// <summary>48 bytes: a name, an AES-128 key, an HMAC key of 16 bytes. 80: a name, an HMAC key and an AES-256 key of 32. All of it but the name is secret, all of it goes into the key.</summary>
    private void AddForeign(ReadOnlySpan<byte> key, string what)
    {
        ReadOnlySpan<byte> secret = key[NginxNameLength..];
        KeyMaterial.Check(secret, what);
        if (KeyMaterial.IsPattern(secret[..(secret.Length / 2)]) || KeyMaterial.IsPattern(secret[(secret.Length / 2)..]))
        {
            throw new TicketKeyException(TicketKeyProblem.Weak, $"{what} is not random: half of it is a pattern. Make one with a random generator.");
        }
        _entries.Add(new Entry(-1, default, TicketKeyPhase.Active, [.. key]));
    }

    private static byte[] Decode(ReadOnlySpan<byte> text, int number)
    {
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        bool good = Base64.DecodeFromUtf8(text, decoded, out int consumed, out int written) == System.Buffers.OperationStatus.Done && consumed == text.Length;
        byte[] exact = decoded[..written];
        CryptographicOperations.ZeroMemory(decoded);
        if (good && written > 0)
        {
            return exact;
        }
        CryptographicOperations.ZeroMemory(exact);
        throw Malformed($"Line {number}: that is not Base64.");
    }

    private void Check()
    {
        if (_entries.Count == 0 && _revoked.Count == 0)
        {
            throw new TicketKeyException(TicketKeyProblem.Empty, "There is no key.");
        }
        if (_entries.Count > MaxKeys || _revoked.Count > MaxKeys)
        {
            throw new TicketKeyException(TicketKeyProblem.TooMany, $"There are more than {MaxKeys} keys.");
        }
        for (int i = 0; i < _entries.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (CryptographicOperations.FixedTimeEquals(_entries[i].Material, _entries[j].Material))
                {
                    throw new TicketKeyException(TicketKeyProblem.Duplicate, $"Key {j + 1} and key {i + 1} of it are the same.");
                }
            }
            if (!HasTimes)
            {
                continue;
            }
            if (i > 0 && (_entries[i].Epoch <= _entries[i - 1].Epoch || _entries[i].ActiveFrom <= _entries[i - 1].ActiveFrom))
            {
                throw Malformed(string.Create(CultureInfo.InvariantCulture, $"Key {_entries[i].Epoch}: numbers and times grow from key to key."));
            }
            if (_revoked.Exists(key => key.Epoch == _entries[i].Epoch))
            {
                throw new TicketKeyException(TicketKeyProblem.EpochReused, string.Create(CultureInfo.InvariantCulture, $"Key {_entries[i].Epoch} is revoked, and there all the same."));
            }
        }
    }

    /// <summary>A key. Number and time where the format has them; else the phase.</summary>
    internal readonly record struct Entry(long Epoch, DateTimeOffset ActiveFrom, TicketKeyPhase Phase, byte[] Material);

    internal readonly record struct RevokedEntry(long Epoch, UInt128 Name);
}
