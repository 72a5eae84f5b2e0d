using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What became of a question to the policy; for the metrics.</summary>
internal enum PolicyEffect
{
    Unchanged,
    Narrowed,
    Declined,
    LoadShed,
    Failed,
}

/// <summary>
/// A context's policy, with what it is told about clients: how often they come, under keyed hashes alone, and how busy the server is. Nothing
/// that the policy does reaches the handshake but its verdict. Thread-safe. Made only where there is a policy: without one nothing is counted.
/// </summary>
internal sealed class PolicyGate : IDisposable
{
    public const int MaxNetworks = 16384;
    public const int MaxCertificates = 4096;

    private const ulong Everybody = 1;

    private readonly IResumptionPolicy _policy;
    private readonly Func<double> _load;
    private readonly CryptoProvider _crypto;
    private readonly PinnedSecret _key = new(HashKind.Sha256.Length());
    private readonly VisitRates _networks;
    private readonly VisitRates _certificates;
    private readonly VisitRates _all;

    /// <param name="policy">The policy.</param>
    /// <param name="load">How busy the server is; <see langword="null"/>: the process's share of its processors.</param>
    /// <param name="crypto">The provider.</param>
    /// <param name="time">The clock.</param>
    public PolicyGate(IResumptionPolicy policy, Func<double>? load, CryptoProvider crypto, TimeProvider time)
    {
        _policy = policy;
        var cpu = load is null ? new CpuLoad(time) : null;
        _load = load ?? (() => cpu!.Value);
        _crypto = crypto;
        _networks = new VisitRates(MaxNetworks, time);
        _certificates = new VisitRates(MaxCertificates, time);
        _all = new VisitRates(VisitRates.Ways, time);
        crypto.FillRandom(_key.Material);
    }

    /// <summary>A client has said hello: counts it, and takes the snapshot.</summary>
    public ResumptionContext Visit(IPAddress? address, string? serverName)
    {
        ulong network = 0;
        (double rate, TimeSpan? since) = (0, null);
        if (address is not null)
        {
            Span<byte> prefix = stackalloc byte[1 + NetworkPrefix.MaxLength];
            prefix[0] = NetworkPrefix.Write(address, prefix[1..]);
            network = HashOf(prefix);
            (rate, since) = network == 0 ? (rate, since) : _networks.Count(network);
        }
        return new ResumptionContext
        {
            ServerName = serverName,
            ClientNetwork = network,
            NetworkRate = rate,
            ReturnInterval = since,
            TotalRate = _all.Count(Everybody).PerMinute,
            Load = Load(),
        };
    }

    /// <summary>The snapshot with what a session on offer adds to it.</summary>
    public ResumptionContext WithSession(in ResumptionContext visit, TlsSession session, in ResumptionOffer offer)
    {
        byte[] fingerprint = session.PeerCertificates.Count > 0 ? Fingerprint(session.PeerCertificates[0].Span) : [];
        return visit with
        {
            Stage = ResumptionStage.Resumption,
            ProtocolVersion = session.ProtocolVersion,
            Mechanism = offer.Mechanism,
            CertificateFingerprint = fingerprint,
            CertificateRate = HashOf(fingerprint) is var certificate and not 0 ? _certificates.RateOf(certificate) : 0,
            SessionAge = Age(session.IssuedAt, offer.Now),
            AuthenticationAge = Age(session.AuthenticatedAt, offer.Now),
            ResumptionCount = session.ResumptionCount,
        };
    }

    /// <summary>A client has completed a handshake, and its certificate is its own: counts it.</summary>
    public void Completed(ReadOnlySpan<byte> certificate)
    {
        if (HashOf(Fingerprint(certificate)) is var hash and not 0)
        {
            _certificates.Count(hash);
        }
    }

    /// <summary>Asks the policy. Whatever it does, there is a verdict.</summary>
    public ResumptionVerdict Decide(in ResumptionContext context, out PolicyEffect effect)
    {
        try
        {
            ResumptionVerdict verdict = _policy.Decide(context);
            effect = verdict.Reason switch
            {
                ResumptionReason.LoadShed => PolicyEffect.LoadShed,
                ResumptionReason.DeclinedByPolicy => PolicyEffect.Declined,
                _ when verdict with { Rule = null } == default => PolicyEffect.Unchanged,
                _ => PolicyEffect.Narrowed,
            };
            return verdict;
        }
        catch (Exception)
        {
            // Towards the full handshake, which is right whatever a policy may have wanted to say.
            effect = PolicyEffect.Failed;
            return ResumptionVerdict.Decline(ResumptionVerdict.FailedRule);
        }
    }

    /// <summary>Wipes the key: the numbers that are left belong to nobody any more.</summary>
    public void Dispose() => _key.Destroy();

    private static TimeSpan Age(DateTimeOffset from, DateTimeOffset now) => now > from ? now - from : TimeSpan.Zero;

    private double Load()
    {
        try
        {
            double load = _load();
            return double.IsNaN(load) ? 0 : Math.Clamp(load, 0, 1);
        }
        catch (Exception)
        {
            return 0;
        }
    }

    private byte[] Fingerprint(ReadOnlySpan<byte> certificate)
    {
        try
        {
            byte[] fingerprint = new byte[HashKind.Sha256.Length()];
            _crypto.Hash(HashKind.Sha256, certificate, fingerprint);
            return fingerprint;
        }
        catch (CryptographicException)
        {
            return [];
        }
    }

    /// <summary>The number that somebody is counted under; 0 where there is none, the key is wiped, or cryptography fails.</summary>
    private ulong HashOf(ReadOnlySpan<byte> name)
    {
        Span<byte> key = stackalloc byte[HashKind.Sha256.Length()];
        Span<byte> mac = stackalloc byte[HashKind.Sha256.Length()];
        try
        {
            if (name.IsEmpty || !_key.TryCopy(key))
            {
                return 0;
            }
            _crypto.Hmac(HashKind.Sha256, key, name, mac);
            return Math.Max(1, BinaryPrimitives.ReadUInt64LittleEndian(mac));
        }
        catch (CryptographicException)
        {
            return 0;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}
