using System.Globalization;
using Segno.Sessions;

namespace Segno.Cli.Parsing;

/// <summary>Resumption policies as people write them: <c>adaptive</c>, <c>adaptive:flood-rate=600,max-session-age=12h</c>.</summary>
internal static class Policies
{
    private const string Adaptive = "adaptive";

    private static readonly (string Name, Func<AdaptiveResumptionOptions, string, bool> Set)[] Numbers =
    [
        ("high-load", (options, text) => TryNumber(text, value => options.HighLoad = value)),
        ("max-session-age", (options, text) => TryDuration(text, value => options.MaxSessionAge = value)),
        ("flood-rate", (options, text) => TryNumber(text, value => options.FloodRate = value)),
        ("sole-network-share", (options, text) => TryNumber(text, value => options.SoleNetworkShare = value)),
        ("new-visitor-lifetime", (options, text) => TryDuration(text, value => options.NewVisitorLifetime = value)),
        ("new-visitor-tickets", (options, text) => TryCount(text, value => options.NewVisitorTickets = value)),
        ("returning-tickets", (options, text) => TryCount(text, value => options.ReturningTickets = value)),
        ("pool-rate", (options, text) => TryNumber(text, value => options.PoolRate = value)),
        ("pool-tickets", (options, text) => TryCount(text, value => options.PoolTickets = value)),
    ];

    public static string AllNumbers => string.Join(", ", Numbers.Select(number => number.Name));

    /// <summary>A policy by its text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="problem">What is wrong with it, where the result is <see langword="null"/>.</param>
    public static IResumptionPolicy? Parse(string text, out string problem)
    {
        problem = "";
        string[] parts = text.Split(':', 2);
        if (parts[0] != Adaptive)
        {
            problem = $"'{parts[0]}' is no policy; say {Adaptive}.";
            return null;
        }
        var options = new AdaptiveResumptionOptions();
        foreach (string assignment in parts is [_, var rest] ? rest.Split(',') : [])
        {
            string[] sides = assignment.Split('=', 2);
            int index = Array.FindIndex(Numbers, number => number.Name == sides[0]);
            if (index < 0 || sides is not [_, var value] || !Numbers[index].Set(options, value))
            {
                problem = $"'{assignment}' says nothing; say NAME=VALUE, with names of: {AllNumbers}.";
                return null;
            }
        }
        try
        {
            return new AdaptiveResumptionPolicy(options);
        }
        catch (ArgumentException exception)
        {
            problem = exception.Message;
            return null;
        }
    }

    private static bool TryDuration(string text, Action<TimeSpan> set) => Durations.TryParse(text, out TimeSpan value) && Set(value, set);

    private static bool TryNumber(string text, Action<double> set)
        => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && Set(value, set);

    private static bool TryCount(string text, Action<int> set) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && Set(value, set);

    private static bool Set<T>(T value, Action<T> set)
    {
        set(value);
        return true;
    }
}
