using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;
using Segno.Tests.Sessions;

namespace Segno.Tests.Handshake;

/// <summary>What RFC 9846 §4.3.9, §4.3.11 and §4.7.1 ask of PSKs and tickets, where no other test says it.</summary>
public class PskRequirementTests
{
    //
    [Fact]
    public void PsksWithoutTheirModesAreRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        List<(ExtensionType Type, byte[] Data)> extensions = script.Extensions13;
        extensions.RemoveAll(extension => extension.Type == ExtensionType.PskKeyExchangeModes);
        script.AssertRefused(TlsFault.PskKeyExchangeModesMissing, TlsAlert.MissingExtension, () => script.SendHello13([session], extensions: extensions));
    }

    // a mode that is not listed is not chosen, and who could not use tickets gets none.
    [Fact]
    public void WithoutAModeOfOursThereIsNeitherAPskNorATicket()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        List<(ExtensionType Type, byte[] Data)> extensions = script.Extensions13;
        extensions[extensions.FindIndex(extension => extension.Type == ExtensionType.PskKeyExchangeModes)] =
            ScriptedPeer.Extension(ExtensionType.PskKeyExchangeModes, 1, 0);
        script.SendHello13([session], extensions: extensions);
        Assert.Equal(ResumptionReason.NoUsablePskMode, script.Engine.Info.Resumption.Reason);
        script.ReceiveHello13();
        Assert.False(script.Hello!.Extensions.Has(ExtensionType.PreSharedKey));
        Assert.False(script.Hello.Extensions.Has(ExtensionType.PskKeyExchangeModes));
        script.ReceiveFlight13();
        script.SendFinished13();
        Assert.True(script.Engine.IsHandshakeCompleted);
        Assert.True(script.IsQuiet());
    }

    //
    [Fact]
    public void PsksAreTheLastExtensionOrRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        byte[] hello = script.Build([ScriptedClient.PreSharedKey([session.Ticket.ToArray()], [new byte[32]]), .. script.Extensions13]);
        script.AssertRefused(TlsFault.PreSharedKeyExtensionMustBeLast, TlsAlert.IllegalParameter, () => script.Send(hello));
    }

    // of two good PSKs one is taken, and a wrong binder of the other changes nothing.
    [Fact]
    public void OnlyTheBinderOfThePskThatIsTakenCounts()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession first = Exhibits.Session(client, server);
        client.SessionCache.Clear();
        TlsSession second = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.SendHello13([first, second], binders => [binders[0], new byte[32]]);
        Assert.True(script.Engine.Info.Resumption.IsResumed);
        script.ReceiveHello13(first);
        script.ReceiveFlight13(resumed: true);
    }

    // no ticket is kept for more than seven days, whatever a server says; one of no lifetime not at all.
    [Theory]
    [InlineData(0u, null)]
    [InlineData(1u, 1)]
    [InlineData(604_800u, 604_800)]
    [InlineData(604_801u, 604_800)]
    [InlineData(uint.MaxValue, 604_800)]
    public void ATicketLastsSevenDaysAtMost(uint lifetime, int? kept)
    {
        var clock = new TestClock { Wall = TimeProvider.System.GetUtcNow() };
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => o.TimeProvider = clock);
        using var script = new ScriptedServer(client);
        script.Full13();
        // The deadline of the authentication is as far away.
        script.Send(ScriptedServer.Ticket13(lifetime, [0], [1, 2, 3]));
        TimeSpan? lasts = script.Engine.Session is { } session ? session.ExpiresAt - session.IssuedAt : null;
        Assert.Equal(kept is { } seconds ? TimeSpan.FromSeconds(seconds) : null, lasts);
    }

    //
    [Fact]
    public void AClientThatResumesNothingIgnoresTickets()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => o.AllowTlsResume = false);
        using var script = new ScriptedServer(client);
        script.Full13();
        script.Send(ScriptedServer.Ticket13(3600, [0], [1, 2, 3]));
        Assert.Null(script.Engine.Session);
        Assert.Equal(0, client.SessionCache.Count);
        Assert.Equal(TlsWants.Read, script.Engine.Wants);
    }
}
