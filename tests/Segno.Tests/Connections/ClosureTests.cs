using Segno.Handshake;

namespace Segno.Tests.Connections;

/// <summary>A peer that goes away without a word, at every point of every handshake.</summary>
public class ClosureTests
{
    public static TheoryData<HandshakeVariant, bool> Table
        => new(from variant in Enum.GetValues<HandshakeVariant>() from serverIsLeft in (bool[])[true, false] select (variant, serverIsLeft));

    /// <summary>With one byte in each record every message ends with a record: the cut is there, one byte before, and one behind.</summary>
    [Theory]
    [MemberData(nameof(Table))]
    public void AtEveryMessageBoundary(HandshakeVariant variant, bool serverIsLeft)
    {
        using var contexts = new VariantContexts(variant, fragment: 1);
        (List<byte[]> fromClient, List<byte[]> fromServer) = contexts.Record();
        List<byte[]> messages = serverIsLeft ? fromClient : fromServer;
        Assert.Contains(messages, message => message[0] == (byte)HandshakeType.Finished);
        int end = 0;
        int finished = int.MaxValue;
        SortedSet<int> cuts = [0, 1];
        foreach (byte[] message in messages)
        {
            end += message.Length;
            cuts.UnionWith([end - 1, end, end + 1]);
            finished = message[0] == (byte)HandshakeType.Finished ? end : finished;
        }
        foreach (int cut in cuts)
        {
            Cut(contexts, serverIsLeft, cut, isComplete: cut >= finished, more: 0);
        }
    }

    /// <summary>Records as they usually are: the cut is behind each, and within the header and the content of the next.</summary>
    [Theory]
    [MemberData(nameof(Table))]
    public void AtAndWithinEveryRecord(HandshakeVariant variant, bool serverIsLeft)
    {
        using var contexts = new VariantContexts(variant);
        contexts.Prepare();
        int records = 0;
        int finished = 0;
        using (var pair = new EnginePair(contexts.Client, contexts.Server)
        {
            Wire = (toServer, bytes) =>
            {
                records += toServer == serverIsLeft ? WireRecords.Split(bytes).Count(IsHandshake) : 0;
                return bytes;
            },
        })
        {
            pair.Handshake();
            contexts.AssertVariant(pair);
            // In TLS 1.3 the server's tickets are one record behind its Finished.
            finished = serverIsLeft || pair.Client.Session is null || VariantContexts.IsTls12(variant) ? records : records - 1;
        }
        for (int cut = 0; cut <= records; cut++)
        {
            foreach (int more in (int[])[0, 4, 6])
            {
                Cut(contexts, serverIsLeft, cut, isComplete: cut >= finished, more);
            }
        }
    }

    /// <param name="contexts">The contexts.</param>
    /// <param name="serverIsLeft">Whether the client goes away, else the server.</param>
    /// <param name="records">How many of its records that carry the handshake still arrive.</param>
    /// <param name="isComplete">Whether the handshake is complete for the one who is left.</param>
    /// <param name="more">How many bytes of the next record arrive.</param>
    private static void Cut(VariantContexts contexts, bool serverIsLeft, int records, bool isComplete, int more)
    {
        contexts.Prepare();
        int arrived = 0;
        using (var pair = new EnginePair(contexts.Client, contexts.Server)
        {
            Wire = (toServer, bytes) => toServer == serverIsLeft ? [.. WireRecords.Split(bytes).SelectMany(Pass)] : bytes,
        })
        {
            pair.Client.Start();
            pair.Run();
            TlsConnection left = serverIsLeft ? pair.Server : pair.Client;
            Assert.Equal(isComplete, left.IsHandshakeCompleted);
            TlsException thrown = Assert.ThrowsAny<TlsException>(left.ReceiveEnd);
            Assert.Equal(isComplete ? TlsFault.Truncated : TlsFault.ClosedDuringHandshake, thrown.Fault);
            Assert.Equal(TlsWants.None, left.Wants & TlsWants.Read);
            Assert.Throws<TlsException>(() => left.Receive([], new byte[1]));
            Assert.Empty(pair.AtServer);
            Assert.Empty(pair.AtClient);
        }
        // Whoever comes next is served.
        contexts.Prepare();
        using EnginePair next = EnginePair.Connect(contexts.Client, contexts.Server);
        contexts.AssertVariant(next);

        byte[] Pass(byte[] record)
        {
            if (!IsHandshake(record))
            {
                return arrived < records ? record : [];
            }
            arrived++;
            return arrived <= records ? record : arrived == records + 1 ? record[..Math.Min(more, record.Length - 1)] : [];
        }
    }

    private static bool IsHandshake(byte[] record) => record[0] is WireRecords.Handshake or WireRecords.ApplicationData;
}
