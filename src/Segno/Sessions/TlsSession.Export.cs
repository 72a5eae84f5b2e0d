using System.Security.Cryptography;
using Segno.Buffers;

namespace Segno.Sessions;

public sealed partial class TlsSession
{
    /// <summary>The session as bytes, its secret among them.</summary>
    /// <remarks>
    /// The bytes are <b>not</b> protected: whoever reads them can resume the session and, for TLS 1.2, decrypt what its
    /// connections carried. Keep them only encrypted (<see cref="ExportProtected(ReadOnlySpan{byte})"/> does that), and only as long
    /// as <see cref="ExpiresAt"/> says. The format is versioned; a version that is not known is refused by <see cref="Import"/>.
    /// That a TLS 1.3 session was offered already does not travel with it: export it before it is used.
    /// </remarks>
    /// <returns>At most 64 KiB.</returns>
    /// <exception cref="InvalidOperationException">The peer's certificates are too long for the format.</exception>
    public byte[] Export()
    {
        using var buffer = new FlightBuffer();
        return SessionCodec.TryEncode(this, buffer) ? buffer.Span.ToArray() : throw TooLong();
    }

    /// <summary>Makes a session from the bytes that <see cref="Export"/> gave.</summary>
    /// <param name="exported">The bytes, all of them. They must come from a trusted place: they decide who the peer is taken for.</param>
    /// <returns>The session, equal in all it says to the exported one.</returns>
    /// <exception cref="SessionImportException">The bytes are not a session (<see cref="SessionImportProblem.Malformed"/>), or are one of another format version (<see cref="SessionImportProblem.FormatVersion"/>).</exception>
    public static TlsSession Import(ReadOnlySpan<byte> exported)
        => SessionCodec.TryDecode(exported, out TlsSession? session, out ResumptionReason reason)
            ? session
            : throw (reason == ResumptionReason.SessionFormatVersion
                ? new SessionImportException(SessionImportProblem.FormatVersion, "The session was exported in another version of the format.")
                : new SessionImportException(SessionImportProblem.Malformed, "The bytes are not an exported session."));

    /// <summary>The session as bytes that may lie in a file or a database: sealed with AES-256-GCM under a key of their own, derived from the given one.</summary>
    /// <param name="key">32 random bytes. The same key may protect any number of sessions.</param>
    /// <returns>At most 64 KiB and 58 bytes. Each call gives others.</returns>
    /// <exception cref="ArgumentException">The key has not 32 bytes, or they are all the same.</exception>
    /// <exception cref="InvalidOperationException">The peer's certificates are too long for the format.</exception>
    public byte[] ExportProtected(ReadOnlySpan<byte> key) => SessionEnvelope.Seal(this, key);

    /// <summary>The same under a passphrase, from which the key is derived by PBKDF2 with HMAC-SHA-256 and 600,000 iterations: about a quarter of a second.</summary>
    /// <param name="passphrase">12 to 1024 characters, taken as they are.</param>
    /// <returns>At most 64 KiB and 58 bytes. Each call gives others.</returns>
    /// <exception cref="ArgumentException">The passphrase is too short or too long.</exception>
    /// <exception cref="InvalidOperationException">The peer's certificates are too long for the format.</exception>
    public byte[] ExportProtected(string passphrase) => SessionEnvelope.Seal(this, passphrase);

    /// <summary>Makes a session from the bytes that <see cref="ExportProtected(ReadOnlySpan{byte})"/> gave.</summary>
    /// <param name="exported">The bytes, all of them; they may be anything.</param>
    /// <param name="key">The key.</param>
    /// <returns>The session, equal in all it says to the exported one.</returns>
    /// <exception cref="ArgumentException">The key has not 32 bytes, or they are all the same.</exception>
    /// <exception cref="SessionImportException">The bytes are refused; its problem says why.</exception>
    public static TlsSession ImportProtected(ReadOnlySpan<byte> exported, ReadOnlySpan<byte> key) => SessionEnvelope.Open(exported, key);

    /// <summary>Makes a session from the bytes that <see cref="ExportProtected(string)"/> gave.</summary>
    /// <param name="exported">The bytes, all of them; they may be anything, and cost at most 5,000,000 iterations.</param>
    /// <param name="passphrase">The passphrase.</param>
    /// <returns>The session, equal in all it says to the exported one.</returns>
    /// <exception cref="ArgumentException">The passphrase is too short or too long.</exception>
    /// <exception cref="SessionImportException">The bytes are refused; its problem says why.</exception>
    public static TlsSession ImportProtected(ReadOnlySpan<byte> exported, string passphrase) => SessionEnvelope.Open(exported, passphrase);

    /// <summary>A client's session as OpenSSL writes it (SSL_SESSION, DER), for <c>d2i_SSL_SESSION</c>.</summary>
    /// <remarks>
    /// Not protected, as with <see cref="Export"/>. The format has no place for the scope, the target's port, the lineage, the
    /// authentication deadline, the issuers' certificates and the application's data.
    /// </remarks>
    /// <returns>The bytes.</returns>
    /// <exception cref="InvalidOperationException">It is a server's session, whose format in OpenSSL is that of its own tickets.</exception>
    public byte[] ExportOpenSsl() => OpenSslSession.Write(this);

    /// <summary>The same as PEM ("SSL SESSION PARAMETERS"), for <c>openssl s_client -sess_in</c>.</summary>
    /// <returns>The text, with a line feed at its end.</returns>
    /// <exception cref="InvalidOperationException">It is a server's session.</exception>
    public string ExportOpenSslPem()
    {
        byte[] der = OpenSslSession.Write(this);
        try
        {
            return PemEncoding.WriteString(OpenSslSession.PemLabel, der) + "\n";
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    internal static InvalidOperationException TooLong() => new("The session does not fit into 64 KiB: the peer's certificates are too long.");
}
