using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>The parts of a scope. The numbers are written into sessions: they never change their meaning.</summary>
internal enum ScopeComponent : byte
{
    Role = 1,
    Transport = 2,
    Group = 3,
    ClientAuthentication = 4,
    TrustAnchors = 5,
    ChainPolicy = 6,
    VerifyPolicy = 7,
    Tenant = 8,
    ExternalPsk = 9,
}

/// <summary>
/// What makes a session safe to resume here: a short digest per component, sealed inside the session. Whoever redeems a session
/// computes its own scope and compares component by component, so that a refusal can name the part. Immutable.
/// </summary>
/// <remarks>
/// A component is the first 16 bytes of SHA-256 over "segno scope" ‖ tag ‖ its canonical bytes. A component that only one of two
/// scopes has is a difference: a scope of a later version of Segno with more components matches no scope of this one.
/// </remarks>
internal sealed class SessionScope
{
    public const int DigestLength = 16;
    public const int MaxComponents = 32;

    private const int EntryLength = 1 + DigestLength;

    private static readonly byte[] ServerRole = RoleEntry(isServer: true);
    private static readonly byte[] ClientRole = RoleEntry(isServer: false);

    // tag ‖ digest, ascending by tag.
    private readonly byte[] _entries;

    private SessionScope(byte[] entries) => _entries = entries;

    /// <summary>The scope as it is written into a session: struct { uint8 tag; opaque digest[16]; } ascending by tag.</summary>
    public ReadOnlySpan<byte> Encoded => _entries;

    /// <summary>The first component, by number, in which the two differ; <see langword="null"/> when they are the same scope.</summary>
    public static ScopeComponent? FirstMismatch(SessionScope a, SessionScope b)
    {
        ReadOnlySpan<byte> restA = a._entries;
        ReadOnlySpan<byte> restB = b._entries;
        while (!restA.IsEmpty && !restB.IsEmpty)
        {
            if (!CryptographicOperations.FixedTimeEquals(restA[..EntryLength], restB[..EntryLength]))
            {
                return (ScopeComponent)Math.Min(restA[0], restB[0]);
            }
            restA = restA[EntryLength..];
            restB = restB[EntryLength..];
        }
        ReadOnlySpan<byte> rest = restA.IsEmpty ? restB : restA;
        return rest.IsEmpty ? null : (ScopeComponent)rest[0];
    }

    /// <summary>Whether its role is the one named.</summary>
    public bool IsFor(bool isServer)
        => _entries.Length >= EntryLength
            && CryptographicOperations.FixedTimeEquals(_entries.AsSpan(0, EntryLength), isServer ? ServerRole : ClientRole);

    /// <summary>SHA-256 over the whole scope: what a client's cache key holds of it.</summary>
    public byte[] ComputeDigest(CryptoProvider crypto)
    {
        byte[] digest = new byte[HashKind.Sha256.Length()];
        crypto.Hash(HashKind.Sha256, _entries, digest);
        return digest;
    }

    /// <summary>Computes the scope of a context, once. Without a named group or with an unnamed callback, no other context's is equal to it.</summary>
    public static SessionScope Create(SessionScopeInputs inputs, CryptoProvider crypto)
    {
        var builder = new Builder(crypto);
        builder.Add(ScopeComponent.Role, RoleBytes(inputs.IsServer));
        builder.Add(ScopeComponent.Transport, [(byte)inputs.Transport]);
        builder.Add(ScopeComponent.Group, inputs.Group is { } group ? Tagged(1, Encoding.UTF8.GetBytes(group)) : Tagged(0, Random(crypto)));
        builder.Add(ScopeComponent.ClientAuthentication, ClientAuthentication(inputs, crypto));
        builder.Add(ScopeComponent.TrustAnchors, TrustAnchors(inputs, crypto));
        builder.Add(ScopeComponent.ChainPolicy, ChainPolicy(inputs));
        builder.Add(ScopeComponent.VerifyPolicy, Policy(inputs, crypto));
        builder.Add(ScopeComponent.Tenant, inputs.Tenant is { } tenant ? Tagged(1, Encoding.UTF8.GetBytes(tenant)) : [0]);
        if (inputs.ExternalPsks.Count > 0)
        {
            builder.Add(ScopeComponent.ExternalPsk, ExternalPsks(inputs));
        }
        return builder.Build();
    }

    /// <summary>Reads what <see cref="Encoded"/> gave; <see langword="null"/> where the bytes are no scope in canonical form.</summary>
    public static SessionScope? Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length % EntryLength != 0 || encoded.Length > MaxComponents * EntryLength)
        {
            return null;
        }
        int last = 0;
        for (int i = 0; i < encoded.Length; i += EntryLength)
        {
            if (encoded[i] <= last)
            {
                return null;
            }
            last = encoded[i];
        }
        return new SessionScope(encoded.ToArray());
    }

    private static byte[] RoleEntry(bool isServer)
    {
        var builder = new Builder(CryptoProvider.Default);
        builder.Add(ScopeComponent.Role, RoleBytes(isServer));
        return builder.Build()._entries;
    }

    private static byte[] RoleBytes(bool isServer) => [isServer ? (byte)1 : (byte)0];

    private static byte[] ClientAuthentication(SessionScopeInputs inputs, CryptoProvider crypto)
    {
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        writer.UInt8((int)inputs.ClientAuthentication);
        writer.Vector16(inputs.LocalIdentity.Span);
        writer.Vector16(inputs.LocalIdentityCallback is { } callback ? CallbackIdentity.Of(callback, crypto) : []);
        return buffer.Span.ToArray();
    }

    private static byte[] TrustAnchors(SessionScopeInputs inputs, CryptoProvider crypto)
    {
        if (inputs.TrustAnchors is not { } anchors)
        {
            return Tagged(0, "system"u8);
        }
        // Which anchors, not in which order or how often.
        var hashes = new SortedSet<string>(StringComparer.Ordinal);
        byte[] hash = new byte[HashKind.Sha256.Length()];
        foreach (ReadOnlyMemory<byte> anchor in anchors)
        {
            crypto.Hash(HashKind.Sha256, anchor.Span, hash);
            hashes.Add(Convert.ToHexString(hash));
        }
        return Tagged(1, Encoding.ASCII.GetBytes(string.Concat(hashes)));
    }

    private static byte[] ChainPolicy(SessionScopeInputs inputs)
    {
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        writer.UInt8((int)inputs.RevocationMode);
        writer.UInt8((int)inputs.RevocationFlag);
        writer.UInt32((uint)inputs.VerificationFlags);
        writer.UInt8(inputs.DisableCertificateDownloads ? 1 : 0);
        WriteSet(writer, inputs.ApplicationPolicy);
        WriteSet(writer, inputs.CertificatePolicy);
        WriteSet(writer, inputs.ChainKnobs);
        return buffer.Span.ToArray();

        static void WriteSet(TlsWriter writer, IReadOnlyCollection<string> values)
        {
            TlsWriter.OpenVector list = writer.Open(3);
            foreach (string value in new SortedSet<string>(values, StringComparer.Ordinal))
            {
                writer.Vector16(Encoding.UTF8.GetBytes(value));
            }
            writer.Close(list);
        }
    }

    private static byte[] Policy(SessionScopeInputs inputs, CryptoProvider crypto)
    {
        byte[] policy = (inputs.VerifyPolicy, inputs.VerifyCallback) switch
        {
            (not null, _) => Tagged(1, Encoding.UTF8.GetBytes(inputs.VerifyPolicy)),
            (null, not null) => Tagged(2, CallbackIdentity.Of(inputs.VerifyCallback, crypto)),
            _ => [0],
        };
        return inputs.AwaitsVerdict ? Tagged(3, policy) : policy;
    }

    /// <summary>Which PSKs, not in which order; and whether a certificate would do as well.</summary>
    private static byte[] ExternalPsks(SessionScopeInputs inputs)
        => Tagged(inputs.AllowCertificateInsteadOfPsk ? (byte)1 : (byte)0, Encoding.ASCII.GetBytes(string.Concat(
            inputs.ExternalPsks.Select(psk => Convert.ToHexString(psk.Digest.Span)).Order(StringComparer.Ordinal))));

    private static byte[] Tagged(byte kind, ReadOnlySpan<byte> value) => [kind, .. value];

    private static byte[] Random(CryptoProvider crypto)
    {
        byte[] value = new byte[16];
        crypto.FillRandom(value);
        return value;
    }

    private static void Digest(CryptoProvider crypto, ScopeComponent component, ReadOnlySpan<byte> canonical, Span<byte> digest)
    {
        using TranscriptHasher hasher = crypto.CreateHasher(HashKind.Sha256);
        hasher.Append("segno scope"u8);
        hasher.Append([(byte)component]);
        hasher.Append(canonical);
        Span<byte> full = stackalloc byte[HashKinds.MaxLength];
        hasher.Current(full);
        full[..DigestLength].CopyTo(digest);
    }

    private sealed class Builder(CryptoProvider crypto)
    {
        private readonly List<byte> _entries = [];

        public void Add(ScopeComponent component, ReadOnlySpan<byte> canonical)
        {
            Span<byte> digest = stackalloc byte[DigestLength];
            Digest(crypto, component, canonical, digest);
            _entries.Add((byte)component);
            _entries.AddRange(digest);
        }

        public SessionScope Build() => new([.. _entries]);
    }
}
