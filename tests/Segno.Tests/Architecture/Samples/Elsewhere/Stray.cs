namespace Segno.Tests.Architecture.Samples.Elsewhere;

/// <summary>In a folder that the rule does not know, and a user of what src/BannedSymbols.txt bans.</summary>
internal sealed class Stray
{
    internal static DateTime Clock() => DateTime.UtcNow;

    internal static int Dice() => new Random().Next(6);

    internal static async Task WaitAsync() => await Task.Yield();
}
