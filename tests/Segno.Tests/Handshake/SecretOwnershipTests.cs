using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;

namespace Segno.Tests.Handshake;

/// <summary>Whatever holds a key is wiped with its connection, also where the handshake ends before its turn came.</summary>
public class SecretOwnershipTests
{
    public static TheoryData<ResumptionMechanism, bool> Sides => new(
        from mechanism in (ResumptionMechanism[])[ResumptionMechanism.SessionId, ResumptionMechanism.Ticket, ResumptionMechanism.Psk]
        from ofServer in (bool[])[false, true]
        select (mechanism, ofServer));

    [Theory]
    [MemberData(nameof(Sides))]
    public void NothingIsLeftOver(ResumptionMechanism mechanism, bool ofServer)
    {
        var provider = new CountingProvider();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            mechanism,
            o => o.Crypto = ofServer ? o.Crypto : provider,
            o => o.Crypto = ofServer ? provider : o.Crypto);
        foreach (bool resumed in (bool[])[false, true])
        {
            // One message more of the other side arrives each time, and then nothing.
            int messages = 0;
            for (int allowed = 0; allowed == 0 || messages >= allowed; allowed++)
            {
                messages = 0;
                if (resumed && client.SessionCache.Count == 0)
                {
                    EnginePair.Connect(client, server).Dispose();
                }
                else if (!resumed)
                {
                    client.SessionCache.Clear();
                }
                TlsSettings talking = ofServer ? client.Settings : server.Settings;
                talking.MessageRewriter = message => ++messages <= allowed ? message : [];
                using (var pair = new EnginePair(client, server))
                {
                    Record.Exception(() =>
                    {
                        pair.Client.Start();
                        pair.Run();
                    });
                }
                talking.MessageRewriter = null;
                Assert.Equal(0, provider.Alive);
            }
            Assert.True(messages > 1);
        }
        Assert.True(provider.Made > 10);
    }
}
