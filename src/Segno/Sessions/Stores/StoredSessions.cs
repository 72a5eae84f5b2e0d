using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>
/// A server's sessions in a store, the engine's side of it: seals what goes in, opens what comes out, and lets nothing that a store
/// does fail or stall a handshake. Thread-safe.
/// </summary>
/// <remarks>
/// A store in this process has keys of its own, one that is somebody else's is sealed under the ticket keys. So whoever has the same
/// store in the one case, the same store and keys in the other, finds the same sessions, and no further secret is to be given around.
/// </remarks>
internal abstract class StoredSessions(CryptoProvider crypto, string? tenant) : IDisposable
{
    /// <summary>How long a store may take: about what a full handshake costs.</summary>
    public static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(20);

    /// <summary>How many calls may be with a store, those included that were given up; more are refused at once.</summary>
    public const int MaxCalls = 256;

    /// <summary>How long the IDs are that we make: as long as may be.</summary>
    public const int IdLength = SessionLimits.MaxSessionId;

    private volatile bool _isDisposed;

    protected CryptoProvider Crypto { get; } = crypto;

    protected string? Tenant { get; } = tenant;

    protected byte[] TenantDigest { get; } = DigestOf(crypto, tenant);

    protected bool IsDisposed => _isDisposed;

    /// <param name="store">Where the sessions are kept; it stays its owner's.</param>
    /// <param name="ticketKeys">What they are sealed under, unless the store is one in memory.</param>
    /// <param name="crypto">The provider.</param>
    /// <param name="time">The clock that <see cref="Budget"/> is measured with.</param>
    /// <param name="tenant">The tenant whose sessions these are.</param>
    public static StoredSessions Create(ISessionStore store, TicketKeyRing ticketKeys, CryptoProvider crypto, TimeProvider time, string? tenant)
        => store is MemorySessionStore memory
            ? new MemoryStoredSessions(memory, crypto, tenant)
            : new ForeignStoredSessions(store, ticketKeys, crypto, time, tenant);

    /// <summary>Makes the ID of a session that is to be stored. It says nothing about the session .</summary>
    /// <returns>The ID; <see langword="null"/> where none could be stored.</returns>
    public abstract byte[]? CreateId();

    /// <summary>Whether the store answers at once.</summary>
    public abstract bool IsInMemory { get; }

    /// <summary>Locate: looks a session ID up. Changes nothing .</summary>
    public abstract ValueTask<LocatedSession> FindAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken);

    /// <summary>Consume: takes a session that may be used once. Of all who try, one gets <see cref="ResumptionReason.None"/>.</summary>
    public abstract ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken);

    /// <summary>Forgets a session: its connection ended with a fatal alert, or the application refuses the peer.</summary>
    public abstract ValueTask RemoveAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken);

    /// <summary>Says that a session was resumed. Its peer has proved possession: only now it counts as used. Waits for nothing.</summary>
    public abstract void MarkUsed(ReadOnlySpan<byte> sessionId);

    /// <summary>Locate: looks up the session of a stateful ticket, of whatever version it is. Changes nothing .</summary>
    public ValueTask<LocatedSession> FindTicketAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
        => FindAsync(sessionId, cancellationToken).Then(found => found with { Mechanism = ResumptionMechanism.Psk, SingleUseId = sessionId });

    /// <summary>Commit: keeps a session under its ID. Called when the handshake is complete, and every verdict in.</summary>
    /// <param name="session">The session.</param>
    /// <param name="sessionId">Its ID, of <see cref="CreateId"/>.</param>
    /// <param name="address">Where its client is; <see langword="null"/> where that is not known.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it is kept.</returns>
    public ValueTask<bool> StoreAsync(TlsSession session, ReadOnlyMemory<byte> sessionId, IPAddress? address, CancellationToken cancellationToken)
        // without the extended main secret a TLS 1.2 session is bound to no handshake, and never resumed.
        => !session.IsServer || (session.ProtocolVersion == SslProtocols.Tls12 && !session.ExtendedMasterSecret)
            ? new ValueTask<bool>(false)
            // RFC 9846 appendix C.4: a TLS 1.3 session is for one connection.
            : SetAsync(session, sessionId, address, session.ProtocolVersion == SslProtocols.Tls13, cancellationToken);

    /// <summary>Commit: keeps sessions of TLS 1.3, and makes the tickets that refer to them. All at once: a store's time is that of one call.</summary>
    /// <param name="sessions">The sessions.</param>
    /// <param name="address">Where their client is; <see langword="null"/> where that is not known.</param>
    /// <param name="otherwise">Makes the ticket of a session that the store does not keep; <see langword="null"/>: there is none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A ticket for each session, or <see langword="null"/> in its place.</returns>
    public ValueTask<byte[]?[]> IssueAsync(
        TlsSession[] sessions, IPAddress? address, Func<TlsSession, byte[]?>? otherwise, CancellationToken cancellationToken)
        => ValueTasks.All(Array.ConvertAll(sessions, session => IssueAsync(session, address, otherwise, cancellationToken)));

    /// <summary>Ends it: nothing is found and nothing kept any more. The store and the keys are their owners'.</summary>
    public void Dispose() => _isDisposed = true;

    protected abstract ValueTask<bool> SetAsync(
        TlsSession session, ReadOnlyMemory<byte> sessionId, IPAddress? address, bool singleUse, CancellationToken cancellationToken);

    /// <summary>What is random in an ID. Without it there is none, and the session is not kept (L1).</summary>
    protected bool TryFillRandom(Span<byte> id)
    {
        try
        {
            Crypto.FillRandom(id);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    protected static LocatedSession NotFound(ResumptionReason reason) => new(null, ResumptionMechanism.SessionId, reason);

    private ValueTask<byte[]?> IssueAsync(TlsSession session, IPAddress? address, Func<TlsSession, byte[]?>? otherwise, CancellationToken cancellationToken)
        => CreateId() is { } id
            ? StoreAsync(session, id, address, cancellationToken).Then(kept => kept ? StatefulTicket.Write(id) : otherwise?.Invoke(session))
            : new ValueTask<byte[]?>(otherwise?.Invoke(session));

    private static byte[] DigestOf(CryptoProvider crypto, string? tenant)
    {
        byte[] digest = new byte[HashKind.Sha256.Length()];
        crypto.Hash(HashKind.Sha256, Encoding.UTF8.GetBytes(tenant ?? ""), digest);
        return digest;
    }
}
