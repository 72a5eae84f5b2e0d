using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Reflection;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Tests.Cryptography;
using Segno.Tests.IO;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Museum;

/// <summary>Room I, I6 (CVE-2026-21637): what an application gives us to call throws, hangs, or answers nothing.</summary>
public sealed partial class ITests
{
    // By option. What is called inside the engine (KeyLog, SessionCache, TimeProvider) must not block, as its documentation says:
    // such a hang nobody can bound.
    private static readonly Dictionary<string, Callback> Callbacks = new()
    {
        ["TlsClientOptions.RemoteCertificateValidationCallback"] = Validation(ofServer: false),
        ["TlsServerOptions.RemoteCertificateValidationCallback"] = Validation(ofServer: true),
        ["TlsClientOptions.ClientCertificateSelector"] = new(
            (options, act) => ((TlsClientOptions)options).ClientCertificateSelector = (_, _) => act.AnswerAsync<TlsCertificate>(),
            new() { [Act.Throws] = TlsFault.CallbackFailed, [Act.Hangs] = TlsFault.HandshakeTimeout, [Act.AnswersNull] = null }),
        ["TlsServerOptions.CertificateSelector"] = new(
            (options, act) => ((TlsServerOptions)options).CertificateSelector = (_, _) => act.AnswerAsync<TlsCertificate>(),
            new() { [Act.Throws] = TlsFault.CallbackFailed, [Act.Hangs] = TlsFault.HandshakeTimeout, [Act.AnswersNull] = TlsFault.UnrecognizedServerName }),
        ["TlsServerOptions.ContextSelector"] = new(
            (options, act) => ((TlsServerOptions)options).ContextSelector = (_, _) => act.AnswerAsync<TlsServerContext>(),
            new() { [Act.Throws] = TlsFault.CallbackFailed, [Act.Hangs] = TlsFault.HandshakeTimeout, [Act.AnswersNull] = TlsFault.UnrecognizedServerName }),
        // A store costs full handshakes, never a failed one.
        ["TlsServerOptions.SessionStore"] = new(
            (options, act) => (((TlsServerOptions)options).SessionStore, ((TlsServerOptions)options).Group) = (
                new StoreDouble { Before = async _ => await act.AnswerAsync<object>(), Returns = _ => null }, "g"),
            new() { [Act.Throws] = null, [Act.Hangs] = null, [Act.AnswersNull] = null }),
        ["TlsClientOptions.SessionCache"] = new(
            (options, act) => ((TlsClientOptions)options).SessionCache = new CacheDouble(act),
            new() { [Act.Throws] = TlsFault.CallbackFailed, [Act.AnswersNull] = null }),
        ["TlsClientOptions.KeyLog"] = KeyLog,
        ["TlsServerOptions.KeyLog"] = KeyLog,
        ["TlsClientOptions.TimeProvider"] = Clock,
        ["TlsServerOptions.TimeProvider"] = Clock,
        // Called while a context is made: what it throws comes to whoever makes one.
        ["TlsClientOptions.MeterFactory"] = Meters,
        ["TlsServerOptions.MeterFactory"] = Meters,
    };

    // Not called in a full handshake with a certificate: what becomes of theirs is tested where they are.
    private static readonly Dictionary<string, string> Elsewhere = new()
    {
        ["TlsServerOptions.ExternalPskSelector"] = nameof(Segno.Tests.Connections.ExternalPskTests.ASelectorThatFailsEndsTheHandshake),
        ["TlsServerOptions.LoadProbe"] = nameof(Segno.Tests.Sessions.Policy.PolicyGateTests.AProbeThatThrowsKnowsNothing),
        ["TlsServerOptions.ReplayGuard"] = nameof(I6_AGuardThatThrowsClearsNothing),
        ["TlsServerOptions.ResumptionPolicy"] = nameof(Segno.Tests.Connections.ResumptionPolicyTests.APolicyThatThrowsFailsNoHandshake),
        ["TlsServerOptions.Revocations"] = nameof(Segno.Tests.Sessions.RevocationListTests.AListThatThrowsRevokes),
    };

    /// <summary>What a callback does instead of its work.</summary>
    internal enum Act
    {
        Throws,
        Hangs,
        AnswersNull,
    }

    public static TheoryData<SessionKind, string> Acts
        => Exhibits.Cross([.. Callbacks.SelectMany(callback => callback.Value.Expected.Keys.Select(act => $"{callback.Key} {act}"))]);

    private static Callback KeyLog => new(
        (options, act) => options.KeyLog = _ => act.Do(), new() { [Act.Throws] = TlsFault.CallbackFailed });

    private static Callback Clock => new(
        (options, act) => options.TimeProvider = new BrokenClock(act), new() { [Act.Throws] = TlsFault.CallbackFailed });

    private static Callback Meters => new((options, _) => options.MeterFactory = new BrokenMeters(), new() { [Act.Throws] = null });

    /// <summary>A new callback, store or source in the options fails here until the table says what becomes of it.</summary>
    [Fact]
    public void I6_EveryCallbackIsCovered()
    {
        IEnumerable<string> found = new[] { typeof(TlsClientOptions), typeof(TlsServerOptions) }.SelectMany(type => type
            .GetProperties(BindingFlags.Instance | BindingFlags.Public)
            .Where(property => IsCalled(property.PropertyType))
            .Select(property => $"{type.Name}.{property.Name}"));
        Assert.Equal(found.Order(StringComparer.Ordinal), Callbacks.Keys.Concat(Elsewhere.Keys).Order(StringComparer.Ordinal));
        Assert.All(Callbacks, callback => Assert.Contains(Act.Throws, callback.Value.Expected.Keys));

        // Lists are read once; classes that nobody can derive from are ours.
        static bool IsCalled(Type type)
            => type.IsAssignableTo(typeof(Delegate)) || ((type.IsInterface || type.IsAbstract) && !type.IsAssignableTo(typeof(System.Collections.IEnumerable)) && !type.IsGenericType);
    }

    [Fact]
    public async Task I6_AGuardThatThrowsClearsNothing()
        => Assert.Equal(
            EarlyDataReason.ReplayGuardUnavailable,
            await new GuardedReplays(new BrokenGuard(), TimeProvider.System).ClaimAsync(default, TestContext.Current.CancellationToken));

    [Theory]
    [MemberData(nameof(Acts))]
    public async Task I6_WhateverACallbackDoesTheConnectionEndsAsItShould(SessionKind kind, string row)
    {
        string name = row.Split(' ')[0];
        bool ofServer = name.StartsWith(nameof(TlsServerOptions), StringComparison.Ordinal);
        Callback callback = Callbacks[name];
        using var act = new Behaviour(Enum.Parse<Act>(row.Split(' ')[1]));
        TlsFault? expected = callback.Expected[act.Act];
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var crypto = new FaultingProvider(CryptoProvider.Default);
        if (name.EndsWith(nameof(TlsOptions.MeterFactory), StringComparison.Ordinal))
        {
            Assert.Throws<NotSupportedException>(() => _ = Contexts());
            Assert.Equal(0, crypto.Alive);
            return;
        }
        (TlsClientContext client, TlsServerContext server) = Contexts();
        int alive = crypto.Alive;
        act.IsArmed = true;
        await using (TlsStreams streams = TlsStreams.Create())
        {
            Task[] handshakes =
            [
                streams.Client.AuthenticateAsClientAsync(client, "localhost", TlsStreams.Cancel),
                streams.Server.AuthenticateAsServerAsync(server, TlsStreams.Cancel),
            ];
            int own = ofServer ? 1 : 0;
            if (act.Act == Act.Hangs)
            {
                // A store has a budget of its own within the time of the handshake.
                TimeSpan step = expected is null ? StoredSessions.Budget : client.Settings.HandshakeTimeout;
                while (!handshakes[own].IsCompleted)
                {
                    time.Advance(act.IsReached ? step : TimeSpan.Zero);
                    await Task.WhenAny(handshakes[own], Task.Delay(1, TlsStreams.Cancel));
                }
            }
            var thrown = new Exception?[2];
            thrown[own] = await Record.ExceptionAsync(() => handshakes[own]);
            if (thrown[own] is not null && (!ofServer || act.Act == Act.Hangs))
            {
                // A client that never said a word has nobody to tell, and a timeout has no alert: the transport ends.
                await (ofServer ? streams.Server : streams.Client).DisposeAsync();
            }
            thrown[1 - own] = await Record.ExceptionAsync(() => handshakes[1 - own]);
            Assert.True(act.IsReached || (expected is null && name.EndsWith(nameof(TlsServerOptions.SessionStore), StringComparison.Ordinal) && !kind.IsStored()));
            if (expected is { } fault)
            {
                Assert.Equal(fault, Assert.IsAssignableFrom<TlsException>(thrown[own]).Fault);
                // The peer hears of it, at the latest when it next reads.
                TlsStream peer = ofServer ? streams.Client : streams.Server;
                Assert.IsAssignableFrom<TlsException>(
                    thrown[1 - own] ?? await Record.ExceptionAsync(() => TlsStreams.ReadExactlyAsync(peer, 1)));
                Assert.Equal(0, client.Settings.SessionCache.Count);
            }
            else
            {
                Assert.Equal([null, null], thrown);
                await streams.Client.WriteAsync("x"u8.ToArray(), TlsStreams.Cancel);
                Assert.Equal("x"u8.ToArray(), await TlsStreams.ReadExactlyAsync(streams.Server, 1));
            }
        }
        Assert.Equal(alive, crypto.Alive);

        (TlsClientContext Client, TlsServerContext Server) Contexts() => Exhibits.Contexts(
            kind,
            o =>
            {
                o.ClientCertificate = TestPki.ClientEcdsa().Tls;
                Set(o, !ofServer);
            },
            o =>
            {
                (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Optional, TestPki.TrustRoot());
                Set(o, ofServer);
            });

        void Set(TlsOptions options, bool applies)
        {
            if (applies)
            {
                (options.TimeProvider, options.Crypto) = (time, crypto);
                callback.Set(options, act);
            }
        }
    }

    private static Callback Validation(bool ofServer) => new(
        (options, act) => options.RemoteCertificateValidationCallback = (_, _, _, _) =>
        {
            act.Do();
            return ofServer;
        },
        new() { [Act.Throws] = TlsFault.CallbackFailed, [Act.Hangs] = TlsFault.HandshakeTimeout });

    /// <summary>How a callback is set, and the fault of the connection for all that it may do; <see langword="null"/>: the connection stands.</summary>
    private sealed record Callback(Action<TlsOptions, Behaviour> Set, Dictionary<Act, TlsFault?> Expected);

    private sealed class Behaviour(Act act) : IDisposable
    {
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Act Act => act;

        /// <summary>From now on; before, a context is being made.</summary>
        public bool IsArmed { get; set; }

        public bool IsReached { get; private set; }

        public async ValueTask<T?> AnswerAsync<T>()
            where T : class
        {
            if (Reach())
            {
                await _end.Task;
            }
            return null;
        }

        public void Do()
        {
            if (Reach())
            {
                _end.Task.GetAwaiter().GetResult();
            }
        }

        public void Dispose() => _end.TrySetResult();

        private bool Reach()
        {
            IsReached |= IsArmed;
            return !IsArmed || act == Act.AnswersNull ? false
                : act == Act.Hangs ? true
                : throw new InvalidOperationException("as told");
        }
    }

    private sealed class CacheDouble(Behaviour act) : IClientSessionCache
    {
        public int Count => 0;

        public void Add(ClientSessionKey key, TlsSession session) => act.Do();

        // It says that there is one.
        public bool TryTake(ClientSessionKey key, DateTimeOffset now, [NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason)
        {
            (session, reason) = (null!, ResumptionReason.None);
            act.Do();
            return true;
        }

        public void PutBack(ClientSessionKey key, TlsSession session) => act.Do();

        public void Remove(ClientSessionKey key) => act.Do();

        public void Remove(ClientSessionKey key, Guid lineageId) => act.Do();

        public void Clear() => act.Do();

        public void ClearFor(string host) => act.Do();
    }

    private sealed class BrokenClock(Behaviour act) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow()
        {
            act.Do();
            return base.GetUtcNow();
        }
    }

    private sealed class BrokenGuard : IReplayGuard
    {
        public ReadOnlyMemory<byte> Zone => new byte[16];

        public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default)
            => throw new InvalidOperationException("as told");
    }

    private sealed class BrokenMeters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => throw new NotSupportedException("as told");

        public void Dispose()
        {
        }
    }
}
