using System.Formats.Asn1;

namespace Segno.Certificates;

/// <summary>An OCSP response, parsed and not yet believed (RFC 6960 §4.2.1). The bytes are kept, not copied.</summary>
/// <remarks><code>
/// OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] EXPLICIT ResponseBytes OPTIONAL }
/// ResponseBytes ::= SEQUENCE { responseType OBJECT IDENTIFIER, response OCTET STRING }
/// BasicOCSPResponse ::= SEQUENCE { tbsResponseData ResponseData, signatureAlgorithm, signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
/// ResponseData ::= SEQUENCE { version [0] EXPLICIT DEFAULT v1, responderID, producedAt GeneralizedTime, responses SEQUENCE OF SingleResponse, responseExtensions [1] EXPLICIT OPTIONAL }
/// ResponderID ::= CHOICE { byName [1] EXPLICIT Name, byKey [2] EXPLICIT OCTET STRING }
/// </code></remarks>
internal sealed class OcspResponse
{
    /// <summary>Larger ones are not looked at. One that brings its responder's certificate has about 2,000 bytes.</summary>
    public const int MaxLength = 16 * 1024;

    private const string BasicResponse = "1.3.6.1.5.5.7.48.1.1";
    private const int Successful = 0;

    private OcspResponse(int error)
    {
        Error = error;
    }

    private OcspResponse(AsnReader basic)
    {
        SignedData = basic.PeekEncodedValue();
        ReadData(basic.ReadSequence());
        SignatureAlgorithm = basic.ReadEncodedValue();
        Signature = basic.ReadBitString(out int unused);
        Require(unused == 0);
        if (basic.HasData)
        {
            AsnReader wrapped = basic.ReadSequence(Explicit(0));
            AsnReader certificates = wrapped.ReadSequence();
            wrapped.ThrowIfNotEmpty();
            while (certificates.HasData)
            {
                Certificates.Add(certificates.ReadEncodedValue());
            }
        }
        basic.ThrowIfNotEmpty();
    }

    /// <summary>The responder's own trouble (RFC 6960 §4.2.1: tryLater and the like, unsigned); <see langword="null"/> where there is an answer.</summary>
    public int? Error { get; }

    public ReadOnlyMemory<byte> SignedData { get; }

    public ReadOnlyMemory<byte> SignatureAlgorithm { get; }

    public ReadOnlyMemory<byte> Signature { get; }

    /// <summary>Who signed, by name (DER); <see langword="null"/> where <see cref="ResponderKeyHash"/> says it.</summary>
    public ReadOnlyMemory<byte>? ResponderName { get; private set; }

    /// <summary>Who signed: SHA-1 over the bits of its public key.</summary>
    public ReadOnlyMemory<byte>? ResponderKeyHash { get; private set; }

    public List<OcspSingleResponse> Responses { get; } = [];

    /// <summary>The certificates that came along, in DER.</summary>
    public List<ReadOnlyMemory<byte>> Certificates { get; } = [];

    /// <summary>Parses a response.</summary>
    /// <exception cref="TlsException">It is malformed, too long or of another type than the basic one.</exception>
    public static OcspResponse Read(ReadOnlyMemory<byte> der)
    {
        if (der.Length > MaxLength)
        {
            throw new TlsException(TlsFault.CertificateStatusMalformed, $"The OCSP response has {der.Length} bytes; {MaxLength} is the limit.");
        }
        try
        {
            var outer = new AsnReader(der, AsnEncodingRules.DER);
            AsnReader response = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            int status = response.ReadEnumeratedBytes().Span is [var value] ? value : throw new AsnContentException();
            if (status != Successful)
            {
                response.ThrowIfNotEmpty();
                return new OcspResponse(status);
            }
            AsnReader wrapped = response.ReadSequence(Explicit(0));
            response.ThrowIfNotEmpty();
            AsnReader bytes = wrapped.ReadSequence();
            wrapped.ThrowIfNotEmpty();
            Require(bytes.ReadObjectIdentifier() == BasicResponse);
            Require(bytes.TryReadPrimitiveOctetString(out ReadOnlyMemory<byte> basic));
            bytes.ThrowIfNotEmpty();
            var inner = new AsnReader(basic, AsnEncodingRules.DER);
            AsnReader fields = inner.ReadSequence();
            inner.ThrowIfNotEmpty();
            return new OcspResponse(fields);
        }
        catch (AsnContentException e)
        {
            throw new TlsException(TlsFault.CertificateStatusMalformed, "The OCSP response does not parse.", e);
        }
    }

    private void ReadData(AsnReader data)
    {
        if (data.PeekTag().HasSameClassAndValue(Explicit(0)))
        {
            AsnReader version = data.ReadSequence(Explicit(0));
            Require(version.TryReadInt32(out int number) && number == 0);
            version.ThrowIfNotEmpty();
        }
        bool byName = data.PeekTag().HasSameClassAndValue(Explicit(1));
        AsnReader id = data.ReadSequence(Explicit(byName ? 1 : 2));
        if (byName)
        {
            ResponderName = id.ReadEncodedValue();
        }
        else
        {
            Require(id.TryReadPrimitiveOctetString(out ReadOnlyMemory<byte> hash));
            ResponderKeyHash = hash;
        }
        id.ThrowIfNotEmpty();
        data.ReadGeneralizedTime();
        AsnReader responses = data.ReadSequence();
        while (responses.HasData)
        {
            Responses.Add(OcspSingleResponse.Read(responses.ReadSequence()));
        }
        SkipExtensions(data);
    }

    /// <summary>extensions [1]: a stapled response answers no nonce, and none of the others changes what it says.</summary>
    internal static void SkipExtensions(AsnReader data)
    {
        if (data.HasData)
        {
            data.ReadSequence(Explicit(1));
        }
        data.ThrowIfNotEmpty();
    }

    internal static Asn1Tag Explicit(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);

    internal static void Require(bool condition)
    {
        if (!condition)
        {
            throw new AsnContentException();
        }
    }
}

/// <summary>What a response says of one certificate (RFC 6960 §4.2.1).</summary>
/// <remarks><code>
/// SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate GeneralizedTime, nextUpdate [0] EXPLICIT GeneralizedTime OPTIONAL, singleExtensions [1] EXPLICIT OPTIONAL }
/// CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash OCTET STRING, issuerKeyHash OCTET STRING, serialNumber INTEGER }
/// CertStatus ::= CHOICE { good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo, unknown [2] IMPLICIT NULL }
/// </code></remarks>
/// <param name="HashAlgorithm">The object identifier of the hash in the certificate's id.</param>
/// <param name="IssuerNameHash">The hash of the issuer's name.</param>
/// <param name="IssuerKeyHash">The hash of the bits of the issuer's key.</param>
/// <param name="Serial">The serial number, as encoded.</param>
/// <param name="Status">Good, revoked or unknown.</param>
/// <param name="ThisUpdate">From when it is known to be so.</param>
/// <param name="NextUpdate">When there is newer information at the latest.</param>
internal sealed record OcspSingleResponse(
    string HashAlgorithm,
    ReadOnlyMemory<byte> IssuerNameHash,
    ReadOnlyMemory<byte> IssuerKeyHash,
    ReadOnlyMemory<byte> Serial,
    TlsCertificateStatus Status,
    DateTimeOffset ThisUpdate,
    DateTimeOffset NextUpdate)
{
    public static OcspSingleResponse Read(AsnReader single)
    {
        AsnReader id = single.ReadSequence();
        string algorithm = id.ReadSequence().ReadObjectIdentifier();
        OcspResponse.Require(id.TryReadPrimitiveOctetString(out ReadOnlyMemory<byte> nameHash));
        OcspResponse.Require(id.TryReadPrimitiveOctetString(out ReadOnlyMemory<byte> keyHash));
        ReadOnlyMemory<byte> serial = id.ReadIntegerBytes();
        id.ThrowIfNotEmpty();
        TlsCertificateStatus status = ReadStatus(single);
        DateTimeOffset thisUpdate = single.ReadGeneralizedTime();
        // Without nextUpdate there is newer information at any time (RFC 6960 §2.4): good for its own moment, then.
        DateTimeOffset nextUpdate = thisUpdate;
        if (single.HasData && single.PeekTag().HasSameClassAndValue(OcspResponse.Explicit(0)))
        {
            AsnReader next = single.ReadSequence(OcspResponse.Explicit(0));
            nextUpdate = next.ReadGeneralizedTime();
            next.ThrowIfNotEmpty();
        }
        OcspResponse.SkipExtensions(single);
        return new OcspSingleResponse(algorithm, nameHash, keyHash, serial, status, thisUpdate, nextUpdate);
    }

    private static TlsCertificateStatus ReadStatus(AsnReader single)
    {
        Asn1Tag tag = single.PeekTag();
        OcspResponse.Require(tag.TagClass == TagClass.ContextSpecific);
        switch (tag.TagValue)
        {
            case 0:
                single.ReadNull(tag);
                return TlsCertificateStatus.Good;
            case 1:
                single.ReadSequence(tag).ReadGeneralizedTime();
                return TlsCertificateStatus.Revoked;
            default:
                single.ReadNull(new Asn1Tag(TagClass.ContextSpecific, 2));
                return TlsCertificateStatus.Unknown;
        }
    }
}
