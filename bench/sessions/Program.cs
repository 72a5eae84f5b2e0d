using System.Globalization;
using Segno.Bench.Sessions;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["size"]:
        await BytesPerSession.RunAsync(12_000);
        return 0;
    case ["hits", .. string[] capacities]:
        foreach (string capacity in capacities is [] ? ["2000", "10000", "40000"] : capacities)
        {
            HitRatio.Run(int.Parse(capacity, CultureInfo.InvariantCulture));
        }
        return 0;
    case ["lookups"]:
        Lookups.Run(rounds: 5, seconds: 0.5);
        return 0;
    case ["pauses", .. string[] entries]:
        Pauses.Run(entries is [string count] ? int.Parse(count, CultureInfo.InvariantCulture) : 10_000_000);
        return 0;
    case ["seal"]:
        Sealing.Run(rounds: 5, seconds: 0.5);
        return 0;
    case ["policy", .. string[] traces]:
        await PolicyGain.RunAsync(traces);
        return 0;
    case ["caps", .. { Length: <= 3 } numbers]:
        return Caps.Run(
            handshakes: numbers.Length > 0 ? int.Parse(numbers[0], CultureInfo.InvariantCulture) : 1_000_000,
            maxEntries: numbers.Length > 1 ? int.Parse(numbers[1], CultureInfo.InvariantCulture) : 1000,
            maxBytes: numbers.Length > 2 ? long.Parse(numbers[2], CultureInfo.InvariantCulture) : 100_000) ? 0 : 1;
    case ["crash", .. string[] limits]:
        int kills = limits.Length > 0 ? int.Parse(limits[0], CultureInfo.InvariantCulture) : 200;
        double minutes = limits.Length > 1 ? double.Parse(limits[1], CultureInfo.InvariantCulture) : 10;
        return await Crash.RunAsync(kills, TimeSpan.FromMinutes(minutes), limits.Length > 2 ? limits[2] : "");
    case ["crash-worker", string path, string keyFile, string seed, string lie]:
        await Crash.WorkAsync(path, keyFile, seed, lie);
        return 0;
    default:
        Console.Error.WriteLine("usage: size | hits [CAPACITY…] | lookups | pauses [ENTRIES] | seal | policy [TRACE…] | caps [HANDSHAKES [SESSIONS [BYTES]]] | crash [KILLS [MINUTES [lost|wrong|back|twice]]]");
        return args is ["--help"] or ["-h"] ? 0 : 2;
}
