namespace Segno.Tests.Architecture.Samples.Records;

internal sealed class NamesInAField
{
    private Handshake.Later? _later; internal void Set() => _later = null; internal bool IsSet => _later is not null;
}
