using System.Buffers;
using Segno.Buffers;

namespace Segno.Records;

/// <summary>
/// The write half: gathers handshake messages, cuts them into records, seals. Several messages under one key share records;
/// a change of keys first writes out what belongs under the old one.
/// </summary>
internal sealed class RecordWriter : IDisposable
{
    private readonly FlightBuffer _messages = new();
    private readonly FlightBuffer _records = new();
    private readonly int _paddingBlock;
    private int _maxFragment;
    private int _maxPlaintext = RecordHeader.MaxPlaintext;
    private RecordProtection? _protection;
    private ushort _plaintextVersion = 0x0303;

    // The peer was told of a key that could not be made.
    private bool _isKeyLost;

    public RecordWriter(int maxFragment, int paddingBlock)
    {
        _maxFragment = maxFragment;
        _paddingBlock = paddingBlock;
    }

    /// <summary>Handshake messages to be sent are written here.</summary>
    public FlightBuffer Messages => _messages;

    public bool HasOutput => !_messages.IsEmpty || !_records.IsEmpty;

    public bool IsProtected => _protection is not null;

    public bool IsWornOut => _protection is { IsWornOut: true };

    /// <summary>Bytes put into records so far, headers included.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>The same once all that is gathered is in records, too.</summary>
    public long BytesWrittenAfterSealing()
    {
        SealMessages();
        return BytesWritten;
    }

    /// <summary>The first ClientHello goes out as 0x0301, for servers that know no better (RFC 9846 §5.1).</summary>
    public void UseVersion(ushort version) => _plaintextVersion = version;

    /// <summary>From here on no record holds more content and padding (RFC 8449 §4).</summary>
    public void Limit(int maxPlaintext)
    {
        _maxPlaintext = maxPlaintext;
        _maxFragment = Math.Min(_maxFragment, maxPlaintext);
    }

    public void SetProtection(RecordProtection protection)
    {
        try
        {
            SealMessages();
        }
        catch
        {
            protection.Dispose();
            throw;
        }
        _protection?.Dispose();
        _protection = protection;
    }

    /// <summary>Records in the clear again: a client whose early data a server has refused by a HelloRetryRequest.</summary>
    public void ClearProtection()
    {
        SealMessages();
        _protection?.Dispose();
        _protection = null;
    }

    /// <summary>Seals what is gathered, then takes the next key.</summary>
    public void UpdateKey()
    {
        SealMessages();
        _isKeyLost = true;
        _protection!.Update();
        _isKeyLost = false;
    }

    public void ChangeCipherSpec()
    {
        SealMessages();
        Gather(ContentType.ChangeCipherSpec, [1], protect: false);
    }

    /// <summary>An alert goes out where the peer can read one.</summary>
    public void Alert(byte level, byte description)
    {
        SealMessages();
        if (!_isKeyLost)
        {
            Gather(ContentType.Alert, [level, description], protect: true);
        }
    }

    /// <summary>Puts the gathered messages into records.</summary>
    public void SealMessages()
    {
        if (_messages.IsEmpty)
        {
            return;
        }
        ReadOnlySpan<byte> rest = _messages.Span;
        while (!rest.IsEmpty)
        {
            int length = Math.Min(rest.Length, _maxFragment);
            Gather(ContentType.Handshake, rest[..length], protect: true);
            rest = rest[length..];
        }
        _messages.Release();
        _plaintextVersion = 0x0303; // a hello after a HelloRetryRequest is no first one
    }

    /// <summary>Hands out the records. What <see cref="SealMessages"/> has not sealed stays.</summary>
    public void Flush(IBufferWriter<byte> output)
    {
        if (!_records.IsEmpty)
        {
            output.Write(_records.Span);
            _records.Release();
        }
    }

    /// <summary>Forgets what was to be sent.</summary>
    public void Discard()
    {
        _messages.Release();
        _records.Release();
    }

    /// <summary>Seals up to one record of application data straight into the output.</summary>
    /// <returns>How much of the data went in.</returns>
    public int Send(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        int length = Math.Min(data.Length, _maxFragment);
        int recordLength = RecordLength(length);
        Span<byte> record = output.GetSpan(recordLength)[..recordLength];
        WriteRecord(ContentType.ApplicationData, data[..length], record, protect: true);
        output.Advance(recordLength);
        return length;
    }

    public void Dispose()
    {
        _messages.Dispose();
        _records.Dispose();
        _protection?.Dispose();
    }

    /// <summary>One record. If it cannot be sealed, neither it nor a message that waits goes out: the connection fails.</summary>
    private void Gather(ContentType type, ReadOnlySpan<byte> content, bool protect)
    {
        int before = _records.Length;
        try
        {
            WriteRecord(type, content, _records.Reserve(protect ? RecordLength(content.Length) : RecordHeader.Size + content.Length), protect);
        }
        catch
        {
            _records.Truncate(before);
            _messages.Release();
            throw;
        }
    }

    private int RecordLength(int content) => _protection is null
        ? RecordHeader.Size + content
        : RecordHeader.Size + content + Padding(content) + _protection.Overhead;

    private int Padding(int content)
    {
        if (_paddingBlock == 0 || _protection is not { CanPad: true })
        {
            return 0;
        }
        int rest = (content + 1) % _paddingBlock;
        return rest == 0 ? 0 : Math.Min(_paddingBlock - rest, _maxPlaintext - content);
    }

    private void WriteRecord(ContentType type, ReadOnlySpan<byte> content, Span<byte> record, bool protect)
    {
        if (protect && _protection is { } protection)
        {
            protection.Seal(type, content, Padding(content.Length), record);
        }
        else
        {
            RecordHeader.Write(record, type, type == ContentType.Handshake ? _plaintextVersion : (ushort)0x0303, content.Length);
            content.CopyTo(record[RecordHeader.Size..]);
        }
        BytesWritten += record.Length;
    }
}
