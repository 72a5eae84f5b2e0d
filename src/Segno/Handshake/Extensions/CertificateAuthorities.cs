using Segno.Buffers;

namespace Segno.Handshake.Extensions;

/// <summary>certificate_authorities (RFC 9846 §4.3.4): the distinguished names (DER) of authorities that a side trusts. TLS 1.3 only.</summary>
/// <remarks><code>
/// opaque DistinguishedName&lt;1..2^16-1&gt;;
/// struct {
///     DistinguishedName authorities&lt;3..2^16-1&gt;;
/// } CertificateAuthoritiesExtension;
/// </code></remarks>
internal static class CertificateAuthorities
{
    public static void Write(TlsWriter writer, ReadOnlyMemory<byte>[] names)
    {
        TlsWriter.OpenVector list = writer.Open(2);
        foreach (ReadOnlyMemory<byte> name in names)
        {
            writer.Vector16(name.Span);
        }
        writer.Close(list);
    }

    /// <summary>The names; empty where the extension is missing.</summary>
    public static List<ReadOnlyMemory<byte>> Read(ExtensionBlock extensions)
    {
        List<ReadOnlyMemory<byte>> names = [];
        if (extensions.TryGet(ExtensionType.CertificateAuthorities, out TlsReader data))
        {
            var list = new TlsReader(data.Vector16(3), TlsFault.ExtensionMalformed);
            data.End();
            while (!list.IsEmpty)
            {
                names.Add(list.Vector16(1).ToArray());
            }
        }
        return names;
    }
}
