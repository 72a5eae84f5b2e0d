using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>A client's sessions in the format of OpenSSL's <c>i2d_SSL_SESSION</c> and <c>PEM_write_SSL_SESSION</c>, both versions.</summary>
/// <remarks>
/// <code>
/// SSL_SESSION ::= SEQUENCE {
///     version        INTEGER (1),
///     ssl_version    INTEGER,                             -- 0x0303, 0x0304
///     cipher         OCTET STRING,                        -- two bytes
///     session_id     OCTET STRING,                        -- with a ticket: something to recognise it by, its SHA-256
///     master_key     OCTET STRING,                        -- TLS 1.3: the resumption PSK
///     time           [1]  INTEGER,                        -- seconds since 1970
///     timeout        [2]  INTEGER,
///     peer           [3]  Certificate OPTIONAL,           -- the leaf alone
///     sid_ctx        [4]  OCTET STRING,
///     verify_result  [5]  INTEGER DEFAULT 0,              -- X509_V_OK
///     hostname       [6]  OCTET STRING OPTIONAL,          -- where the server acknowledged server_name
///     lifetime_hint  [9]  INTEGER OPTIONAL,
///     ticket         [10] OCTET STRING OPTIONAL,
///     flags          [13] INTEGER DEFAULT 0,              -- 1: extended main secret
///     age_add        [14] INTEGER DEFAULT 0,
///     max_early_data [15] INTEGER DEFAULT 0,
///     alpn_selected  [16] OCTET STRING OPTIONAL,
///     kex_group      [19] INTEGER DEFAULT 0
/// }
/// </code>
/// Tags 7, 8, 11, 12, 17 and 18 and those after 19 (PSK identities, compression, SRP, fragment lengths, a server's data) are read over.
/// </remarks>
internal static class OpenSslSession
{
    public const string PemLabel = "SSL SESSION PARAMETERS";

    private const int MaxLength = SessionLimits.MaxEncoded;
    private const int Tls12 = 0x0303;
    private const int Tls13 = 0x0304;
    private const int FlagExtendedMasterSecret = 1;

    /// <summary>Writes a client's session as DER.</summary>
    public static byte[] Write(TlsSession session)
    {
        if (session.IsServer)
        {
            throw new InvalidOperationException("A server's session cannot be written in OpenSSL's format, whose servers seal it in tickets of their own.");
        }
        bool isTls13 = session.ProtocolVersion == SslProtocols.Tls13;
        Span<byte> secret = stackalloc byte[session.SecretLength];
        Span<byte> id = stackalloc byte[HashKind.Sha256.Length()];
        var writer = new AsnWriter(AsnEncodingRules.DER, 1024);
        try
        {
            session.CopySecret(secret);
            CryptoProvider.Default.Hash(HashKind.Sha256, session.Ticket.Span, id);
            using (writer.PushSequence())
            {
                writer.WriteInteger(1);
                writer.WriteInteger(isTls13 ? Tls13 : Tls12);
                writer.WriteOctetString([(byte)((int)session.CipherSuite >> 8), unchecked((byte)session.CipherSuite)]);
                writer.WriteOctetString(session.Ticket.IsEmpty ? session.SessionId.Span : id);
                writer.WriteOctetString(secret);
                WriteInteger(writer, 1, session.IssuedAt.ToUnixTimeSeconds());
                // Whole seconds, rounded down: it must not live longer there.
                long seconds = Math.Max(1, (long)session.TicketLifetime.TotalSeconds);
                WriteInteger(writer, 2, seconds);
                if (session.PeerCertificates.Count > 0)
                {
                    using (writer.PushSequence(Tag(3)))
                    {
                        writer.WriteEncodedValue(session.PeerCertificates[0].Span);
                    }
                }
                WriteOctets(writer, 4, []);
                if (session.ServerName is { } name)
                {
                    WriteOctets(writer, 6, Encoding.ASCII.GetBytes(name));
                }
                if (!session.Ticket.IsEmpty)
                {
                    WriteInteger(writer, 9, seconds);
                    WriteOctets(writer, 10, session.Ticket.Span);
                }
                WriteInteger(writer, 13, session.ExtendedMasterSecret ? FlagExtendedMasterSecret : 0);
                WriteInteger(writer, 14, session.AgeAdd);
                WriteInteger(writer, 15, session.MaxEarlyDataSize);
                if (session.ApplicationProtocol.Protocol is { Length: > 0 } protocol)
                {
                    WriteOctets(writer, 16, protocol.Span);
                }
                WriteInteger(writer, 19, (int)(session.Group ?? 0));
            }
            return writer.Encode();
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            // The writer's own buffer: nothing else clears it.
            writer.Reset();
        }
    }

    /// <summary>Reads a session, PEM or DER. The bytes may be anything.</summary>
    /// <param name="text">PEM or DER.</param>
    /// <param name="target">What the format has no place for.</param>
    /// <exception cref="SessionImportException">They are refused.</exception>
    public static TlsSession Read(ReadOnlySpan<byte> text, in OpenSslTarget target)
    {
        byte[] der = Unwrap(text);
        try
        {
            return Make(Fields.Read(der), target);
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            throw new SessionImportException(SessionImportProblem.Malformed, "The bytes are not a session of OpenSSL's.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    private static TlsSession Make(Fields fields, in OpenSslTarget target)
    {
        try
        {
            if (fields.Version is not (Tls12 or Tls13) || CipherSuiteInfo.Find((TlsCipherSuite)fields.Suite) is not { } suite || suite.IsTls12 != (fields.Version == Tls12))
            {
                throw new SessionImportException(SessionImportProblem.Unsupported, $"The session is of version {fields.Version:x4} with suite {fields.Suite:x4}, which this library does not have.");
            }
            if (fields.ServerName is { } name && !string.Equals(name, target.ServerName, StringComparison.OrdinalIgnoreCase))
            {
                throw new SessionImportException(SessionImportProblem.OtherServerName, "The session was made with another server name than that of the target.");
            }
            if (fields.VerifyResult != 0 && !target.AllowUnverified)
            {
                throw new SessionImportException(
                    SessionImportProblem.NotVerified, $"OpenSSL noted that it could not verify the server (code {fields.VerifyResult}): give it the CA, or allow unverified sessions.");
            }
            DateTimeOffset issuedAt = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(fields.Time, 0, SessionLimits.MaxTime / 1000));
            DateTimeOffset? notAfter = fields.Peer is { } peer ? NotAfter(peer) : null;
            bool isTls13 = fields.Version == Tls13;
            long lifetime = Math.Min(fields.Timeout, (long)(isTls13 ? SessionLimits.MaxLifetime : SessionLimits.MaxLifetime12).TotalSeconds);
            var state = new TlsSessionState
            {
                IsServer = false,
                ProtocolVersion = isTls13 ? SslProtocols.Tls13 : SslProtocols.Tls12,
                CipherSuite = suite.Suite,
                Hash = suite.Hash,
                Scope = target.Scope,
                Lineage = SessionLineage.Begin(
                    issuedAt, SessionLimits.MaxLifetime, fields.Peer is { } leaf ? [leaf] : [], notAfter, null, CryptoProvider.Default),
                IssuedAt = issuedAt,
                Lifetime = TimeSpan.FromSeconds(fields.LifetimeHint > 0 ? Math.Min(fields.LifetimeHint, lifetime) : lifetime),
                ServerName = target.ServerName,
                TargetHost = target.Host,
                TargetPort = target.Port,
                ApplicationProtocol = fields.ApplicationProtocol.Length > 0 ? new SslApplicationProtocol(fields.ApplicationProtocol) : default,
                Group = fields.Group == 0 ? null : (TlsNamedGroup)fields.Group,
                AgeAdd = fields.AgeAdd,
                MaxEarlyDataSize = fields.MaxEarlyData,
                Ticket = fields.Ticket,
                SessionId = fields.Ticket.Length > 0 ? [] : fields.SessionId,
                ExtendedMasterSecret = !isTls13 && (fields.Flags & FlagExtendedMasterSecret) != 0,
            };
            return state.Problem(fields.Secret) is { } problem
                ? throw new SessionImportException(SessionImportProblem.Malformed, problem)
                : new TlsSession(state, fields.Secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(fields.Secret);
        }
    }

    private static DateTimeOffset NotAfter(byte[] certificate)
    {
        using X509Certificate2 leaf = X509CertificateLoader.LoadCertificate(certificate);
        return leaf.NotAfter.ToUniversalTime();
    }

    private static byte[] Unwrap(ReadOnlySpan<byte> text)
    {
        if (text.Length > 2 * MaxLength)
        {
            throw new SessionImportException(SessionImportProblem.Malformed, "The bytes are more than a session of OpenSSL's can have.");
        }
        if (text is [0x30, ..])
        {
            return text.ToArray();
        }
        char[] pem = Encoding.Latin1.GetChars(text.ToArray());
        byte[]? der = null;
        if (PemEncoding.TryFind(pem, out PemFields found) && pem.AsSpan()[found.Label].Equals(PemLabel, StringComparison.Ordinal))
        {
            (int offset, int length) = found.Base64Data.GetOffsetAndLength(pem.Length);
            der = Convert.FromBase64CharArray(pem, offset, length);
        }
        pem.AsSpan().Clear();
        return der ?? throw new SessionImportException(SessionImportProblem.Malformed, $"There is no \"-----BEGIN {PemLabel}-----\", and it is no DER.");
    }

    private static Asn1Tag Tag(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);

    private static void WriteInteger(AsnWriter writer, int tag, long value)
    {
        if (value == 0)
        {
            return;
        }
        using (writer.PushSequence(Tag(tag)))
        {
            writer.WriteInteger(value);
        }
    }

    private static void WriteOctets(AsnWriter writer, int tag, ReadOnlySpan<byte> value)
    {
        using (writer.PushSequence(Tag(tag)))
        {
            writer.WriteOctetString(value);
        }
    }

    private sealed class Fields
    {
        public long Version { get; private set; }

        public int Suite { get; private set; }

        public byte[] SessionId { get; private set; } = [];

        public byte[] Secret { get; private set; } = [];

        public long Time { get; private set; }

        public long Timeout { get; private set; }

        public byte[]? Peer { get; private set; }

        public long VerifyResult { get; private set; }

        public string? ServerName { get; private set; }

        public long LifetimeHint { get; private set; }

        public byte[] Ticket { get; private set; } = [];

        public long Flags { get; private set; }

        public uint AgeAdd { get; private set; }

        public uint MaxEarlyData { get; private set; }

        public byte[] ApplicationProtocol { get; private set; } = [];

        public ushort Group { get; private set; }

        /// <exception cref="AsnContentException">It is none.</exception>
        public static Fields Read(byte[] der)
        {
            var outer = new AsnReader(der, AsnEncodingRules.DER);
            AsnReader reader = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            if (Integer(reader, long.MaxValue) != 1)
            {
                throw new AsnContentException();
            }
            var fields = new Fields { Version = Integer(reader, long.MaxValue) };
            byte[] suite = reader.ReadOctetString();
            fields.Suite = suite.Length == 2 ? (suite[0] << 8) | suite[1] : throw new AsnContentException();
            fields.SessionId = reader.ReadOctetString();
            fields.Secret = reader.ReadOctetString();
            int last = -1;
            while (reader.HasData)
            {
                Asn1Tag tag = reader.PeekTag();
                if (tag.TagClass != TagClass.ContextSpecific || tag.TagValue <= last)
                {
                    throw new AsnContentException();
                }
                last = tag.TagValue;
                fields.Take(last, reader.ReadSequence(tag));
            }
            return fields;
        }

        private void Take(int tag, AsnReader value)
        {
            switch (tag)
            {
                case 1:
                    Time = Integer(value, long.MaxValue);
                    break;
                case 2:
                    Timeout = Integer(value, long.MaxValue);
                    break;
                case 3:
                    Peer = value.ReadEncodedValue().ToArray();
                    break;
                case 5:
                    VerifyResult = Integer(value, long.MaxValue);
                    break;
                case 6:
                    ServerName = Encoding.Latin1.GetString(value.ReadOctetString());
                    break;
                case 9:
                    LifetimeHint = Integer(value, long.MaxValue);
                    break;
                case 10:
                    Ticket = value.ReadOctetString();
                    break;
                case 13:
                    Flags = Integer(value, long.MaxValue);
                    break;
                case 14:
                    AgeAdd = (uint)Integer(value, uint.MaxValue);
                    break;
                case 15:
                    MaxEarlyData = (uint)Integer(value, uint.MaxValue);
                    break;
                case 16:
                    ApplicationProtocol = value.ReadOctetString();
                    break;
                case 19:
                    Group = (ushort)Integer(value, ushort.MaxValue);
                    break;
                default:
                    value.ReadEncodedValue();
                    break;
            }
            value.ThrowIfNotEmpty();
        }

        private static long Integer(AsnReader reader, long max)
            => reader.TryReadInt64(out long value) && value >= 0 && value <= max ? value : throw new AsnContentException();
    }
}

/// <summary>What OpenSSL's format has no place for: for which connections the session may be used.</summary>
/// <param name="Scope">The scope of the context that asks.</param>
/// <param name="Host">The host, in its canonical form.</param>
/// <param name="Port">The port; 0: unknown.</param>
/// <param name="ServerName">What SNI says for that host; <see langword="null"/> for an address.</param>
/// <param name="AllowUnverified">Whether a session is taken whose server OpenSSL could not verify.</param>
internal readonly record struct OpenSslTarget(SessionScope Scope, string Host, int Port, string? ServerName, bool AllowUnverified);
