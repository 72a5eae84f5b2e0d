namespace Segno.Tests.Architecture.Samples.Records;

internal sealed class NamesInABody
{
    internal static string Go() { object made = new Handshake.Later(); return made.ToString() ?? ""; }
}
