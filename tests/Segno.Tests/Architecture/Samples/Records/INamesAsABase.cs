namespace Segno.Tests.Architecture.Samples.Records;

internal interface INamesAsABase : Handshake.ILater;
