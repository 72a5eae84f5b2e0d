namespace Segno.Tests.Architecture.Samples.Records;

internal sealed class NamesInASignature
{
    internal static void Take(Handshake.Later? later) => _ = later;
}
