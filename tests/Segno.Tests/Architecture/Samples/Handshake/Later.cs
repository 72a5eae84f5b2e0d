namespace Segno.Tests.Architecture.Samples.Handshake;

internal interface ILater;

internal sealed class Later : ILater;
