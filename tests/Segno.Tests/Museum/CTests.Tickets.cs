using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Connections;
using Segno.Tests.Cryptography;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>Room C: tickets that cannot be made, tickets without measure, and the clock on the wall.</summary>
public partial class CTests
{
    public static TheoryData<SessionKind, string> TroubleWithTickets
    {
        get
        {
            var data = new TheoryData<SessionKind, string>();
            foreach (string trouble in (string[])["no key", "sealing fails", "session too long"])
            {
                data.Add(SessionKind.Ticket, trouble);
                data.Add(SessionKind.StatelessPsk, trouble);
            }
            return data;
        }
    }

    // C9, C12: where no ticket can be made there is none: TLS 1.2, which has promised one, says so in as many zeros; TLS 1.3 is silent.
    [Theory]
    [MemberData(nameof(TroubleWithTickets))]
    public void C9_ATicketThatCannotBeMadeCostsNothingElse(SessionKind kind, string trouble)
    {
        using var ring = new TicketKeyRing();
        var crypto = new FailingSeal();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => o.ClientCertificate = trouble == "session too long" ? LongChain(20 * 1024).Tls : null,
            o =>
            {
                Share(o, ring);
                o.Crypto = crypto;
                (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Optional, TestPki.TrustRoot());
            });
        var sent = new List<byte[]>();
        server.Settings.MessageRewriter = message =>
        {
            sent.Add(message);
            return message;
        };
        crypto.Fails = trouble == "sealing fails";
        if (trouble == "no key")
        {
            ring.Dispose();
        }
        Exhibits.AssertUnharmed(client, server, resumed: false);
        byte[][] tickets = [.. sent.Where(message => message[0] == (byte)HandshakeType.NewSessionTicket)];
        if (kind.IsTls13())
        {
            Assert.Empty(tickets);
        }
        else
        {
            Assert.Equal([4, 0, 0, 6, 0, 0, 0, 0, 0, 0], Assert.Single(tickets));
        }
        Assert.Equal(0, client.SessionCache.Count);
        Exhibits.AssertUnharmed(client, server, resumed: false);
    }

    // C12: the client's chain up to what a ticket holds, and one byte more. It is the sum that counts, whatever the session has else.
    [Theory]
    [MemberData(nameof(Tickets))]
    public void C12_TheLongestChainThatATicketHolds(SessionKind kind)
    {
        int overhead = TicketLength(kind, 8 * 1024, out int chain) - chain;
        int longest = TicketSealer.MaxTicketLength - overhead;
        Assert.Equal(TicketSealer.MaxTicketLength, TicketLength(kind, longest, out _));
        Assert.Equal(0, TicketLength(kind, longest + 1, out _));
        // Without any certificate there is a state, too.
        Assert.InRange(TicketLength(kind, 0, out _), TicketSealer.HeaderLength + 1, 1024);
    }

    // C10, CVE-2015-5291: what a server may send in length, and what of it a client carries to its next hello.
    [Theory]
    [InlineData(false, SessionLimits.MaxClientTicket, true)]
    [InlineData(false, SessionLimits.MaxClientTicket + 1, false)]
    [InlineData(false, ushort.MaxValue, false)]
    [InlineData(true, SessionLimits.MaxClientTicket, true)]
    [InlineData(true, SessionLimits.MaxClientTicket + 1, false)]
    [InlineData(true, ushort.MaxValue, false)]
    public void C10_AnOverlongTicketIsDroppedAndTheNextHelloStaysSmall(bool tls13, int length, bool kept)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        byte[] ticket = new byte[length];
        ticket.AsSpan().Fill(7);
        using (var script = new ScriptedServer(client))
        {
            if (tls13)
            {
                script.Full13();
                script.Send(ScriptedServer.Ticket13(3600, new byte[255], ticket, ScriptedPeer.Extension((ExtensionType)0x1234, new byte[256])));
            }
            else
            {
                script.Full12(ticket: ticket, lifetime: 3600);
            }
            Assert.True(script.Engine.IsHandshakeCompleted);
            Assert.Equal(kept, script.Engine.Session is not null);
            script.SendRecord(Segno.Records.ContentType.ApplicationData, 1);
            Assert.Equal([1], script.Data);
        }
        Assert.Equal(kept ? 1 : 0, client.SessionCache.Count);
        using var next = new ScriptedServer(client);
        bool offered = tls13 ? next.Hello.Extensions.Has(ExtensionType.PreSharedKey) : next.Hello.Extensions.Find(ExtensionType.SessionTicket)?.Length == length;
        Assert.Equal(kept, offered);
        Assert.InRange(next.Hello.Raw.Length, 1, 48 * 1024);
    }

    // C11: tickets, not only keys: the wall clock of a server is a day off for a while, either way, and comes back.
    [Theory]
    [MemberData(nameof(Tickets))]
    public void C11_AStepOfTheWallClockResurrectsNoKey(SessionKind kind)
    {
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        using var ring = new TicketKeyRing(timeProvider: clock);
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => Share(o, ring));
        TlsSession session = Exhibits.Session(client, server);
        foreach (int days in (int[])[1, -1])
        {
            clock.Wall += days * Day;
            Assert.NotNull(Locate(server, kind.ToMechanism(), session.Ticket.ToArray()).Session);
            clock.Wall -= days * Day;
        }
        // Two days pass, and the clock on the wall does not notice; then it is put back to before the key was made.
        clock.StepMonotonic((2 * Day) + TimeSpan.FromTicks(1));
        foreach (int days in (int[])[0, -1, -3, 4])
        {
            clock.Wall += days * Day;
            LocatedSession located = Locate(server, kind.ToMechanism(), session.Ticket.ToArray());
            Assert.Equal((null, ResumptionReason.RetiredTicketKey), (located.Session, located.Reason));
        }
    }

    /// <summary>How long the ticket is that a client with a chain of so many bytes gets; 0: none.</summary>
    private static int TicketLength(SessionKind kind, int chainLength, out int actual)
    {
        TestCertificate? shown = chainLength == 0 ? null : LongChain(chainLength);
        actual = shown?.Chain.Sum(certificate => certificate.Length) ?? 0;
        Assert.Equal(chainLength, actual);
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => o.ClientCertificate = shown?.Tls,
            o => (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Optional, TestPki.TrustRoot()));
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(shown is not null, pair.Server.Info.IsMutuallyAuthenticated);
        return pair.Client.Session?.Ticket.Length ?? 0;
    }

    /// <summary>A client's chain of exactly so many bytes.</summary>
    private static TestCertificate LongChain(int length)
    {
        int padding = length - 2048;
        // A signature may be a byte or two shorter than another one.
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            TestCertificate made = TestPki.Make(new()
            {
                CommonName = "client",
                ExtendedKeyUsage = TestPki.ClientAuthentication,
                Issuer = TestPki.Intermediate,
                Extensions = [new System.Security.Cryptography.X509Certificates.X509Extension("1.3.6.1.4.1.99999.1", Padding(padding), critical: false)],
            });
            int difference = length - made.Chain.Sum(certificate => certificate.Length);
            if (difference == 0)
            {
                return made;
            }
            padding += difference;
        }
        throw new InvalidOperationException("No chain has this length.");

        static byte[] Padding(int length)
        {
            byte[] octets = new byte[length];
            octets.AsSpan().Fill(0xa5);
            return octets;
        }
    }

    /// <summary>Seals nothing under AES-256 when told so: tickets, not records.</summary>
    private sealed class FailingSeal() : ForwardingProvider(CryptoProvider.Default)
    {
        public bool Fails { get; set; }

        public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key)
            => Fails && aead == AeadKind.Aes256Gcm ? throw new System.Security.Cryptography.CryptographicException("as told") : base.CreateAead(aead, key);

        protected override void Call(string name)
        {
        }
    }
}
