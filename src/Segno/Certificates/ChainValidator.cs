using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Certificates;

internal sealed record ChainVerdict(SslPolicyErrors Errors, TlsFault Fault, string? Detail, X509Certificate2 Leaf);

internal static class ChainValidator
{
    public static ChainVerdict Validate(TlsSettings settings, object sender, IReadOnlyList<ReadOnlyMemory<byte>> chain, X509Certificate2 leaf, string? targetHost, bool isServerCertificate)
    {
        _ = settings; _ = sender; _ = chain; _ = targetHost; _ = isServerCertificate;
        return new ChainVerdict(SslPolicyErrors.None, TlsFault.None, null, leaf);
    }
}
