using System.Net.Security;
using System.Security.Authentication;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Handshake.Extensions;

namespace Segno.Handshake.Messages;

/// <summary>ClientHello (RFC 9846 §4.2.2), as a server reads it. It outlives the buffer it came in.</summary>
/// <remarks><code>
/// struct {
///     ProtocolVersion legacy_version = 0x0303;
///     Random random;
///     opaque legacy_session_id&lt;0..32&gt;;
///     CipherSuite cipher_suites&lt;2..2^16-2&gt;;
///     opaque legacy_compression_methods&lt;1..2^8-1&gt;;
///     Extension extensions&lt;8..2^16-1&gt;;
/// } ClientHello;
/// </code></remarks>
internal sealed class ClientHello
{
    public const int RandomLength = 32;
    public const int MaxSessionId = 32;

    /// <summary>TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746 §3.3).</summary>
    public const ushort EmptyRenegotiationInfoScsv = 0x00ff;

    /// <summary>TLS_FALLBACK_SCSV (RFC 7507 §2).</summary>
    public const ushort FallbackScsv = 0x5600;

    /// <summary>More PSK identities than this are not looked at.</summary>
    public const int MaxIdentities = 8;

    private ClientHello(byte[] raw)
    {
        Raw = raw;
    }

    /// <summary>The whole message.</summary>
    public byte[] Raw { get; }

    public ushort LegacyVersion { get; private init; }

    public required byte[] Random { get; init; }

    public required byte[] SessionId { get; init; }

    public required ushort[] CipherSuites { get; init; }

    public required byte[] CompressionMethods { get; init; }

    public required ExtensionBlock Extensions { get; init; }

    /// <summary>Where the binders list begins in <see cref="Raw"/>, or 0 without PSKs.</summary>
    public int BindersOffset { get; private set; }

    public List<PskIdentity> Identities { get; } = [];

    public List<ReadOnlyMemory<byte>> Binders { get; } = [];

    public static ClientHello Read(HandshakeMessage message)
    {
        byte[] raw = message.Raw.ToArray();
        var reader = new TlsReader(raw.AsSpan(HandshakeMessage.HeaderSize));
        ushort version = reader.UInt16();
        byte[] random = reader.Bytes(RandomLength).ToArray();
        byte[] sessionId = reader.Vector8(0, MaxSessionId).ToArray();
        ushort[] suites = ReadUInt16s(ref reader, 2);
        byte[] compression = reader.Vector8(1).ToArray();
        ReadOnlySpan<byte> extensions = reader.IsEmpty ? default : reader.Vector16();
        reader.End();
        // They stand at the end, and are read where they are.
        ReadOnlyMemory<byte> block = raw.AsMemory(raw.Length - extensions.Length);
        var hello = new ClientHello(raw)
        {
            LegacyVersion = version,
            Random = random,
            SessionId = sessionId,
            CipherSuites = suites,
            CompressionMethods = compression,
            Extensions = ExtensionBlock.Read(block, ExtensionPlace.ClientHello, offered: null),
        };
        return hello;
    }

    public static ushort[] ReadUInt16s(ref TlsReader reader, int min)
    {
        ReadOnlySpan<byte> list = reader.Vector16(min);
        TlsReader items = reader.Within(list);
        ushort[] values = new ushort[list.Length / 2];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = items.UInt16();
        }
        items.End();
        return values;
    }

    /// <summary>supported_versions (RFC 9846 §4.3.1); empty where the extension is missing.</summary>
    public ushort[] SupportedVersions()
    {
        if (!Extensions.TryGet(ExtensionType.SupportedVersions, out TlsReader data))
        {
            return [];
        }
        ReadOnlySpan<byte> list = data.Vector8(2, 254);
        data.End();
        TlsReader items = data.Within(list);
        ushort[] versions = new ushort[list.Length / 2];
        for (int i = 0; i < versions.Length; i++)
        {
            versions[i] = items.UInt16();
        }
        items.End();
        return versions;
    }

    /// <summary>A list of 16-bit values: supported_groups, signature_algorithms; <see langword="null"/> where the extension is missing.</summary>
    public ushort[]? UInt16List(ExtensionType type)
    {
        if (!Extensions.TryGet(type, out TlsReader data))
        {
            return null;
        }
        ushort[] values = ReadUInt16s(ref data, 2);
        data.End();
        return values;
    }

    /// <summary>server_name (RFC 6066 §3), normalised; <see langword="null"/> where there is none.</summary>
    public string? ServerName()
    {
        if (!Extensions.TryGet(ExtensionType.ServerName, out TlsReader data))
        {
            return null;
        }
        TlsReader list = data.Within(data.Vector16(1));
        data.End();
        string? name = null;
        while (!list.IsEmpty)
        {
            byte type = list.UInt8();
            ReadOnlySpan<byte> value = list.Vector16(1);
            if (type != 0)
            {
                continue;
            }
            if (name is not null)
            {
                throw new TlsException(TlsFault.ExtensionMalformed, "two server names");
            }
            if (!ServerNames.TryReadSni(value, out name))
            {
                throw new TlsException(TlsFault.ServerNameInvalid);
            }
        }
        return name;
    }

    /// <summary>ALPN (RFC 7301 §3.1).</summary>
    public List<SslApplicationProtocol> ApplicationProtocols()
    {
        List<SslApplicationProtocol> protocols = [];
        if (Extensions.TryGet(ExtensionType.ApplicationLayerProtocolNegotiation, out TlsReader data))
        {
            TlsReader list = data.Within(data.Vector16(2));
            data.End();
            while (!list.IsEmpty)
            {
                protocols.Add(new SslApplicationProtocol(list.Vector8(1).ToArray()));
            }
        }
        return protocols;
    }

    /// <summary>key_share (RFC 9846 §4.3.8); <see langword="null"/> where the extension is missing.</summary>
    public List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)>? KeyShares()
    {
        if (!Extensions.TryGet(ExtensionType.KeyShare, out TlsReader data))
        {
            return null;
        }
        ReadOnlyMemory<byte> bytes = Extensions.Find(ExtensionType.KeyShare)!.Value;
        var shares = new List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)>(2);
        HashSet<ushort>? seen = null;
        TlsReader list = data.Within(data.Vector16());
        data.End();
        while (!list.IsEmpty)
        {
            ushort group = list.UInt16();
            ReadOnlyMemory<byte> share = Last(bytes, list.Vector16(1).Length, list.Remaining);
            // Most hellos have one or two.
            seen = shares.Count == 1 ? [(ushort)shares[0].Group] : seen;
            if (seen?.Add(group) == false)
            {
                throw new TlsException(TlsFault.DuplicateKeyShare);
            }
            shares.Add(((TlsNamedGroup)group, share));
        }
        return shares;
    }

    /// <summary>psk_key_exchange_modes (RFC 9846 §4.3.9); <see langword="null"/> where the extension is missing.</summary>
    public byte[]? PskModes()
    {
        if (!Extensions.TryGet(ExtensionType.PskKeyExchangeModes, out TlsReader data))
        {
            return null;
        }
        byte[] modes = data.Vector8(1).ToArray();
        data.End();
        return modes;
    }

    /// <summary>pre_shared_key (RFC 9846 §4.3.11): fills <see cref="Identities"/> and <see cref="Binders"/>.</summary>
    /// <remarks><code>
    /// struct {
    ///     opaque identity&lt;1..2^16-1&gt;;
    ///     uint32 obfuscated_ticket_age;
    /// } PskIdentity;
    /// opaque PskBinderEntry&lt;32..255&gt;;
    /// struct {
    ///     PskIdentity identities&lt;7..2^16-1&gt;;
    ///     PskBinderEntry binders&lt;33..2^16-1&gt;;
    /// } OfferedPsks;
    /// </code></remarks>
    public void ReadPreSharedKeys()
    {
        if (!Extensions.TryGet(ExtensionType.PreSharedKey, out TlsReader data))
        {
            return;
        }
        if (!Extensions.EndsWith(ExtensionType.PreSharedKey))
        {
            //
            throw new TlsException(TlsFault.PreSharedKeyExtensionMustBeLast);
        }
        ReadOnlyMemory<byte> bytes = Extensions.Find(ExtensionType.PreSharedKey)!.Value;
        TlsReader identities = data.Within(data.Vector16(7));
        int bindersLength = data.Remaining;
        BindersOffset = Raw.Length - bindersLength;
        TlsReader binders = data.Within(data.Vector16(33));
        data.End();
        int identityCount = 0;
        while (!identities.IsEmpty)
        {
            ReadOnlyMemory<byte> identity = Last(bytes, identities.Vector16(1).Length, identities.Remaining + bindersLength);
            uint age = identities.UInt32();
            if (identityCount++ < MaxIdentities)
            {
                Identities.Add(new PskIdentity(identity, age));
            }
        }
        int binderCount = 0;
        while (!binders.IsEmpty)
        {
            ReadOnlyMemory<byte> binder = Last(bytes, binders.Vector8(32).Length, binders.Remaining);
            if (binderCount++ < MaxIdentities)
            {
                Binders.Add(binder);
            }
        }
        if (identityCount != binderCount)
        {
            //
            throw new TlsException(TlsFault.PskBinderCountMismatch);
        }
    }

    /// <summary>The versions that the client has, as far as we know them. Without supported_versions it means all up to its legacy_version (RFC 5246 §E.1).</summary>
    public SslProtocols Versions()
    {
        ushort[] versions = SupportedVersions();
        bool tls12 = Extensions.Has(ExtensionType.SupportedVersions) ? versions.Contains((ushort)0x0303) : LegacyVersion >= 0x0303;
        return (versions.Contains((ushort)0x0304) ? SslProtocols.Tls13 : SslProtocols.None) | (tls12 ? SslProtocols.Tls12 : SslProtocols.None);
    }

    /// <summary>What has just been read, without a copy.</summary>
    /// <param name="bytes">The extension's data.</param>
    /// <param name="length">The length of it.</param>
    /// <param name="remaining">How much of the data stands behind it.</param>
    private static ReadOnlyMemory<byte> Last(ReadOnlyMemory<byte> bytes, int length, int remaining) => bytes.Slice(bytes.Length - remaining - length, length);

    public bool Offers(SslProtocols version) => Versions().HasFlag(version);

    public TlsClientHelloInfo ToInfo(string? serverName, object sender) => new()
    {
        Sender = sender,
        ServerName = serverName,
        ApplicationProtocols = ApplicationProtocols(),
        CipherSuites = [.. CipherSuites.Select(suite => (TlsCipherSuite)suite)],
        SignatureSchemes = [.. (UInt16List(ExtensionType.SignatureAlgorithms) ?? []).Select(scheme => (TlsSignatureScheme)scheme)],
        CertificateAuthorities = Handshake.Extensions.CertificateAuthorities.Read(Extensions),
        SupportedVersions = Versions(),
    };
}

internal readonly record struct PskIdentity(ReadOnlyMemory<byte> Identity, uint ObfuscatedAge);
