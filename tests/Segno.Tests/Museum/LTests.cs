using Segno.Cryptography;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Museum;

/// <summary>Room L: errors that fail open.</summary>
[Trait("Exhibit", "core")]
public sealed class LTests
{
    public static TheoryData<SessionKind, (bool Resuming, bool OnServer)> Runs
        => Exhibits.Cross((false, false), (false, true), (true, false), (true, true));

    /// <summary>What a bad key share of the peer makes fail.</summary>
    private static readonly string[] Shares = [nameof(KeyExchange.Agree), nameof(CryptoProvider.AnswerKeyExchange)];

    // L1, CVE-2026-50640, CVE-2026-73064: each call of cryptography in a handshake, its tickets and a word each way fails in its turn.
    // Either the connection ends by a fault of the side that failed, or the call was about a session, and then there is a full
    // handshake or no ticket. What arrives is what was sent, nothing of the connection is left, and the next ones stand.
    [Theory]
    [MemberData(nameof(Runs))]
    public void L1_WhateverCallFailsNothingSucceedsWrongly(SessionKind kind, (bool Resuming, bool OnServer) run)
    {
        (int calls, _) = Fail(0);
        Assert.InRange(calls, 10, 400);
        int refused = 0;
        for (int n = 1; n <= calls; n++)
        {
            refused += Fail(n).Refused ? 1 : 0;
        }
        // What can be done without is little, and a server's alone.
        Assert.InRange(refused, run.OnServer ? calls / 3 : calls, run.OnServer ? calls - 1 : calls);

        (int Calls, bool Refused) Fail(int failing)
        {
            var provider = new FaultingProvider(CryptoProvider.Default);
            (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
                kind, o => o.Crypto = run.OnServer ? o.Crypto : provider, o => o.Crypto = run.OnServer ? provider : o.Crypto);
            if (run.Resuming)
            {
                Exhibits.Session(client, server);
            }
            int before = provider.Calls.Count;
            int alive = provider.Alive;
            provider.FailingCall = failing == 0 ? 0 : before + failing;
            int calls;
            Exception? thrown;
            using (var pair = new EnginePair(client, server))
            {
                thrown = Record.Exception(() =>
                {
                    pair.Handshake();
                    pair.Send(pair.Client, "ping"u8);
                    pair.Send(pair.Server, "pong"u8);
                    pair.Run();
                });
                calls = provider.Calls.Count - before;
                string what = failing == 0 ? "none" : $"{failing} of {kind}: {provider.Calls[before + failing - 1]}";
                if (thrown is null)
                {
                    Assert.Equal(("ping", "pong"), (Text(pair.AtServer), Text(pair.AtClient)));
                    Assert.Equal(pair.Client.Info.Resumption.IsResumed, pair.Server.Info.Resumption.IsResumed);
                    Assert.True(run.Resuming || !pair.Server.Info.Resumption.IsResumed, what);
                    Assert.True(failing > 0 || run.Resuming == pair.Server.Info.Resumption.IsResumed, what);
                }
                else
                {
                    TlsConnection failed = run.OnServer ? pair.Server : pair.Client;
                    TlsFault? fault = (thrown as TlsException)?.Fault;
                    // Where a key share is agreed on nobody can tell a failing library from a bad share.
                    Assert.True(fault == (Shares.Any(what.EndsWith) ? TlsFault.KeyShareInvalid : TlsFault.CryptographyFailed), $"{what}: {thrown}");
                    Assert.True(failed.IsSendClosed && (failed.Wants & TlsWants.Read) == 0, what);
                    Assert.Contains(Text(pair.AtServer), new[] { "", "ping" });
                    Assert.Contains(Text(pair.AtClient), new[] { "", "pong" });
                }
            }
            Assert.True(alive == provider.Alive, $"call {failing} of {kind} leaves {provider.Alive - alive} objects: {(failing == 0 ? "none" : provider.Calls[before + failing - 1])}");
            provider.FailingCall = 0;
            // Nothing bad was left behind: the next two connections stand, and the second resumes.
            Exhibits.AssertUnharmed(client, server);
            Exhibits.AssertUnharmed(client, server, resumed: true);
            return (calls, thrown is not null);
        }
    }

    private static string Text(List<byte> bytes) => System.Text.Encoding.ASCII.GetString([.. bytes]);
}
