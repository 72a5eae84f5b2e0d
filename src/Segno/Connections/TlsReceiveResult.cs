namespace Segno;

/// <summary>What one call of <see cref="TlsConnection.Receive"/> did.</summary>
/// <param name="Consumed">How many bytes of the input were used; the rest must be given again, with more behind it.</param>
/// <param name="Written">How many bytes of application data were written.</param>
public readonly record struct TlsReceiveResult(int Consumed, int Written);
