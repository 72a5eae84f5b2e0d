using System.Collections.Concurrent;
using System.Text;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Security;
using Org.BouncyCastle.Tls;
using Org.BouncyCastle.Tls.Crypto;
using Org.BouncyCastle.Tls.Crypto.Impl.BC;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;
using BouncyCertificate = Org.BouncyCastle.Tls.Certificate;
using BouncySession = Org.BouncyCastle.Tls.TlsSession;
using BouncyTlsCertificate = Org.BouncyCastle.Tls.Crypto.TlsCertificate;

namespace Segno.Interop.Tests.Matrix;

/// <summary>BouncyCastle's Org.BouncyCastle.Tls in this process; what was resumed is what its security parameters say.</summary>
public sealed class BouncyCastlePeer : MatrixPeer
{
    /// <summary>Its client's groups; it sends a share for the first.</summary>
    internal int[] Groups { get; init; } = [NamedGroup.x25519, NamedGroup.secp256r1];

    internal override Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
        => Task.Run(() => RunClientAsync(cell, port, cancellationToken), cancellationToken);

    private async Task<bool[]> RunClientAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        List<bool> resumed = [];
        BouncySession? session = null;
        for (int number = 1; number <= cell.Connections; number++)
        {
            await using Stream transport = await Loopback.ConnectAsync(port, cancellationToken);
            TlsClientProtocol protocol = new(transport);
            Client client = new(cell, session, Groups);
            protocol.Connect(client);
            if (number == cell.Connections)
            {
                protocol.Stream.Write(Payload.Framed);
                byte[] received = new byte[Payload.Framed.Length];
                protocol.Stream.ReadExactly(received);
                Payload.AssertIn(Encoding.Latin1.GetString(received));
            }
            else
            {
                protocol.Stream.Write(Exchange.Hello);
                protocol.Stream.ReadExactly(new byte[Exchange.Hello.Length]);
            }
            Assert.Equal(-1, protocol.Stream.ReadByte());
            session = client.Session;
            protocol.Close();
            resumed.Add(client.IsResumed);
        }
        return [.. resumed];
    }

    private protected override Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        ConcurrentDictionary<string, BouncySession> sessions = new();
        return Task.FromResult<PeerServer>(new InProcessServer(async (stream, stop) =>
        {
            TlsServerProtocol protocol = new(stream);
            Server server = new(cell.Certificate, sessions);
            protocol.Accept(server);
            await InProcessServer.EchoAsync(protocol.Stream, stop);
            protocol.Close();
            return server.IsResumed;
        }));
    }

    /// <summary>One connection of its client.</summary>
    private sealed class Client(Cell cell, BouncySession? resume, int[] groups) : DefaultTlsClient(new BcTlsCrypto())
    {
        public bool IsResumed { get; private set; }

        public BouncySession Session => m_context.Session;

        public override BouncySession? GetSessionToResume() => resume;

        public override TlsAuthentication GetAuthentication() => new Authentication(cell.Certificate.Der);

        public override void NotifyHandshakeComplete()
        {
            base.NotifyHandshakeComplete();
            IsResumed = m_context.SecurityParameters.IsResumedSession;
        }

        public override IList<int> GetEarlyKeyShareGroups() => groups[..1];

        protected override ProtocolVersion[] GetSupportedVersions() => (cell.IsTls13 ? ProtocolVersion.TLSv13 : ProtocolVersion.TLSv12).Only();

        protected override IList<int> GetSupportedGroups(IList<int> namedGroupRoles) => groups;

        protected override IList<ServerName> GetSniServerNames() => [new ServerName(NameType.host_name, Encoding.ASCII.GetBytes("localhost"))];
    }

    /// <summary>Trusts one certificate.</summary>
    private sealed class Authentication(byte[] trusted) : TlsAuthentication
    {
        public void NotifyServerCertificate(TlsServerCertificate serverCertificate)
        {
            if (!serverCertificate.Certificate.GetCertificateAt(0).GetEncoded().AsSpan().SequenceEqual(trusted))
            {
                throw new TlsFatalAlert(AlertDescription.bad_certificate);
            }
        }

        public TlsCredentials? GetClientCredentials(CertificateRequest certificateRequest) => null;
    }

    /// <summary>One connection of its server; the sessions are of all.</summary>
    private sealed class Server(TestCertificate certificate, ConcurrentDictionary<string, BouncySession> sessions) : DefaultTlsServer(new BcTlsCrypto())
    {
        public bool IsResumed { get; private set; }

        public override BouncySession? GetSessionToResume(byte[] sessionID) => sessions.GetValueOrDefault(Convert.ToHexString(sessionID));

        public override byte[] GetNewSessionID() => m_context.NonceGenerator.GenerateNonce(32);

        public override void NotifyHandshakeComplete()
        {
            base.NotifyHandshakeComplete();
            IsResumed = m_context.SecurityParameters.IsResumedSession;
            sessions[Convert.ToHexString(m_context.Session.SessionID)] = m_context.Session;
        }

        public override TlsCredentials GetCredentials()
        {
            bool isTls13 = m_context.SecurityParameters.NegotiatedVersion.IsEqualOrLaterVersionOf(ProtocolVersion.TLSv13);
            BcTlsCrypto crypto = (BcTlsCrypto)Crypto;
            AsymmetricKeyParameter key = PrivateKeyFactory.CreateKey(certificate.Key.Pkcs8);
            BouncyTlsCertificate[] chain = [.. certificate.Chain.Select(der => new BcTlsCertificate(crypto, der))];
            BouncyCertificate message = isTls13
                ? new BouncyCertificate([], [.. chain.Select(one => new CertificateEntry(one, null))])
                : new BouncyCertificate(chain);
            SignatureAndHashAlgorithm algorithm = certificate.Key.Kind == TestKeyKind.Rsa
                ? SignatureAndHashAlgorithm.rsa_pss_rsae_sha256
                : SignatureAndHashAlgorithm.GetInstance(HashAlgorithm.sha256, SignatureAlgorithm.ecdsa);
            return new BcDefaultTlsCredentialedSigner(new TlsCryptoParameters(m_context), crypto, key, message, algorithm);
        }

        protected override ProtocolVersion[] GetSupportedVersions() => ProtocolVersion.TLSv13.DownTo(ProtocolVersion.TLSv12);

        public override int[] GetSupportedGroups() => [NamedGroup.X25519MLKEM768, NamedGroup.x25519, NamedGroup.secp256r1];

        /// <summary>Its own list has no suites for ECDSA.</summary>
        protected override int[] GetSupportedCipherSuites() =>
        [
            CipherSuite.TLS_AES_128_GCM_SHA256,
            certificate.Key.Kind == TestKeyKind.Rsa ? CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 : CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ];
    }
}
