namespace Segno.Tests.Architecture.Samples.Records;

internal sealed class NamesInALambda
{
    internal static readonly Func<object> Make = () => new Handshake.Later();
}
