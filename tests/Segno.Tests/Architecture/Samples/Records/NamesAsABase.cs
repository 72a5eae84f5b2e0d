namespace Segno.Tests.Architecture.Samples.Records;

internal interface NamesAsABase : Handshake.ILater;
