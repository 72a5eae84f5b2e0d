using System.Text;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room D: external PSKs.</summary>
public partial class DTests
{
    private static readonly byte[] PskSecret = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    public static TheoryData<string, string> LookAlikes => new()
    {
        { "alice", "alice\0" },
        { "alice", "alice\0admin" },
        { "alice", "Alice" },
        { "alice", "alic" },
        { "alice", "alice " },
        { "alice", "\0" },
        { "caf\u00e9", "cafe\u0301" },
        { "caf\u00e9", "caf\u00c9" },
        { "\ufb01sh", "fish" },
    };

    /// <summary>Each kind of PSK under the labels of the others.</summary>
    public static TheoryData<string, int> WrongLabels
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach ((string kind, PskKind own) in (IEnumerable<(string, PskKind)>)[("session", PskKind.Resumption), ("plain", PskKind.External), ("imported", PskKind.Imported)])
            {
                foreach (PskKind label in Enum.GetValues<PskKind>().Where(label => label != own))
                {
                    data.Add(kind, (int)label);
                }
            }
            return data;
        }
    }

    /// <summary>
    /// D11 (Selfie): the nodes of a mesh have one secret, and each is a client and a server. A hello is good at the node that it is
    /// for, and neither at who made it nor at a third.
    /// </summary>
    [Fact]
    public void D11_AHelloIsGoodAtTheNodeItIsForAlone()
    {
        string[] names = ["node a", "node b", "node c"];
        foreach (string from in names)
        {
            foreach (string to in names.Where(name => name != from))
            {
                foreach (string arrivesAt in names)
                {
                    (TlsClientContext client, TlsServerContext server) = ExternalPskTests.Contexts(
                        [Between(from, to)],
                        null,
                        o => o.ExternalPskSelector = (identity, _) =>
                        {
                            // Believes the client its name, and knows its own.
                            string claimed = Encoding.ASCII.GetString(identity.Context.Span[1..][..identity.Context.Span[0]]);
                            return ValueTask.FromResult(claimed == arrivesAt ? null : Between(claimed, arrivesAt));
                        });
                    using var pair = new EnginePair(client, server);
                    pair.Client.Start();
                    if (arrivesAt == to)
                    {
                        pair.Run();
                        Assert.True(pair.Server.IsHandshakeCompleted);
                    }
                    else
                    {
                        Assert.Equal(TlsFault.ExternalPskUnknown, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
                    }
                }
            }
        }

        static TlsExternalPsk Between(string client, string server)
            => TlsExternalPsk.ImportForRoles("mesh"u8, PskSecret, Encoding.ASCII.GetBytes(client), Encoding.ASCII.GetBytes(server));
    }

    /// <summary>The attack itself: without roles, a node that is both answers its own hello. That is why they are there.</summary>
    [Fact]
    public void D11_WithoutRolesANodeAnswersItself()
    {
        (TlsClientContext client, TlsServerContext server) = ExternalPskTests.Contexts([TlsExternalPsk.Import("mesh"u8, PskSecret)]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionMechanism.ExternalPsk, pair.Server.Info.Resumption.Mechanism);
    }

    /// <summary>D12, R-90: an application that compares as people do finds the PSK of another; the library does not take it.</summary>
    [Theory]
    [MemberData(nameof(LookAlikes))]
    public void D12_AnIdentityThatOnlyLooksAlikeIsUnknown(string known, string offered)
    {
        var psk = new TlsExternalPsk(Encoding.UTF8.GetBytes(known), PskSecret);
        int found = 0;
        (TlsClientContext client, TlsServerContext server) = ExternalPskTests.Contexts(
            [new TlsExternalPsk(Encoding.UTF8.GetBytes(offered), PskSecret)],
            null,
            o => o.ExternalPskSelector = (_, _) =>
            {
                // Whatever is asked for, this one is the nearest.
                found++;
                return ValueTask.FromResult<TlsExternalPsk?>(psk);
            });
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        Assert.Equal(TlsFault.ExternalPskUnknown, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        Assert.Equal(1, found);
    }

    /// <summary>D13: the label of the binder says what kind the PSK is of, and no kind passes for another.</summary>
    [Theory]
    [MemberData(nameof(WrongLabels))]
    public void D13_ABinderUnderTheLabelOfAnotherKindIsRefused(string kind, int label)
    {
        TlsExternalPsk[] psks = [ExternalPskTests.Plain, ExternalPskTests.Imported];
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ExternalPskSelector = ExternalPskTests.Knows(psks));
        var offered = kind switch
        {
            "session" => new OfferedPsk(Exhibits.Session(client, server)),
            "plain" => new OfferedPsk(psks[0].Keys[0]),
            _ => new OfferedPsk(psks[1].Keys[0]),
        };
        using (var good = new ScriptedClient(server))
        {
            good.SendHello13([offered]);
            Assert.True(good.ReceiveHello().Extensions.Has(Segno.Handshake.Extensions.ExtensionType.PreSharedKey));
        }
        using var script = new ScriptedClient(server);
        script.AssertRefused(TlsFault.PskBinderInvalid, TlsAlert.DecryptError, () => script.SendHello13([offered], label: (PskKind)label));
    }

    /// <summary>R-90, R-91a: what is a ticket of ours is a ticket, whoever has given a PSK the same name.</summary>
    [Fact]
    public void D13_APskWithTheIdentityOfATicketDoesNotPassForTheSession()
    {
        TlsExternalPsk? colliding = null;
        int asked = 0;
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ExternalPskSelector = (_, _) =>
        {
            asked++;
            return ValueTask.FromResult(colliding);
        });
        TlsSession session = Exhibits.Session(client, server);
        colliding = new TlsExternalPsk(session.Ticket.Span, PskSecret);
        using (var script = new ScriptedClient(server))
        {
            script.AssertRefused(TlsFault.PskBinderInvalid, TlsAlert.DecryptError, () => script.SendHello13([new OfferedPsk(colliding.Keys[0])]));
        }
        Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), Exhibits.Redeem(server, session));
        Assert.Equal(0, asked);
    }
}
