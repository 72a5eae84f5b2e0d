using Segno.Handshake;
using Segno.Tests.Connections;

namespace Segno.Tests.Architecture;

/// <summary>docs/state-machine.md is the state machine, and what it does not allow does not happen.</summary>
public sealed class StateMachineTests
{
    private static readonly Transition[] Map = [.. ReadMap(File.ReadAllText(Path.Combine(SourceTree.Root, "docs", "state-machine.md")))];

    [Fact]
    public void TheMapHasEveryState()
    {
        IEnumerable<string> states = typeof(HandshakeState).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(HandshakeState)) && type is { IsAbstract: false, IsGenericType: false })
            .Select(type => type.Name);
        Assert.Equal(states.Order(), Map.SelectMany(step => (string[])[step.State, step.Next]).Distinct().Order());
    }

    [Fact]
    public void TheMapHasEveryStepAndNoOther()
    {
        Transition[] walked =
        [
            .. Enum.GetValues<HandshakeVariant>().Select(variant => StateWalk.Through(variant))
                .Append(StateWalk.Through(HandshakeVariant.Resumed, earlyDataSize: 1)).SelectMany(walk => walk.Transitions).Distinct(),
        ];
        Assert.Equal(Sorted(walked), Sorted(Map));
        Assert.Equal(Map.Length, Map.Distinct().Count());
    }

    [Fact]
    public void AStepThatIsLeftOutOrMadeUpIsSeen()
    {
        const string table = "| state | message | next state |\n|---|---|---|\n| A | Finished | B |\n";
        Assert.Equal([new Transition("A", "Finished", "B")], ReadMap("text\n" + table + "\n| other | table |\n|---|---|\n| A | B |\n"));
        Transition[] walked = [.. StateWalk.Through(HandshakeVariant.Full).Transitions];
        Assert.NotEqual(Sorted(walked), Sorted(Map));
    }

    [Theory]
    [MemberData(nameof(VariantContexts.All), MemberType = typeof(VariantContexts))]
    public void WhatIsNotOnTheMapIsRefusedInEveryState(HandshakeVariant variant)
    {
        List<byte[]> corpus = HandshakeCorpus.OneOfEach;
        foreach (bool toServer in (bool[])[true, false])
        {
            IReadOnlyList<string> states = StateWalk.Through(variant).StatesOf(toServer);
            using var contexts = new VariantContexts(variant);
            for (int index = 0; index < states.Count; index++)
            {
                foreach (byte[] message in corpus.Where(message => !Map.Any(step => step.State == states[index] && step.Message == StateWalk.NameOf(message))))
                {
                    TlsFault fault = Inject(contexts, toServer, index, message, isConnected: states[index].StartsWith("Connected", StringComparison.Ordinal));
                    Assert.True(HandshakeCorpus.IsNamed(fault), $"{states[index]}, {StateWalk.NameOf(message)}: {fault}");
                }
            }
        }
    }

    [Theory]
    [InlineData(HandshakeVariant.Full, true)]
    [InlineData(HandshakeVariant.Full, false)]
    [InlineData(HandshakeVariant.Tls12Full, true)]
    [InlineData(HandshakeVariant.Tls12Full, false)]
    public void WhatIsNotOnTheMapIsRefusedAfterTheHandshake(HandshakeVariant variant, bool toServer)
    {
        foreach (byte[] message in HandshakeCorpus.OneOfEach)
        {
            string name = StateWalk.NameOf(message);
            using var contexts = new VariantContexts(variant);
            using EnginePair pair = EnginePair.Connect(contexts.Client, contexts.Server);
            // Tickets and HelloRequest are for clients, ClientHello for servers.
            bool isForServers = name == nameof(HandshakeType.ClientHello);
            string state = (toServer ? pair.Server : pair.Client).State()!.GetType().Name;
            if (name == nameof(HandshakeType.KeyUpdate) ? !VariantContexts.IsTls12(variant) : toServer == isForServers && Map.Any(step => step.State == state && step.Message == name))
            {
                continue;
            }
            (toServer ? pair.Client : pair.Server).Writer().Messages.Append(message);
            TlsFault fault = Assert.ThrowsAny<TlsException>(pair.Run).Fault;
            Assert.True(HandshakeCorpus.IsNamed(fault), $"{name}: {fault}");
        }
    }

    /// <summary>Says the message, under the right keys and with the transcript of who says it, before the message of the index.</summary>
    private static TlsFault Inject(VariantContexts contexts, bool toServer, int index, byte[] message, bool isConnected)
    {
        using var pair = new TamperedPair(contexts, toServer, index, own => [.. message, .. own]);
        TlsException? thrown = pair.Run();
        Assert.Equal(isConnected, pair.Victim.IsHandshakeCompleted);
        return thrown?.Fault ?? TlsFault.None;
    }

    private static IEnumerable<Transition> ReadMap(string text)
    {
        bool inTable = false;
        foreach (string line in text.Split('\n'))
        {
            string[] cells = [.. line.Split('|').Select(cell => cell.Trim())];
            if (cells.Length < 5)
            {
                inTable = false;
            }
            else if (cells[1..4] is ["state", "message", "next state"])
            {
                inTable = true;
            }
            else if (inTable && !cells[1].StartsWith("---", StringComparison.Ordinal))
            {
                yield return new Transition(cells[1], cells[2], cells[3]);
            }
        }
    }

    private static IEnumerable<string> Sorted(IEnumerable<Transition> steps) => steps.Select(step => step.ToString()).Order(StringComparer.Ordinal);
}
