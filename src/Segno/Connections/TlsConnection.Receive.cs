using System.Security.Authentication;
using Segno.Alerts;
using Segno.Handshake;
using Segno.Records;

namespace Segno;

public sealed partial class TlsConnection
{
    private void ReceiveRecords(ReadOnlySpan<byte> input, Span<byte> applicationData, ref int consumed, ref int written)
    {
        if (_started == 0)
        {
            _started = Callback.Timestamp(_link.Settings.TimeProvider);
        }
        written = TakeEarlyData(applicationData);
        if (written > 0)
        {
            // What may be a replay never shares a read with what is none.
            return;
        }
        written = TakeWaiting(applicationData);
        // The handshake does not wait for whoever reads early data; what comes behind the handshake does.
        while (_state!.Pending is null && (!HasWaitingData || !_completed))
        {
            if (_receiveClosed)
            {
                // Whatever follows close_notify is ignored (RFC 9846 §6.1; R-144), and taken (G6).
                consumed = input.Length;
                return;
            }
            ReadOnlySpan<byte> rest = input[consumed..];
            if (!_reader.TryFind(rest, out RecordHeader header))
            {
                break;
            }
            if (written > 0 && applicationData.Length - written < header.Length)
            {
                // There is something to deliver; the next record gets the room of the next call.
                break;
            }
            int length = RecordHeader.Size + header.Length;
            CountHandshakeBytes(length);
            written += ReceiveRecord(header, rest[..length], applicationData[written..]);
            consumed += length;
            if (!_earlyData.IsEmpty && !applicationData.IsEmpty)
            {
                written += TakeEarlyData(applicationData[written..]);
                return;
            }
        }
    }

    private int TakeEarlyData(Span<byte> applicationData)
    {
        int count = Math.Min(_earlyData.Length, applicationData.Length);
        if (count > 0)
        {
            _earlyData.Span[..count].CopyTo(applicationData);
            _earlyData.Consume(count);
            if (_earlyData.IsEmpty)
            {
                _earlyData.Release();
            }
        }
        return count;
    }

    private int TakeWaiting(Span<byte> applicationData)
    {
        int count = Math.Min(_plaintext.Length - _waiting, applicationData.Length);
        _plaintext.Span.Slice(_waiting, count).CopyTo(applicationData);
        _waiting += count;
        if (!HasWaitingData && !_plaintext.IsEmpty)
        {
            _plaintext.Release();
            _waiting = 0;
        }
        return count;
    }

    private void CountHandshakeBytes(int length)
    {
        if (_completed)
        {
            return;
        }
        // bytes, not records: a hello may come in any pieces.
        Info.HandshakeBytesIn += length;
        if (Info.HandshakeBytesIn > MaxHandshakeBytes)
        {
            throw new TlsException(TlsFault.HandshakeTooLong);
        }
    }

    /// <returns>How much application data was written.</returns>
    private int ReceiveRecord(RecordHeader header, ReadOnlySpan<byte> record, Span<byte> applicationData)
    {
        switch (header.Type)
        {
            case ContentType.ChangeCipherSpec:
                ReceiveChangeCipherSpec(record[RecordHeader.Size..]);
                return 0;
            case var type when _reader.Protects(type):
                return ReceiveProtected(record, applicationData);
            case ContentType.ApplicationData when _skipsEarlyData:
                SkipEarlyData(header.Length);
                return 0;
            case ContentType.Handshake or ContentType.Alert when !_reader.IsProtected:
            // From a peer that could not follow us to protected records (RFC 9846 §6).
            case ContentType.Alert when !_reader.HasOpened:
                Dispatch(header.Type, record[RecordHeader.Size..]);
                return 0;
            default:
                throw new TlsException(header.Type == ContentType.ApplicationData ? TlsFault.UnexpectedApplicationData : TlsFault.UnprotectedRecord);
        }
    }

    /// <summary>TLS 1.2: the state's to judge. Compatibility mode: dropped where it may come, refused elsewhere (RFC 9846 §5, §E.4; R-134, G3).</summary>
    private void ReceiveChangeCipherSpec(ReadOnlySpan<byte> content)
    {
        if (content is not [1])
        {
            throw new TlsException(TlsFault.ChangeCipherSpecMalformed);
        }
        if (Info.ProtocolVersion == SslProtocols.Tls12)
        {
            // G1: the only one, also where one came before the version was known.
            if (++_changeCipherSpecs > 1)
            {
                throw new TlsException(TlsFault.UnexpectedChangeCipherSpec);
            }
            CheckNotInterleaved();
            _state = _state!.ReceiveChangeCipherSpec();
            return;
        }
        bool inHandshake = !_completed && _link.Settings.AllowsTls13 && (!IsServer || _link.ClientRandom.Length > 0);
        if (!inHandshake)
        {
            throw new TlsException(TlsFault.UnexpectedChangeCipherSpec);
        }
        if (++_changeCipherSpecs > MaxChangeCipherSpecs)
        {
            throw new TlsException(TlsFault.TooManyChangeCipherSpecs);
        }
    }

    private int ReceiveProtected(ReadOnlySpan<byte> record, Span<byte> applicationData)
    {
        int innerLength = _reader.OpenedLength(record.Length);
        bool direct = _completed && innerLength >= 0 && applicationData.Length >= innerLength;
        Span<byte> target = direct ? applicationData : _plaintext.Reserve(Math.Max(0, innerLength));
        bool opened = _reader.TryOpen(record, target, out ContentType type, out int length);
        if (!opened)
        {
            _plaintext.Clear();
            if (_skipsEarlyData)
            {
                SkipEarlyData(record.Length - RecordHeader.Size);
                return 0;
            }
            // whatever is wrong with it, the answer is the same.
            throw new TlsException(TlsFault.RecordAuthenticationFailed);
        }
        _skipsEarlyData = false;
        if (type != ContentType.ApplicationData)
        {
            Dispatch(type, target[..length]);
            target[..length].Clear();
            _plaintext.Clear();
            return 0;
        }
        if (_earlyDataOpen && IsServer)
        {
            ReceiveEarlyData(target[..length]);
            target[..length].Clear();
            _plaintext.Clear();
            return 0;
        }
        if (_state is not { IsConnected: true } connected)
        {
            throw new TlsException(TlsFault.UnexpectedApplicationData);
        }
        CheckNotInterleaved();
        CountEmptyRecords(length);
        connected.ApplicationDataReceived();
        if (direct)
        {
            return length;
        }
        _plaintext.Truncate(length);
        _waiting = 0;
        return TakeWaiting(applicationData);
    }

    /// <summary>R-109: content counts, not padding.</summary>
    private void ReceiveEarlyData(ReadOnlySpan<byte> data)
    {
        CheckNotInterleaved();
        CountEmptyRecords(data.Length);
        _earlyDataLeft -= data.Length;
        if (_earlyDataLeft < 0)
        {
            throw new TlsException(TlsFault.TooMuchEarlyData);
        }
        Info.EarlyDataSize += data.Length;
        _earlyData.Append(data);
    }

    private void SkipEarlyData(int length)
    {
        CheckNotInterleaved();
        // Each record counts, or there could be any number of empty ones.
        _skippableEarlyData -= Math.Max(1, length - SkippedOverhead);
        if (_skippableEarlyData < 0)
        {
            throw new TlsException(TlsFault.TooMuchEarlyData);
        }
    }

    private void CountEmptyRecords(int length)
    {
        _emptyRecords = length == 0 ? _emptyRecords + 1 : 0;
        if (_emptyRecords > MaxEmptyRecords)
        {
            // G5
            throw new TlsException(TlsFault.TooManyEmptyRecords);
        }
    }

    /// <summary>Sends each kind of record its way.</summary>
    private void Dispatch(ContentType type, ReadOnlySpan<byte> content)
    {
        if (type is ContentType.Handshake or ContentType.Alert && content.IsEmpty)
        {
            // G5, R-132
            throw new TlsException(TlsFault.EmptyRecord);
        }
        switch (type)
        {
            case ContentType.Handshake:
                _messages.Append(content);
                ProcessMessages();
                break;
            case ContentType.Alert:
                CheckNotInterleaved();
                if (_alerts.Receive(content, Info.ProtocolVersion) == AlertVerdict.Close)
                {
                    ReceiveClose();
                }
                break;
            default:
                throw new TlsException(TlsFault.UnexpectedRecordType, type.ToString());
        }
    }

    private void ReceiveClose()
    {
        if (!_completed)
        {
            throw new TlsException(TlsFault.ClosedDuringHandshake);
        }
        _receiveClosed = true;
    }

    private void CheckNotInterleaved()
    {
        if (!_messages.IsEmpty)
        {
            //
            throw new TlsException(TlsFault.InterleavedHandshakeMessage);
        }
    }

    private void ProcessMessages()
    {
        while (_state!.Pending is null && _messages.Length >= HandshakeMessage.HeaderSize)
        {
            ReadOnlySpan<byte> bytes = _messages.Span;
            int length = (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
            if (length > MaxLength((HandshakeType)bytes[0]))
            {
                throw new TlsException(TlsFault.MessageTooLong);
            }
            length += HandshakeMessage.HeaderSize;
            if (bytes.Length < length)
            {
                return;
            }
            _messageLength = length;
            _state = _state.Receive(new HandshakeMessage(bytes[..length]));
            _messageLength = 0;
            _messages.Consume(length);
        }
        if (_messages.IsEmpty)
        {
            _messages.Release();
        }
    }

    /// <summary>A message after which the keys change (RFC 9846 §5.1), or after which it is our turn to speak, ends with its record (G2, R-131).</summary>
    private void CheckEndOfRecord()
    {
        if (_messages.Length > _messageLength)
        {
            throw new TlsException(TlsFault.HandshakeDataAcrossKeyChange);
        }
    }

    private int MaxLength(HandshakeType type) => type switch
    {
        HandshakeType.ClientHello => MaxHelloLength,
        HandshakeType.Certificate or HandshakeType.CompressedCertificate => _link.Settings.MaxCertificateMessageLength,
        HandshakeType.NewSessionTicket => MaxTicketMessageLength,
        _ => MaxMessageLength,
    };
}
