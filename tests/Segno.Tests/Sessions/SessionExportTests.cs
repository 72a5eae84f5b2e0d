using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;

namespace Segno.Tests.Sessions;

/// <summary>Sessions that leave the process: sealed under a key or a passphrase, or in OpenSSL's format.</summary>
public sealed class SessionExportTests
{
    private const string Passphrase = "correct horse battery staple";

    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    public static TheoryData<ResumptionMechanism> Mechanisms => Exhibits.Mechanisms;

    [Fact]
    public void WhatIsSealedOpensUnderItsKeyAlone()
    {
        TlsSession session = Client();
        byte[] exported = session.ExportProtected(Key);
        Assert.Equal(session.Export(), TlsSession.ImportProtected(exported, Key).Export());
        Assert.NotEqual(exported, session.ExportProtected(Key));
        byte[] secret = SessionDraft.SecretOf(session);
        Assert.Equal(-1, exported.AsSpan().IndexOf(secret.AsSpan(0, 8)));
        Assert.Equal(-1, exported.AsSpan().IndexOf("www.example.org"u8));
        byte[] other = [.. Key];
        other[31] ^= 1;
        Refused(SessionImportProblem.WrongKeyOrAltered, () => TlsSession.ImportProtected(exported, other));
        Refused(SessionImportProblem.OtherProtection, () => TlsSession.ImportProtected(exported, Passphrase));
        Refused(SessionImportProblem.Malformed, () => TlsSession.ImportProtected(session.Export(), Key));
        Refused(SessionImportProblem.FormatVersion, () => TlsSession.Import(exported));
    }

    [Fact]
    public void WhatIsSealedOpensUnderItsPassphraseAlone()
    {
        TlsSession session = Client();
        byte[] exported = session.ExportProtected(Passphrase);
        Assert.Equal(session.Export(), TlsSession.ImportProtected(exported, Passphrase).Export());
        Refused(SessionImportProblem.WrongKeyOrAltered, () => TlsSession.ImportProtected(exported, Passphrase + "s"));
        Refused(SessionImportProblem.OtherProtection, () => TlsSession.ImportProtected(exported, Key));
    }

    [Theory]
    [Trait("Museum", "K1")]
    [InlineData(false)]
    [InlineData(true)]
    public void EveryFlippedBitIsRefusedByName(bool server)
    {
        TlsSession session = server ? new SessionDraft().Session() : Client();
        byte[] exported = session.ExportProtected(Key);
        for (int bit = 0; bit < exported.Length * 8; bit++)
        {
            exported[bit / 8] ^= (byte)(1 << (bit % 8));
            Refused(
                (bit / 8) switch
                {
                    < 4 => SessionImportProblem.Malformed,
                    4 => SessionImportProblem.FormatVersion,
                    5 => SessionImportProblem.OtherProtection,
                    < 10 => SessionImportProblem.Parameters,
                    _ => SessionImportProblem.WrongKeyOrAltered,
                },
                () => TlsSession.ImportProtected(exported, Key));
            exported[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.Equal(session.Export(), TlsSession.ImportProtected(exported, Key).Export());
    }

    [Fact]
    public void EveryTruncationIsRefusedByName()
    {
        byte[] exported = Client().ExportProtected(Key);
        for (int length = 0; length < exported.Length; length++)
        {
            SessionImportException refusal = Assert.Throws<SessionImportException>(() => TlsSession.ImportProtected(exported.AsSpan(0, length), Key));
            Assert.Equal(
                length <= SessionEnvelope.HeaderLength + Aead.TagLength ? SessionImportProblem.Malformed : SessionImportProblem.WrongKeyOrAltered, refusal.Problem);
        }
        Refused(SessionImportProblem.WrongKeyOrAltered, () => TlsSession.ImportProtected([.. exported, 0], Key));
        Refused(SessionImportProblem.Malformed, () => TlsSession.ImportProtected([.. exported, .. new byte[70_000]], Key));
    }

    [Theory]
    [InlineData(0u, true)]
    [InlineData(599_999u, true)]
    [InlineData(600_000u, false)]
    [InlineData(600_001u, false)]
    [InlineData(5_000_000u, false)]
    [InlineData(5_000_001u, true)]
    [InlineData(uint.MaxValue, true)]
    public void WhoWroteTheFileDoesNotChooseHowLongWeCalculate(uint iterations, bool isOutOfBounds)
    {
        byte[] exported = Client().ExportProtected(Passphrase);
        Assert.Equal(600_000u, BinaryPrimitives.ReadUInt32BigEndian(exported.AsSpan(6)));
        BinaryPrimitives.WriteUInt32BigEndian(exported.AsSpan(6), iterations);
        if (iterations == 600_000)
        {
            Assert.Equal(Client().TargetHost, TlsSession.ImportProtected(exported, Passphrase).TargetHost);
            return;
        }
        Refused(isOutOfBounds ? SessionImportProblem.Parameters : SessionImportProblem.WrongKeyOrAltered, () => TlsSession.ImportProtected(exported, Passphrase));
    }

    [Fact]
    public void KeysAndPassphrasesHaveLimits()
    {
        TlsSession session = Client();
        foreach (byte[] key in (byte[][])[[], Key[..31], [.. Key, 1], new byte[32]])
        {
            Assert.Throws<ArgumentException>(() => session.ExportProtected(key));
            Assert.Throws<ArgumentException>(() => TlsSession.ImportProtected([], key));
        }
        foreach (string passphrase in (string[])["", new string('x', 11), new string('x', 1025)])
        {
            Assert.Throws<ArgumentException>(() => session.ExportProtected(passphrase));
            Assert.Throws<ArgumentException>(() => TlsSession.ImportProtected([], passphrase));
        }
        foreach (string passphrase in (string[])[new string('x', 12), new string('x', 1024)])
        {
            Assert.Equal(session.Export(), TlsSession.ImportProtected(session.ExportProtected(passphrase), passphrase).Export());
        }
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void ThroughOpenSslsFormatASessionIsStillResumed(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism, null, o => o.ApplicationProtocols = null);
        TlsSession session = Exhibits.Session(client, server);
        foreach (byte[] form in (byte[][])[session.ExportOpenSsl(), Encoding.ASCII.GetBytes(session.ExportOpenSslPem())])
        {
            TlsSession imported = client.ImportOpenSsl(form, "localhost", 443);
            Assert.Equal(SessionDraft.SecretOf(session), SessionDraft.SecretOf(imported));
            Assert.Equal((session.ProtocolVersion, session.CipherSuite, session.Group), (imported.ProtocolVersion, imported.CipherSuite, imported.Group));
            Assert.Equal((session.ServerName, session.TargetHost, session.TargetPort), (imported.ServerName, imported.TargetHost, imported.TargetPort));
            Assert.Equal(session.Ticket.ToArray(), imported.Ticket.ToArray());
            Assert.Equal(session.SessionId.ToArray(), imported.SessionId.ToArray());
            Assert.Equal((session.AgeAdd, session.MaxEarlyDataSize, session.ExtendedMasterSecret), (imported.AgeAdd, imported.MaxEarlyDataSize, imported.ExtendedMasterSecret));
            Assert.Equal(session.PeerCertificates[0].ToArray(), Assert.Single(imported.PeerCertificates).ToArray());
            Assert.Equal(session.IssuedAt.ToUnixTimeSeconds(), imported.IssuedAt.ToUnixTimeSeconds());
            Assert.InRange(imported.ExpiresAt, session.ExpiresAt.AddSeconds(-2), session.ExpiresAt);
            (TlsClientContext told, _) = Exhibits.Contexts(mechanism, o => o.Resume = imported);
            using EnginePair pair = EnginePair.Connect(told, server);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
    }

    [Fact]
    public void AServersSessionHasNoFormOfOpenSsls()
    {
        Assert.Throws<InvalidOperationException>(() => new SessionDraft().Session().ExportOpenSsl());
        Assert.Throws<InvalidOperationException>(() => new SessionDraft().Session().ExportOpenSslPem());
    }

    [Theory]
    [InlineData("of another version", SessionImportProblem.Unsupported)]
    [InlineData("with a suite of the other version", SessionImportProblem.Unsupported)]
    [InlineData("with an unknown suite", SessionImportProblem.Unsupported)]
    [InlineData("of another name", SessionImportProblem.OtherServerName)]
    [InlineData("not verified", SessionImportProblem.NotVerified)]
    [InlineData("without a lifetime", SessionImportProblem.Malformed)]
    [InlineData("with a short secret", SessionImportProblem.Malformed)]
    [InlineData("with a secret of zeros", SessionImportProblem.Malformed)]
    [InlineData("with a certificate that is none", SessionImportProblem.Malformed)]
    [InlineData("with tags out of order", SessionImportProblem.Malformed)]
    [InlineData("with something behind it", SessionImportProblem.Malformed)]
    [InlineData("of another structure", SessionImportProblem.Malformed)]
    [InlineData("nothing", SessionImportProblem.Malformed)]
    [InlineData("PEM of something else", SessionImportProblem.Malformed)]
    [InlineData("too long", SessionImportProblem.Malformed)]
    public void WhatIsNoGoodSessionOfOpenSslsIsRefusedByName(string what, SessionImportProblem problem)
    {
        TlsClientContext client = Exhibits.Contexts(SessionKind.StatelessPsk).Client;
        byte[] bytes = what switch
        {
            "of another version" => OpenSsl(version: 0x0302),
            "with a suite of the other version" => OpenSsl(suite: [0xc0, 0x2b]),
            "with an unknown suite" => OpenSsl(suite: [0x13, 0x04]),
            "of another name" => OpenSsl(name: "other.example"),
            "not verified" => OpenSsl(verifyResult: 20),
            "without a lifetime" => OpenSsl(timeout: 0),
            "with a short secret" => OpenSsl(secret: Key[..31]),
            "with a secret of zeros" => OpenSsl(secret: new byte[32]),
            "with a certificate that is none" => OpenSsl(peer: [0x30, 0x00]),
            "with tags out of order" => OpenSsl(last: 1),
            "with something behind it" => [.. OpenSsl(), 0],
            "of another structure" => OpenSsl(structure: 2),
            "nothing" => [],
            "PEM of something else" => Encoding.ASCII.GetBytes(PemEncoding.WriteString("CERTIFICATE", OpenSsl())),
            _ => [0x30, .. new byte[200_000]],
        };
        Refused(problem, () => client.ImportOpenSsl(bytes, "localhost"));
    }

    [Fact]
    public void WhatOpenSslCouldNotVerifyIsTakenWhenTheCallerSaysSo()
    {
        TlsClientContext client = Exhibits.Contexts(SessionKind.StatelessPsk).Client;
        TlsSession session = client.ImportOpenSsl(OpenSsl(verifyResult: 20), "localhost", allowUnverified: true);
        Assert.Equal((SslProtocols.Tls13, "localhost", 0), (session.ProtocolVersion, session.TargetHost, session.TargetPort));
        Assert.Null(client.ImportOpenSsl(OpenSsl(name: null), "192.0.2.1").ServerName);
        Assert.Throws<ArgumentException>(() => client.ImportOpenSsl(OpenSsl(), "no host"));
        Assert.Throws<ArgumentOutOfRangeException>(() => client.ImportOpenSsl(OpenSsl(), "localhost", 65536));
    }

    /// <summary>Whatever is cut off or flipped: a session or a named refusal, nothing else.</summary>
    [Fact]
    public void NoBitOfASessionOfOpenSslsMakesTroubleOfAnotherKind()
    {
        TlsClientContext client = Exhibits.Contexts(SessionKind.StatelessPsk).Client;
        byte[] bytes = OpenSsl();
        int refused = 0;
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            refused += IsRefused(bytes) ? 1 : 0;
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
        Assert.InRange(refused, 1, (bytes.Length * 8) - 1);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.True(IsRefused(bytes[..length]));
        }

        bool IsRefused(byte[] form)
        {
            try
            {
                client.ImportOpenSsl(form, "localhost");
                return false;
            }
            catch (SessionImportException)
            {
                return true;
            }
        }
    }

    private static TlsSession Client()
    {
        SessionDraft draft = SessionDraft.Client();
        (draft.TargetHost, draft.TargetPort) = ("www.example.org", 21);
        return draft.Session();
    }

    private static void Refused(SessionImportProblem problem, Action import) => Assert.Equal(problem, Assert.Throws<SessionImportException>(import).Problem);

    /// <summary>A session as OpenSSL writes it, of TLS 1.3.</summary>
    private static byte[] OpenSsl(
        int structure = 1, int version = 0x0304, byte[]? suite = null, byte[]? secret = null, int timeout = 7200, byte[]? peer = null,
        int verifyResult = 0, string? name = "localhost", int last = 19)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(structure);
            writer.WriteInteger(version);
            writer.WriteOctetString(suite ?? [0x13, 0x01]);
            writer.WriteOctetString(new byte[32]);
            writer.WriteOctetString(secret ?? Key);
            Tagged(1, () => writer.WriteInteger(SessionDraft.Now.ToUnixTimeSeconds()));
            Tagged(2, () => writer.WriteInteger(timeout));
            if (peer is not null)
            {
                Tagged(3, () => writer.WriteEncodedValue(peer));
            }
            Tagged(5, () => writer.WriteInteger(verifyResult));
            if (name is not null)
            {
                Tagged(6, () => writer.WriteOctetString(Encoding.ASCII.GetBytes(name)));
            }
            Tagged(10, () => writer.WriteOctetString([1, 2, 3]));
            Tagged(18, () => writer.WriteOctetString([4]));
            Tagged(last, () => writer.WriteInteger(0x1d));
        }
        return writer.Encode();

        void Tagged(int tag, Action write)
        {
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, tag, isConstructed: true)))
            {
                write();
            }
        }
    }
}
