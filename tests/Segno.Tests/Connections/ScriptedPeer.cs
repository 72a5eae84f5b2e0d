using System.Buffers;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Records;

namespace Segno.Tests.Connections;

/// <summary>
/// The other end of an engine, played message by message. A test falsifies what it wants to; for all other bytes the script uses
/// the library's key schedules and record protections, so that what is refused is refused for the one thing that is wrong.
/// </summary>
internal abstract class ScriptedPeer : IDisposable
{
    private readonly byte[] _room = new byte[32 * 1024];
    private readonly List<byte> _wire = [];
    private readonly List<byte> _messages = [];
    private RecordProtection? _read;
    private RecordProtection? _write;

    protected ScriptedPeer(TlsConnection engine)
    {
        Engine = engine;
        Transcript = new TranscriptHash(Crypto);
    }

    public static CryptoProvider Crypto => CryptoProvider.Default;

    /// <summary>The side under test.</summary>
    public TlsConnection Engine { get; }

    public TranscriptHash Transcript { get; }

    /// <summary>TLS 1.2: the keys, once the hellos are exchanged. Without a key exchange their main secret is zero.</summary>
    public KeySchedule12? Keys12 { get; protected set; }

    /// <summary>TLS 1.3: the keys, once the hellos are exchanged.</summary>
    public KeySchedule? Keys { get; protected set; }

    /// <summary>Changes a message of the script on its way; an empty result leaves it out. The transcript has what was sent.</summary>
    public Func<HandshakeType, byte[], byte[]> Falsify { get; set; } = (_, message) => message;

    /// <summary>Application data that the engine took.</summary>
    public List<byte> Data { get; } = [];

    public static (ExtensionType Type, byte[] Data) Extension(ExtensionType type, params byte[] data) => (type, data);

    /// <summary>A handshake message, written by the library's writer.</summary>
    public static byte[] Message(HandshakeType type, Action<TlsWriter> body)
    {
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        writer.UInt8((int)type);
        TlsWriter.OpenVector content = writer.Open(3);
        body(writer);
        writer.Close(content);
        return buffer.Span.ToArray();
    }

    public static void WriteExtensions(TlsWriter writer, IEnumerable<(ExtensionType Type, byte[] Data)> extensions)
    {
        TlsWriter.OpenVector list = writer.Open(2);
        foreach ((ExtensionType type, byte[] data) in extensions)
        {
            writer.UInt16((int)type);
            writer.Vector16(data);
        }
        writer.Close(list);
    }

    /// <summary>Sends a message in records of its own.</summary>
    public void Send(byte[] message)
    {
        if (message.Length > 0)
        {
            message = Falsify((HandshakeType)message[0], message);
        }
        if (message.Length > 0)
        {
            Transcript.Append(message);
            foreach (byte[] fragment in message.Chunk(RecordHeader.MaxPlaintext))
            {
                SendRecord(ContentType.Handshake, fragment);
            }
        }
    }

    /// <summary>Sends a record, protected where the script stands so.</summary>
    public void SendRecord(ContentType type, params byte[] content) => Deliver(Seal(type, content));

    /// <summary>One record, protected where the script stands so, that is not sent yet.</summary>
    public byte[] Seal(ContentType type, params byte[] content)
    {
        if (_write is null || type == ContentType.ChangeCipherSpec)
        {
            return WireRecords.Plaintext((byte)type, content);
        }
        byte[] record = new byte[RecordHeader.Size + content.Length + _write.Overhead];
        _write.Seal(type, content, 0, record);
        return record;
    }

    public void SendChangeCipherSpec() => SendRecord(ContentType.ChangeCipherSpec, 1);

    /// <summary>Lets the engine take bytes as they are, does what it waits for, and keeps what it answers.</summary>
    public void Deliver(byte[] bytes)
    {
        try
        {
            TlsReceiveResult result;
            do
            {
                result = Engine.Receive(bytes, _room);
                Data.AddRange(_room.AsSpan(0, result.Written));
                bytes = bytes[result.Consumed..];
                RunPending();
            }
            while (result.Consumed > 0 && bytes.Length > 0);
            Assert.Empty(bytes);
        }
        finally
        {
            Pump();
        }
    }

    /// <summary>Takes what the engine has to send.</summary>
    public void Pump()
    {
        var output = new ArrayBufferWriter<byte>();
        Engine.Flush(output);
        _wire.AddRange(output.WrittenSpan);
    }

    /// <summary>The next message of the engine, which must be of this type. It goes into the transcript.</summary>
    public byte[] Receive(HandshakeType type)
    {
        byte[] message = Peek(type);
        Transcript.Append(message);
        return message;
    }

    /// <summary>The next message of the engine, which must be of this type. The transcript is the caller's.</summary>
    public byte[] Peek(HandshakeType type)
    {
        while (_messages.Count < 4 || _messages.Count < MessageLength())
        {
            (ContentType recordType, byte[] content) = ReadRecord();
            if (recordType == ContentType.ChangeCipherSpec && Keys12 is null)
            {
                continue;
            }
            Assert.Equal(ContentType.Handshake, recordType);
            _messages.AddRange(content);
        }
        byte[] message = [.. _messages[..MessageLength()]];
        _messages.RemoveRange(0, message.Length);
        Assert.Equal(type, (HandshakeType)message[0]);
        return message;

        int MessageLength() => 4 + (_messages[1] << 16) + (_messages[2] << 8) + _messages[3];
    }

    /// <summary>The next record of the engine, opened.</summary>
    public (ContentType Type, byte[] Content) ReadRecord()
    {
        byte[] record = ReadRaw();
        var type = (ContentType)record[0];
        if (_read is null || !_read.Protects(type))
        {
            return (type, record[RecordHeader.Size..]);
        }
        byte[] plaintext = new byte[record.Length];
        Assert.True(_read.TryOpen(record, plaintext, out type, out int length), "a record of the engine does not open");
        return (type, plaintext[..length]);
    }

    /// <summary>The next record of the engine as it is on the wire.</summary>
    public byte[] ReadRaw()
    {
        Pump();
        Assert.True(_wire.Count >= RecordHeader.Size, "the engine has sent nothing more");
        byte[] record = [.. _wire[..(RecordHeader.Size + (_wire[3] << 8) + _wire[4])]];
        _wire.RemoveRange(0, record.Length);
        return record;
    }

    /// <summary>Whether the engine has sent nothing that was not read.</summary>
    public bool IsQuiet()
    {
        Pump();
        return _wire.Count == 0 && _messages.Count == 0;
    }

    /// <summary>The engine's alert, behind whatever it sent before.</summary>
    public (byte Level, TlsAlert Alert) ReadAlert()
    {
        (ContentType Type, byte[] Content) record;
        do
        {
            record = ReadRecord();
        }
        while (record.Type != ContentType.Alert);
        Assert.Equal(2, record.Content.Length);
        return (record.Content[0], (TlsAlert)record.Content[1]);
    }

    /// <summary>The step must end the connection by this fault, with this alert on the wire and no data delivered.</summary>
    public TlsAlertException AssertRefused(TlsFault fault, TlsAlert alert, Action step)
    {
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(step);
        Assert.Equal((fault, alert, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        Assert.Equal(((byte)2, alert), ReadAlert());
        Assert.Empty(Data);
        return thrown;
    }

    public void ReadUnder(RecordProtection protection)
    {
        _read?.Dispose();
        _read = protection;
    }

    public void WriteUnder(RecordProtection protection)
    {
        _write?.Dispose();
        _write = protection;
    }

    /// <summary>TLS 1.3: a KeyUpdate, and the next key behind it.</summary>
    public void SendUpdate(bool requestPeer)
    {
        SendRecord(ContentType.Handshake, (byte)HandshakeType.KeyUpdate, 0, 0, 1, requestPeer ? (byte)1 : (byte)0);
        UpdateWriteKey();
    }

    /// <summary>TLS 1.3: the next key without a word.</summary>
    public void UpdateWriteKey() => _write!.Update();

    /// <summary>TLS 1.3: the engine's KeyUpdate, and its next key behind it.</summary>
    /// <returns>Whether it asks for one of ours.</returns>
    public bool ReceiveUpdate()
    {
        (ContentType type, byte[] content) = ReadRecord();
        Assert.Equal(ContentType.Handshake, type);
        Assert.Equal([(byte)HandshakeType.KeyUpdate, 0, 0, 1], content[..4]);
        _read!.Update();
        return content[4] == 1;
    }

    public virtual void Dispose()
    {
        Engine.Dispose();
        Transcript.Dispose();
        Keys?.Dispose();
        Keys12?.Dispose();
        _read?.Dispose();
        _write?.Dispose();
    }

    /// <summary>The hash of the messages so far.</summary>
    protected byte[] Hash()
    {
        byte[] hash = new byte[HashKinds.MaxLength];
        return Transcript.Current(hash).ToArray();
    }

    protected byte[] Finished12(bool ofServer) => Message(
        HandshakeType.Finished, writer => Keys12!.VerifyData(ofServer, Hash(), writer.Reserve(KeySchedule12.VerifyDataLength)));

    protected byte[] Finished13(ReadOnlySpan<byte> baseKey)
    {
        byte[] hash = Hash();
        byte[] mac = new byte[hash.Length];
        Keys!.FinishedMac(baseKey, hash, mac);
        return Message(HandshakeType.Finished, writer => writer.Bytes(mac));
    }

    protected void AssertFinished12(bool ofServer) => Assert.Equal(Finished12(ofServer), Receive(HandshakeType.Finished));

    protected void AssertFinished13(ReadOnlySpan<byte> baseKey) => Assert.Equal(Finished13(baseKey), Receive(HandshakeType.Finished));

    protected void ReceiveChangeCipherSpec() => Assert.Equal(ContentType.ChangeCipherSpec, ReadRecord().Type);

    protected static byte[] RandomBytes(int length)
    {
        byte[] random = new byte[length];
        Crypto.FillRandom(random);
        return random;
    }

    private void RunPending()
    {
        while (Engine.Pending is { } pending)
        {
            pending.Execute(TestContext.Current.CancellationToken);
            Engine.Resume();
        }
    }
}
