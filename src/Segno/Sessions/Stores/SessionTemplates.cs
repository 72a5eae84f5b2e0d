using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Authentication;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What the sessions of one virtual host have in common, so that a store keeps it once. Immutable, but for the count of who refers to it.</summary>
internal sealed class SessionTemplate : IEquatable<SessionTemplate>
{
    private int _references;

    public SessionTemplate(TlsSession session)
    {
        ProtocolVersion = session.ProtocolVersion;
        CipherSuite = session.CipherSuite;
        Hash = session.Hash;
        Group = session.Group;
        ExtendedMasterSecret = session.ExtendedMasterSecret;
        Transport = session.Transport;
        RevocationEpoch = session.RevocationEpoch;
        Scope = session.Scope;
        ServerName = session.ServerName;
        ApplicationProtocol = session.ApplicationProtocol;
        Zone = session.Zone;
        IssuedAt = session.IssuedAt.ToUnixTimeMilliseconds();
        Lifetime = (long)session.TicketLifetime.TotalMilliseconds;
        AuthenticationLifetime = session.Lineage.Deadline - session.Lineage.AuthenticatedAt;
    }

    public SslProtocols ProtocolVersion { get; }

    public TlsCipherSuite CipherSuite { get; }

    public HashKind Hash { get; }

    public TlsNamedGroup? Group { get; }

    public bool ExtendedMasterSecret { get; }

    public TransportKind Transport { get; }

    public uint RevocationEpoch { get; }

    public SessionScope Scope { get; }

    public string? ServerName { get; }

    public SslApplicationProtocol ApplicationProtocol { get; }

    public ReadOnlyMemory<byte> Zone { get; }

    /// <summary>Of the first session, in milliseconds since 1970: those of the others are written as differences. No part of equality.</summary>
    public long IssuedAt { get; }

    /// <summary>Of the first session, in milliseconds: usually the others' too. No part of equality.</summary>
    public long Lifetime { get; }

    /// <summary>From the authentication of the first session to its deadline, in milliseconds: usually the others' too. No part of equality.</summary>
    public long AuthenticationLifetime { get; }

    /// <summary>The number that entries refer to it by: never 0, and used again when it is gone.</summary>
    public ushort Number { get; set; }

    /// <summary>What tells it from all others that had or will have its number.</summary>
    public ulong Serial { get; set; }

    /// <summary>About how many bytes of managed memory it takes, with its place in the table.</summary>
    public int Cost => 400 + Scope.Encoded.Length + (2 * (ServerName?.Length ?? 0)) + ApplicationProtocol.Protocol.Length + Zone.Length;

    /// <returns><see langword="false"/> when it is gone.</returns>
    public bool TryAddReference()
    {
        int references = Volatile.Read(ref _references);
        while (references >= 0)
        {
            int seen = Interlocked.CompareExchange(ref _references, references + 1, references);
            if (seen == references)
            {
                return true;
            }
            references = seen;
        }
        return false;
    }

    /// <returns>Whether that was the last one.</returns>
    public bool RemoveReference() => Interlocked.Decrement(ref _references) == 0;

    /// <summary>Ends it, unless somebody has come to refer to it.</summary>
    public bool TryEnd() => Interlocked.CompareExchange(ref _references, -1, 0) == 0;

    public bool Equals(SessionTemplate? other)
        => other is not null
            && ProtocolVersion == other.ProtocolVersion
            && CipherSuite == other.CipherSuite
            && Hash == other.Hash
            && Group == other.Group
            && ExtendedMasterSecret == other.ExtendedMasterSecret
            && Transport == other.Transport
            && RevocationEpoch == other.RevocationEpoch
            && ServerName == other.ServerName
            && ApplicationProtocol == other.ApplicationProtocol
            && PublicData.Equal(Zone.Span, other.Zone.Span)
            && (ReferenceEquals(Scope, other.Scope) || PublicData.Equal(Scope.Encoded, other.Scope.Encoded));

    public override bool Equals(object? obj) => Equals(obj as SessionTemplate);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(CipherSuite);
        hash.Add(Group);
        hash.Add(ServerName);
        hash.AddBytes(ApplicationProtocol.Protocol.Span);
        hash.AddBytes(Scope.Encoded);
        return hash.ToHashCode();
    }
}

/// <summary>
/// The templates of a store's entries: each is kept once, for as long as an entry refers to it. Names come from clients, so their
/// number and their bytes are bounded; a session that finds no room is stored in full instead. Thread-safe.
/// </summary>
/// <param name="maxBytes">What all of them may take.</param>
internal sealed class SessionTemplates(long maxBytes)
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<SessionTemplate, SessionTemplate> _all = new();
    private readonly Stack<ushort> _freeNumbers = [];
    private volatile SessionTemplate?[] _byNumber = new SessionTemplate?[16];
    private int _highest;
    private ulong _serial;
    private long _bytes;

    public int Count => _all.Count;

    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>The template of an entry: the entry keeps it there.</summary>
    public SessionTemplate? this[ushort number] => _byNumber[number];

    /// <summary>The template of a session, with a reference added, which <see cref="Release"/> takes away; <see langword="null"/> when there is no room for one.</summary>
    public SessionTemplate? Acquire(TlsSession session)
    {
        var wanted = new SessionTemplate(session);
        if (_all.TryGetValue(wanted, out SessionTemplate? template) && template.TryAddReference())
        {
            return template;
        }
        lock (_gate)
        {
            if (_all.TryGetValue(wanted, out template))
            {
                // Ends only under this lock.
                return template.TryAddReference() ? template : null;
            }
            if (_bytes + wanted.Cost > maxBytes || (_freeNumbers.Count == 0 && _highest == ushort.MaxValue))
            {
                return null;
            }
            wanted.Number = _freeNumbers.TryPop(out ushort free) ? free : (ushort)++_highest;
            wanted.Serial = ++_serial;
            wanted.TryAddReference();
            if (wanted.Number >= _byNumber.Length)
            {
                SessionTemplate?[] larger = new SessionTemplate?[Math.Min(ushort.MaxValue + 1, 2 * _byNumber.Length)];
                _byNumber.CopyTo(larger, 0);
                _byNumber = larger;
            }
            _byNumber[wanted.Number] = wanted;
            _all[wanted] = wanted;
            _bytes += wanted.Cost;
            return wanted;
        }
    }

    /// <summary>Takes a reference away. 0 is no template.</summary>
    public void Release(ushort number)
    {
        if (number == 0 || _byNumber[number] is not { } template || !template.RemoveReference())
        {
            return;
        }
        lock (_gate)
        {
            if (template.TryEnd())
            {
                _all.TryRemove(template, out _);
                _byNumber[number] = null;
                _freeNumbers.Push(number);
                _bytes -= template.Cost;
            }
        }
    }
}
