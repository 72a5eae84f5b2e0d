using Segno.Buffers;
using Segno.Handshake.Messages;
using Segno.Records;

namespace Segno.Handshake.Extensions;

/// <summary>record_size_limit (RFC 8449 §4; R-151) and its forerunner max_fragment_length (RFC 6066 §4), for both versions and both sides.</summary>
/// <remarks>
/// record_size_limit says how much its sender takes, each side for itself, anew in each handshake; in TLS 1.3 the number includes
/// the content type. max_fragment_length binds both sides, and counts only where the other is missing.
/// <code>
/// uint16 RecordSizeLimit;
/// enum { 2^9(1), 2^10(2), 2^11(3), 2^12(4), (255) } MaxFragmentLength;
/// </code>
/// </remarks>
internal static class RecordLimits
{
    public const int MinLimit = 64;

    private const int ContentType = 1;
    private const int SmallestFragmentBits = 8;
    private const int FragmentLengths = 4;

    /// <summary>The code of a length of 512, 1024, 2048 or 4096 bytes; 0: it is none of these.</summary>
    public static int FragmentCode(int length)
    {
        for (int code = 1; code <= FragmentLengths; code++)
        {
            if (length == FragmentLength(code))
            {
                return code;
            }
        }
        return 0;
    }

    /// <summary>Client: its record_size_limit, for whichever version comes of it.</summary>
    public static int Offer(ClientSettings settings) => settings.MaxReceiveFragment + (settings.AllowsTls13 ? ContentType : 0);

    /// <summary>Server: takes what the client asks for, and writes the answer among the extensions of EncryptedExtensions or of a ServerHello of TLS 1.2.</summary>
    public static void Answer(HandshakeLink link, ClientHello hello, bool isTls13, TlsWriter writer)
    {
        int contentType = isTls13 ? ContentType : 0;
        if (ReadSizeLimit(hello.Extensions) is { } theirs)
        {
            // A client may take more than this version allows: it may know others.
            link.LimitSent(Math.Min(theirs - contentType, RecordHeader.MaxPlaintext));
            link.LimitReceived(link.Settings.MaxReceiveFragment);
            writer.UInt16((int)ExtensionType.RecordSizeLimit);
            writer.UInt16(2);
            writer.UInt16(link.Settings.MaxReceiveFragment + contentType);
        }
        else if (ReadFragmentCode(hello.Extensions) is { } code)
        {
            if (code is < 1 or > FragmentLengths)
            {
                throw new TlsException(TlsFault.MaxFragmentLengthInvalid);
            }
            link.LimitSent(FragmentLength(code));
            link.LimitReceived(FragmentLength(code));
            writer.UInt16((int)ExtensionType.MaxFragmentLength);
            writer.UInt16(1);
            writer.UInt8(code);
        }
    }

    /// <summary>Client: takes the server's answer out of EncryptedExtensions or a ServerHello of TLS 1.2.</summary>
    public static void Accept(HandshakeLink link, ClientSettings settings, ExtensionBlock extensions, bool isTls13)
    {
        int contentType = isTls13 ? ContentType : 0;
        int? theirs = ReadSizeLimit(extensions);
        int? code = ReadFragmentCode(extensions);
        if (theirs is { } limit)
        {
            if (code is not null)
            {
                // RFC 8449 §5
                throw new TlsException(TlsFault.RecordSizeLimitInvalid, "with max_fragment_length");
            }
            if (limit > RecordHeader.MaxPlaintext + contentType)
            {
                throw new TlsException(TlsFault.RecordSizeLimitInvalid, $"{limit} is more than the version allows");
            }
            link.LimitSent(limit - contentType);
            link.LimitReceived(Math.Min(Offer(settings) - contentType, RecordHeader.MaxPlaintext));
        }
        else if (code is { } answered)
        {
            if (FragmentLength(answered) != settings.MaxFragmentLength)
            {
                throw new TlsException(TlsFault.MaxFragmentLengthInvalid);
            }
            link.LimitSent(FragmentLength(answered));
            link.LimitReceived(FragmentLength(answered));
        }
    }

    private static int FragmentLength(int code) => code is >= 1 and <= FragmentLengths ? 1 << (SmallestFragmentBits + code) : 0;

    private static int? ReadSizeLimit(ExtensionBlock extensions)
    {
        if (!extensions.TryGet(ExtensionType.RecordSizeLimit, out TlsReader data))
        {
            return null;
        }
        int limit = data.UInt16();
        data.End();
        return limit >= MinLimit ? limit : throw new TlsException(TlsFault.RecordSizeLimitInvalid, $"{limit} is less than {MinLimit}");
    }

    private static int? ReadFragmentCode(ExtensionBlock extensions)
    {
        if (!extensions.TryGet(ExtensionType.MaxFragmentLength, out TlsReader data))
        {
            return null;
        }
        int code = data.UInt8();
        data.End();
        return code;
    }
}
