namespace Segno.Records;

/// <summary>The read half: finds a record in what arrived, checks its bounds, opens it.</summary>
internal sealed class RecordReader : IDisposable
{
    private const int HttpStartLength = 4;

    private static readonly List<string> HttpStarts = ["GET ", "POST", "HEAD", "PUT ", "OPTI", "DELE", "PATC", "CONN", "PRI ", "HTTP"];

    private RecordProtection? _protection;
    private int _maxPlaintext = RecordHeader.MaxPlaintext;

    public bool IsProtected => _protection is not null;

    /// <summary>Whether a record was opened under the current or an earlier key.</summary>
    public bool HasOpened { get; private set; }

    public void SetProtection(RecordProtection protection)
    {
        _protection?.Dispose();
        _protection = protection;
        protection.MaxPlaintext = _maxPlaintext;
    }

    /// <summary>From here on no protected record may hold more content (RFC 8449 §4).</summary>
    public void Limit(int maxPlaintext)
    {
        _maxPlaintext = maxPlaintext;
        if (_protection is { } protection)
        {
            protection.MaxPlaintext = maxPlaintext;
        }
    }

    public void UpdateKey() => _protection!.Update();

    /// <summary>Whether a record of this type is protected where the reader stands.</summary>
    public bool Protects(ContentType type) => _protection is { } protection && protection.Protects(type);

    /// <summary>See <see cref="RecordProtection.OpenedLength"/>.</summary>
    public int OpenedLength(int recordLength) => _protection!.OpenedLength(recordLength);

    /// <summary>Finds the first record.</summary>
    /// <returns>Whether it is there as a whole.</returns>
    public bool TryFind(ReadOnlySpan<byte> input, out RecordHeader header)
    {
        header = default;
        if (input.IsEmpty)
        {
            return false;
        }
        if (input[0] is < (byte)ContentType.ChangeCipherSpec or > (byte)ContentType.ApplicationData)
        {
            return MayBecomeHttp(input) ? false : throw NotARecord(input);
        }
        if (input.Length < RecordHeader.Size)
        {
            return false;
        }
        header = RecordHeader.Read(input);
        // that it is some version of TLS is all that is asked.
        if (header.Version >> 8 != 3)
        {
            throw new TlsException(TlsFault.WrongRecordVersion);
        }
        // Application data may be early data of a client's that is skipped.
        bool isCiphertext = header.Type == ContentType.ApplicationData || Protects(header.Type);
        if (header.Length > (isCiphertext ? RecordHeader.MaxCiphertext : RecordHeader.MaxPlaintext))
        {
            throw new TlsException(TlsFault.RecordTooLong);
        }
        return input.Length >= RecordHeader.Size + header.Length;
    }

    public bool TryOpen(ReadOnlySpan<byte> record, Span<byte> plaintext, out ContentType type, out int length)
    {
        bool opened = _protection!.TryOpen(record, plaintext, out type, out length);
        HasOpened |= opened;
        return opened;
    }

    public void Dispose() => _protection?.Dispose();

    private static TlsException NotARecord(ReadOnlySpan<byte> input)
        => input.Length >= HttpStartLength && IsHttp(input[..HttpStartLength])
            ? new TlsException(TlsFault.PlainHttpReceived, System.Text.Encoding.Latin1.GetString(input[..HttpStartLength]).TrimEnd())
            : new TlsException(TlsFault.NotTls);

    /// <summary>Whether more bytes decide by what name the refusal goes.</summary>
    private static bool MayBecomeHttp(ReadOnlySpan<byte> input) => input.Length < HttpStartLength && IsHttp(input);

    private static bool IsHttp(ReadOnlySpan<byte> start)
    {
        string text = System.Text.Encoding.Latin1.GetString(start);
        return HttpStarts.Exists(known => known.StartsWith(text, StringComparison.Ordinal));
    }
}
