using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno;

internal static class CertificatePem
{
    public static TlsCertificate Load(string certificatePem, string keyPem) => throw new NotSupportedException(certificatePem + keyPem);
}
