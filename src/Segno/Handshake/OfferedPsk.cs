using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>A PSK as a handshake works with it: of a session, or an external one. Exactly one of the two is there.</summary>
internal sealed class OfferedPsk
{
    /// <summary>What a secret may take.</summary>
    public const int MaxSecretLength = TlsExternalPsk.MaxSecretLength;

    public OfferedPsk(TlsSession session) => Session = session;

    public OfferedPsk(ExternalPskKey external) => External = external;

    public TlsSession? Session { get; }

    public ExternalPskKey? External { get; }

    public HashKind Hash => Session?.Hash ?? External!.Hash;

    /// <summary>Client: by what the server knows it.</summary>
    public ReadOnlyMemory<byte> Identity => Session?.Ticket ?? External!.Identity.Value;

    /// <summary>Writes the secret, which the caller wipes.</summary>
    /// <returns>Its length.</returns>
    public int CopySecret(Span<byte> destination) => Session?.CopySecret(destination) ?? External!.CopySecret(destination);

    /// <summary>The binder over a hello up to its binders, and all messages before it .</summary>
    public void WriteBinder(HandshakeLink link, ReadOnlySpan<byte> truncatedHello, Span<byte> binder)
    {
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        ReadOnlySpan<byte> transcript = link.Transcript.CurrentWith(Hash, truncatedHello, hash);
        Span<byte> secret = stackalloc byte[MaxSecretLength];
        try
        {
            int length = CopySecret(secret);
            KeySchedule.ComputeBinder(link.Crypto, Hash, secret[..length], External?.Kind ?? PskKind.Resumption, transcript, binder);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }
}
