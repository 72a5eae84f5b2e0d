namespace Segno.Tests.Architecture.Samples.Connections;

internal sealed class NamesLower
{
    internal Handshake.Later Later { get; } = new();
}
