namespace Segno.Bench.Sessions;

/// <summary>A client comes.</summary>
/// <param name="Client">Which; each number is one client.</param>
/// <param name="Source">The network prefix it comes from.</param>
/// <param name="Counts">Whether its visit counts: not an attacker's.</param>
/// <param name="AtOnce">Whether it comes at the same time as the visit before, which is the same client's.</param>
internal readonly record struct Visit(int Client, int Source, bool Counts, bool AtOnce = false);

/// <summary>Who comes to a server, made up from a seed: the same for all policies.</summary>
internal static class Traces
{
    public const int Visits = 3_000_000;

    /// <summary>200,000 clients, some of whom come very often: popularity by Zipf's law with exponent 0.9.</summary>
    public static IEnumerable<Visit> Zipf()
    {
        var random = new Random(1);
        var zipf = new Zipf(200_000, 0.9);
        for (int i = 0; i < Visits; i++)
        {
            int client = zipf.Next(random);
            yield return new Visit(client, client >> 4, true);
        }
    }

    /// <summary>As Zipf, with four visits in ten by clients that never come again (crawlers, health checks, clients without a cache).</summary>
    public static IEnumerable<Visit> Scan()
    {
        var random = new Random(2);
        var zipf = new Zipf(200_000, 0.9);
        int next = 1_000_000;
        for (int i = 0; i < Visits; i++)
        {
            int client = random.Next(10) < 4 ? next++ : zipf.Next(random);
            yield return new Visit(client, client >> 4, true);
        }
    }

    /// <summary>As Zipf; in the middle third each visit comes with four by an attacker, who sits in one network prefix and makes one session after the other.</summary>
    public static IEnumerable<Visit> Flood()
    {
        var random = new Random(3);
        var zipf = new Zipf(200_000, 0.9);
        int next = 1_000_000;
        for (int i = 0; i < Visits; i++)
        {
            int client = zipf.Next(random);
            yield return new Visit(client, client >> 4, true);
            if (i is >= Visits / 3 and < Visits * 2 / 3)
            {
                for (int j = 0; j < 4; j++)
                {
                    yield return new Visit(next++, -1, false);
                }
            }
        }
    }

    /// <summary>
    /// Pages: 50,000 clients, popularity by Zipf's law with exponent 0.9, each of which opens one to six connections at once (2.5 on
    /// average), as browsers of HTTP/1.1 and pools of connections do.
    /// </summary>
    public static IEnumerable<Visit> Pages()
    {
        var random = new Random(5);
        var zipf = new Zipf(50_000, 0.9);
        for (int i = 0; i < Visits;)
        {
            int client = zipf.Next(random);
            int connections = Math.Min(6, 1 + (int)(-2 * Math.Log(1 - random.NextDouble())));
            for (int j = 0; j < connections && i < Visits; j++, i++)
            {
                yield return new Visit(client, client >> 4, true, j > 0);
            }
        }
    }

    /// <summary>
    /// Visitors of a web site: each comes with one to several connections at a time, goes, and comes back some time later or not at
    /// all. Half of them never come back; of the others each return is followed by another with a probability of its own.
    /// </summary>
    public static IEnumerable<Visit> Returns()
    {
        var random = new Random(4);
        var queue = new PriorityQueue<(int Client, int Burst, double Faith), double>();
        int next = 1;
        double now = 0;
        double arrival = 0;
        for (int i = 0; i < Visits; i++)
        {
            if (queue.Count == 0 || arrival < Peek(queue))
            {
                now = arrival;
                arrival += -Math.Log(1 - random.NextDouble());
                queue.Enqueue((next++, Burst(random), Math.Max(0, (random.NextDouble() * 2) - 1)), now);
            }
            queue.TryDequeue(out (int Client, int Burst, double Faith) visitor, out now);
            yield return new Visit(visitor.Client, visitor.Client >> 4, true);
            if (visitor.Burst > 1)
            {
                queue.Enqueue((visitor.Client, visitor.Burst - 1, visitor.Faith), now + (-20 * Math.Log(1 - random.NextDouble())));
            }
            else if (random.NextDouble() < visitor.Faith)
            {
                // A log-normal pause; the median is what 8,000 other visitors take to come.
                double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                queue.Enqueue((visitor.Client, Burst(random), visitor.Faith), now + (8000 * Math.Exp(1.2 * normal)));
            }
        }

        static double Peek(PriorityQueue<(int Client, int Burst, double Faith), double> queue)
        {
            queue.TryPeek(out _, out double time);
            return time;
        }

        static int Burst(Random random) => 1 + (int)(-1.5 * Math.Log(1 - random.NextDouble()));
    }
}

/// <summary>Draws ranks with a probability in proportion to 1 / rank^exponent; the ranks are shuffled over the numbers.</summary>
internal sealed class Zipf
{
    private readonly double[] _cumulative;
    private readonly int[] _numbers;

    public Zipf(int count, double exponent)
    {
        _cumulative = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += Math.Pow(i + 1, -exponent);
            _cumulative[i] = sum;
        }
        _numbers = [.. Enumerable.Range(1, count)];
        new Random(0).Shuffle(_numbers);
    }

    public int Next(Random random)
    {
        int index = Array.BinarySearch(_cumulative, random.NextDouble() * _cumulative[^1]);
        return _numbers[index < 0 ? Math.Min(~index, _numbers.Length - 1) : index];
    }
}
