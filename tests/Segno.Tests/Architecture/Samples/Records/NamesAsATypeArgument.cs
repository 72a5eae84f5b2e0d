namespace Segno.Tests.Architecture.Samples.Records;

internal sealed class NamesAsATypeArgument
{
    internal static int Count(List<Handshake.Later[]> all) => all.Count;
}
