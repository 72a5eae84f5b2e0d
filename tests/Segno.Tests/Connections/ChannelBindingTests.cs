using System.Formats.Asn1;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Handshake;

namespace Segno.Tests.Connections;

/// <summary>Channel bindings: tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929 §4). Museum F3: there is no tls-unique.</summary>
public class ChannelBindingTests
{
    private const string Pss = "1.2.840.113549.1.1.10";

    public static TheoryData<string, string?, string> Hashes => new()
    {
        { "1.2.840.113549.1.1.4", null, "SHA256" }, // MD5 with RSA
        { "1.2.840.113549.1.1.5", null, "SHA256" }, // SHA-1 with RSA
        { "1.2.840.10045.4.1", null, "SHA256" }, // SHA-1 with ECDSA
        { "1.2.840.113549.1.1.11", null, "SHA256" },
        { "1.2.840.113549.1.1.12", null, "SHA384" },
        { "1.2.840.113549.1.1.13", null, "SHA512" },
        { "1.2.840.10045.4.3.2", null, "SHA256" },
        { "1.2.840.10045.4.3.3", null, "SHA384" },
        { "1.2.840.10045.4.3.4", null, "SHA512" },
        { Pss, "", "SHA256" }, // the default, SHA-1
        { Pss, "2.16.840.1.101.3.4.2.1", "SHA256" },
        { Pss, "2.16.840.1.101.3.4.2.2", "SHA384" },
        { Pss, "2.16.840.1.101.3.4.2.3", "SHA512" },
    };

    [Theory]
    [MemberData(nameof(Hashes))]
    public void TheHashIsThatOfTheSignatureAndAtLeastSha256(string algorithm, string? pssHash, string hash)
    {
        using X509Certificate2 certificate = Certificate(algorithm, pssHash);
        Assert.Equal(CryptographicOperations.HashData(new HashAlgorithmName(hash), certificate.RawData), ChannelBindings.ServerEndPoint(certificate));
    }

    [Theory]
    [InlineData("1.3.101.112")] // Ed25519
    [InlineData("1.2.3.4")]
    public void WithoutAHashOfItsOwnThereIsNone(string algorithm)
    {
        using X509Certificate2 certificate = Certificate(algorithm, null);
        Assert.Null(ChannelBindings.ServerEndPoint(certificate));
    }

    [Theory]
    [InlineData(SslProtocols.Tls13)]
    [InlineData(SslProtocols.Tls12)]
    public void BothSidesHaveTheSame(SslProtocols version)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.EnabledSslProtocols = version);
        HashSet<string> exporters = [];
        byte[] endPoint = SHA256.HashData(TestPki.Ecdsa("localhost").Der);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal((version, i == 1), (pair.Client.Info.ProtocolVersion, pair.Client.Info.Resumption.IsResumed));
            byte[] binding = pair.Client.GetChannelBinding(TlsChannelBinding.Exporter)!;
            Assert.Equal(32, binding.Length);
            Assert.Equal(binding, pair.Server.GetChannelBinding(TlsChannelBinding.Exporter));
            // RFC 9266 §2: the label, and an empty context.
            byte[] exported = new byte[32];
            pair.Server.ExportKeyingMaterial("EXPORTER-Channel-Binding", [], exported);
            Assert.Equal(exported, binding);
            Assert.True(exporters.Add(Convert.ToHexString(binding)));
            Assert.Equal(endPoint, pair.Client.GetChannelBinding(TlsChannelBinding.ServerEndPoint));
            // A server that resumes does not know what it showed then.
            Assert.Equal(i == 0 ? endPoint : null, pair.Server.GetChannelBinding(TlsChannelBinding.ServerEndPoint));
        }
    }

    [Theory]
    [InlineData(TlsChannelBinding.Exporter)]
    [InlineData(TlsChannelBinding.ServerEndPoint)]
    public void ThereIsNoneBeforeTheHandshakeIsOver(TlsChannelBinding kind)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var connection = new TlsConnection(client, "localhost");
        Assert.Throws<InvalidOperationException>(() => connection.GetChannelBinding(kind));
    }

    private static X509Certificate2 Certificate(string algorithm, string? pssHash)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=server", key, HashAlgorithmName.SHA256);
        return request.Create(request.SubjectName, new Unsigned(algorithm, pssHash, key), DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1), [1]);
    }

    /// <summary>Names any algorithm; what it signs with is not looked at.</summary>
    private sealed class Unsigned(string algorithm, string? pssHash, ECDsa key) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(algorithm);
                if (pssHash is not null)
                {
                    using (writer.PushSequence())
                    {
                        WriteHash(writer, pssHash);
                    }
                }
            }
            return writer.Encode();
        }

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => new byte[64];

        protected override PublicKey BuildPublicKey() => new(key);

        private static void WriteHash(AsnWriter writer, string hash)
        {
            if (hash.Length > 0)
            {
                using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
                {
                    using (writer.PushSequence())
                    {
                        writer.WriteObjectIdentifier(hash);
                    }
                }
            }
        }
    }
}
