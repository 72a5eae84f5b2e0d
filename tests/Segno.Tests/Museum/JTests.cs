using System.Numerics;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room J: what an observer can tell connections by.</summary>
[Trait("Exhibit", "core")]
public sealed class JTests
{
    // R-64, J2, CVE-2022-30629: ticket_age_add hides a ticket's age only if nobody can guess it. Of ten thousand tickets.
    [Fact]
    public void J2_TicketAgeAddIsRandom()
    {
        const int Connections = 640;
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.AllowTlsResume = true, o => o.TicketCount = 0);
        List<uint> values = [];
        for (int i = 0; i < Connections; i++)
        {
            client.SessionCache.Clear();
            using var pair = new EnginePair(client, server);
            pair.Client.SessionReceived += (_, session) => values.Add(session.AgeAdd);
            pair.Handshake();
            Assert.Equal(16, Exhibits.IssueTickets(pair.Server, 8) + Exhibits.IssueTickets(pair.Server, 8));
            pair.Run();
        }
        Assert.Equal(Connections * 16, values.Count);
        // One chance in four hundred thousand for three pairs of equals.
        Assert.InRange(values.Distinct().Count(), values.Count - 2, values.Count);
        // Eight standard deviations, of which 512 is one and a bit.
        int half = values.Count / 2;
        int margin = 8 * (int)Math.Sqrt(values.Count / 4.0);
        for (int bit = 0; bit < 32; bit++)
        {
            Assert.InRange(values.Count(value => (value >> bit & 1) == 1), half - margin, half + margin);
        }
        // Nor does one follow from the one before.
        long changed = values.Zip(values.Skip(1), (a, b) => (long)BitOperations.PopCount(a ^ b)).Sum();
        Assert.InRange(changed / (double)(values.Count - 1), 15.5, 16.5);
    }
}
