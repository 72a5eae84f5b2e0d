using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What a scope is computed from, in plain values, so that it depends on no options class.</summary>
internal sealed record SessionScopeInputs
{
    public required bool IsServer { get; init; }

    public TransportKind Transport { get; init; } = TransportKind.Stream;

    /// <summary>The name that contexts share to share sessions. Without one the scope gets 16 random bytes: it shares with nobody.</summary>
    public string? Group { get; init; }

    /// <summary>Server: whether it asks for a certificate.</summary>
    public TlsClientCertificateMode ClientAuthentication { get; init; }

    /// <summary>Client: what tells its identities apart (SHA-256 of its certificate's SubjectPublicKeyInfo); empty without a certificate. A server leaves it empty: renewing its certificate keeps sessions.</summary>
    public ReadOnlyMemory<byte> LocalIdentity { get; init; }

    /// <summary>Client: the callback that selects its certificate, where there is one.</summary>
    public object? LocalIdentityCallback { get; init; }

    /// <summary>The trust anchors (DER, any order); <see langword="null"/> means the system's store, an empty list nobody.</summary>
    public IReadOnlyCollection<ReadOnlyMemory<byte>>? TrustAnchors { get; init; }

    public X509RevocationMode RevocationMode { get; init; }

    public X509RevocationFlag RevocationFlag { get; init; } = X509RevocationFlag.ExcludeRoot;

    public X509VerificationFlags VerificationFlags { get; init; }

    public bool DisableCertificateDownloads { get; init; }

    /// <summary>Object identifiers, any order.</summary>
    public IReadOnlyCollection<string> ApplicationPolicy { get; init; } = [];

    /// <summary>Object identifiers, any order.</summary>
    public IReadOnlyCollection<string> CertificatePolicy { get; init; } = [];

    /// <summary>Whatever else changes a chain's verdict, as "name=value", any order.</summary>
    public IReadOnlyCollection<string> ChainKnobs { get; init; } = [];

    /// <summary>The name of the verify policy. It speaks for the callback: same name, same verdicts.</summary>
    public string? VerifyPolicy { get; init; }

    /// <summary>The verify callback. Without a name it is told apart by reference, in this process only.</summary>
    public object? VerifyCallback { get; init; }

    /// <summary>Server: whether a session was not there before the application's own verdict. One that never had to wait for it says less.</summary>
    public bool AwaitsVerdict { get; init; }

    public string? Tenant { get; init; }

    /// <summary>Client: the external PSKs it offers. A server leaves them out: its sessions say which one they rest on.</summary>
    public IReadOnlyCollection<ExternalPskOrigin> ExternalPsks { get; init; } = [];

    /// <summary>Client: whether a server may prove itself by a certificate, too.</summary>
    public bool AllowCertificateInsteadOfPsk { get; init; }
}

/// <summary>
/// 16 random bytes per callback object: the same delegate has the same, another one or another process never. What a callback
/// without a name decides is known to nobody else.
/// </summary>
internal static class CallbackIdentity
{
    private static readonly ConditionalWeakTable<object, byte[]> Identities = [];

    public static byte[] Of(object callback, CryptoProvider crypto) => Identities.GetValue(callback, _ =>
    {
        byte[] identity = new byte[16];
        crypto.FillRandom(identity);
        return identity;
    });
}
