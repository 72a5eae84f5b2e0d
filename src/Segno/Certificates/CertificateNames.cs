using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Buffers;

namespace Segno.Certificates;

/// <summary>
/// The names a certificate presents (RFC 9525 §3, §6): dNSName and iPAddress of its subject alternative name, never its
/// common name.
/// </summary>
internal sealed class CertificateNames
{
    private const string AlternativeNameOid = "2.5.29.17";
    private const int NamesInDescription = 4;
    private static readonly Asn1Tag s_dnsTag = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag s_addressTag = new(TagClass.ContextSpecific, 7);

    private readonly List<string> _dnsNames = [];
    private readonly List<byte[]> _addresses = [];

    private CertificateNames()
    {
    }

    /// <summary>Reads the names. Of a malformed extension, or of two, there are none: such a certificate matches nothing.</summary>
    public static CertificateNames Read(X509Certificate2 certificate)
    {
        X509Extension? found = null;
        foreach (X509Extension extension in certificate.Extensions)
        {
            if (extension.Oid?.Value == AlternativeNameOid)
            {
                if (found is not null)
                {
                    return new CertificateNames();
                }
                found = extension;
            }
        }
        return found is null ? new CertificateNames() : Parse(found.RawData);
    }

    /// <summary>Reads the names out of the extension's value; of a malformed one, none.</summary>
    internal static CertificateNames Parse(byte[] extension)
    {
        CertificateNames names = new();
        return names.TryRead(extension) ? names : new CertificateNames();
    }

    /// <summary>Whether one of the names is the reference name (RFC 9525 §6.3, §6.5).</summary>
    public bool Match(ReferenceName reference)
    {
        if (reference.Address is { } address)
        {
            byte[] wanted = address.GetAddressBytes();
            return _addresses.Exists(presented => PublicData.Equal(presented, wanted));
        }
        return reference.SniName is { } name && _dnsNames.Exists(presented => Matches(presented, name));
    }

    /// <summary>The first few names, for messages.</summary>
    public string Describe()
    {
        IEnumerable<string> all = _dnsNames.Concat(_addresses.Select(a => new IPAddress(a).ToString()));
        string list = string.Join(", ", all.Take(NamesInDescription));
        int more = _dnsNames.Count + _addresses.Count - NamesInDescription;
        return list.Length == 0 ? "no name" : more > 0 ? $"{list} and {more} more" : list;
    }

    /// <summary>Compares one presented dNSName with a reference name in canonical form.</summary>
    /// <remarks>A wildcard is a whole left-most label, stands for exactly one label, and has at least two labels after it.</remarks>
    internal static bool Matches(string presented, string reference)
    {
        if (!presented.StartsWith("*.", StringComparison.Ordinal))
        {
            return ServerNames.IsHostName(presented) && presented.Equals(reference, StringComparison.OrdinalIgnoreCase);
        }
        ReadOnlySpan<char> domain = presented.AsSpan(2);
        int firstDot = reference.IndexOf('.', StringComparison.Ordinal);
        return firstDot > 0
            && ServerNames.IsHostName(domain)
            && domain.Contains('.')
            && domain.Equals(reference.AsSpan(firstDot + 1), StringComparison.OrdinalIgnoreCase);
    }

    // GeneralNames ::= SEQUENCE OF GeneralName { ... dNSName [2] IA5String, iPAddress [7] OCTET STRING ... } (RFC 5280 §4.2.1.6)
    private bool TryRead(byte[] extension)
    {
        try
        {
            var reader = new AsnReader(extension, AsnEncodingRules.DER);
            AsnReader sequence = reader.ReadSequence();
            reader.ThrowIfNotEmpty();
            while (sequence.HasData)
            {
                Asn1Tag tag = sequence.PeekTag();
                if (tag == s_dnsTag)
                {
                    AddDnsName(sequence.ReadOctetString(s_dnsTag));
                }
                else if (tag == s_addressTag)
                {
                    AddAddress(sequence.ReadOctetString(s_addressTag));
                }
                else
                {
                    sequence.ReadEncodedValue();
                }
            }
            return true;
        }
        catch (AsnContentException)
        {
            return false;
        }
    }

    // A name out of its syntax (not ASCII, a NUL inside) is passed over, so that it cannot take its good neighbours down.
    private void AddDnsName(byte[] name)
    {
        if (!Ascii.IsValid(name))
        {
            return;
        }
        string text = Encoding.ASCII.GetString(name);
        if (ServerNames.IsHostName(text.StartsWith("*.", StringComparison.Ordinal) ? text.AsSpan(2) : text))
        {
            _dnsNames.Add(text);
        }
    }

    private void AddAddress(byte[] address)
    {
        if (address.Length is 4 or 16)
        {
            _addresses.Add(address);
        }
    }
}
