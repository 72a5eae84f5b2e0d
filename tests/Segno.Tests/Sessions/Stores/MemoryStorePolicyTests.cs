using System.Buffers.Binary;
using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

/// <summary>Who stays in a full store and who goes; that its bounds hold whatever happens at once; that nothing is left in memory.</summary>
public sealed class MemoryStorePolicyTests
{
    private readonly TestClock _clock = new();

    /// <summary>S3-FIFO: without use the oldest goes first, as in any queue.</summary>
    [Fact]
    public void WithoutUseTheOldestGoes()
    {
        using MemorySessionStore store = Store(400, 1 << 20);
        Fill(store, 0, 1000);
        Assert.Equal([.. Enumerable.Range(600, 400)], Kept(store, 1000));
        Assert.Equal(600, store.GetStatistics().EvictedForEntries);
    }

    /// <summary>S3-FIFO: however many come once, those that were resumed stay.</summary>
    [Fact]
    public void WhoIsUsedOutlivesAScan()
    {
        using MemorySessionStore store = Store(400, 1 << 20);
        Fill(store, 0, 300);
        for (int i = 0; i < 300; i++)
        {
            store.MarkUsed(Key(i));
        }
        Fill(store, 300, 20_000);
        Assert.Equal(300, Kept(store, 300).Count);
    }

    /// <summary>In the main queue a use is good for one more round, and three for three.</summary>
    [Fact]
    public void AUseIsGoodForOneRound()
    {
        using MemorySessionStore store = Store(10, 1 << 20);
        Fill(store, 0, 10);
        UseAll(10);
        Fill(store, 10, 11);
        // All ten have moved to the main queue, and one of them made room.
        Assert.Equal(10, Kept(store, 11).Count);
        for (int round = 0; round < 5; round++)
        {
            store.MarkUsed(Key(9));
        }
        for (int i = 11; i < 60; i++)
        {
            Fill(store, i, i + 1);
            store.MarkUsed(Key(i));
        }
        Assert.True(store.GetStatistics().EvictedForEntries > 40);
        Assert.DoesNotContain(0, Kept(store, 60));

        void UseAll(int count)
        {
            for (int i = 0; i < count; i++)
            {
                store.MarkUsed(Key(i));
            }
        }
    }

    /// <summary>What is used once at most is never used while it is there: the oldest goes, and not the newest.</summary>
    [Fact]
    public void OfSessionsForSingleUseTheOldestGoes()
    {
        using MemorySessionStore store = Store(400, 1 << 20);
        Fill(store, 0, 100);
        UseThem();
        for (int i = 100; i < 1100; i++)
        {
            Assert.True(Set(store, i, singleUse: true));
        }
        // The small queue keeps its tenth, whoever is in it.
        List<int> kept = [.. Kept(store, 1100).Where(i => i >= 100)];
        Assert.InRange(kept.Count, 355, 400);
        Assert.Equal([.. Enumerable.Range(1100 - kept.Count, kept.Count)], kept);

        void UseThem()
        {
            for (int i = 0; i < 100; i++)
            {
                store.MarkUsed(Key(i));
            }
        }
    }

    /// <summary>Where most sessions are consumed, as single-use ones are, the room they leave is used before anybody has to go.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatIsConsumedMakesRoom(bool singleUse)
    {
        using MemorySessionStore store = Store(1_000_000, 64 * 1024);
        for (int i = 0; i < 3000; i++)
        {
            Assert.True(Set(store, i, singleUse: singleUse));
            Assert.Equal(i % 10 != 0, i % 10 != 0 && Consume(store, i));
        }
        Assert.Equal([.. Enumerable.Range(0, 300).Select(i => 10 * i)], Kept(store, 3000));
        Assert.Equal(0, store.GetStatistics().EvictedForBytes);
    }

    [Fact]
    public void WhatIsOverGoesFirst()
    {
        using MemorySessionStore store = Store(400, 1 << 20);
        for (int i = 0; i < 200; i++)
        {
            Assert.True(Set(store, i, lifetime: TimeSpan.FromSeconds(10)));
            store.MarkUsed(Key(i));
        }
        Fill(store, 200, 400);
        _clock.Advance(TimeSpan.FromSeconds(11));
        Fill(store, 400, 600);

        Assert.Equal([.. Enumerable.Range(200, 400)], Kept(store, 600));
        SessionStoreStatistics statistics = store.GetStatistics();
        Assert.Equal((200L, 0L), (statistics.Expired, statistics.EvictedForEntries));
    }

    /// <summary>Threat model §4.4: a flood from one network prefix displaces its own sessions, whether it resumes them or not.</summary>
    [Theory]
    [InlineData(20_000, 1 << 23, false)]
    [InlineData(20_000, 1 << 23, true)]
    [InlineData(1_000_000, 1 << 20, false)]
    [InlineData(1_000_000, 1 << 20, true)]
    public void AFloodFromOnePrefixDisplacesItself(int maxEntries, long maxBytes, bool resumes)
    {
        using MemorySessionStore store = Store(maxEntries, maxBytes);
        int before = 0;
        while (store.GetStatistics() is { EvictedForBytes: 0, EvictedForEntries: 0 })
        {
            Assert.True(Set(store, before, source: 1 + ((ulong)before / 4)));
            before++;
        }
        int there = Kept(store, before).Count;
        for (int i = 1_000_000; i < 1_060_000; i++)
        {
            Assert.True(Set(store, i, source: ulong.MaxValue));
            if (resumes)
            {
                store.MarkUsed(Key(i));
            }
        }
        Assert.InRange(Kept(store, before).Count, there * 0.92, there);
        // Who comes meanwhile finds room.
        for (int i = 0; i < 100; i++)
        {
            // One in 128 is taken for the attacker.
            Set(store, 2_000_000 + i, source: 5_000_000 + (ulong)i);
        }
        Assert.InRange(Kept(store, 100, 2_000_000).Count, 95, 100);
    }

    /// <summary>Networks that come one after the other, each with more than its share, all of which resume: none is refused.</summary>
    [Theory]
    [InlineData(1_000_000, 64 * 1024)]
    [InlineData(250, 1 << 20)]
    public void WhoHoldsMoreThanItsShareIsNotRefused(int maxEntries, long maxBytes)
    {
        using MemorySessionStore store = Store(maxEntries, maxBytes);
        for (int i = 0; i < 20_000; i++)
        {
            Assert.True(Set(store, i, source: 1 + ((ulong)i / 256)));
            store.MarkUsed(Key(i));
            Assert.Single(Kept(store, 1, i));
        }
        Assert.Equal(0, store.GetStatistics().Refused);
    }

    /// <summary>Behind a proxy all clients have one address: it has the whole store, and the usual order.</summary>
    [Fact]
    public void AProxyHasTheWholeStore()
    {
        using MemorySessionStore store = Store(400, 1 << 20);
        for (int i = 0; i < 300; i++)
        {
            Assert.True(Set(store, i, source: 7));
            store.MarkUsed(Key(i));
        }
        for (int i = 300; i < 5000; i++)
        {
            Assert.True(Set(store, i, source: 7));
        }
        Assert.Equal(400, store.Count);
        Assert.Equal(300, Kept(store, 300).Count);
        Assert.Equal(0, store.GetStatistics().Refused);
    }

    /// <summary>Random calls of all kinds, against a dictionary: what is returned is what was set last, whatever its length.</summary>
    [Theory]
    [InlineData(300, 1 << 20, 60)]
    [InlineData(1_000_000, 64 * 1024, 3000)]
    [InlineData(1_000_000, 1 << 20, 20_000)]
    [InlineData(1_000_000, 64 * 1024, 4)]
    public void WhatIsFoundIsWhatWasSetLast(int maxEntries, long maxBytes, int maxLength)
    {
        using MemorySessionStore store = Store(maxEntries, maxBytes);
        var random = new Random(1);
        var model = new Dictionary<int, byte[]>();
        byte[] room = new byte[StoreShard.MaxValueLength];
        int found = 0;
        for (int step = 0; step < 60_000; step++)
        {
            int number = random.Next(4000);
            switch (random.Next(8))
            {
                case 0 or 1 or 2:
                    byte[] value = new byte[random.Next(maxLength + 1)];
                    random.NextBytes(value);
                    if (Set(store, number, value: value, source: (ulong)random.Next(40), singleUse: random.Next(5) == 0))
                    {
                        model[number] = value;
                    }
                    else
                    {
                        model.Remove(number);
                    }
                    break;
                case 3:
                    store.MarkUsed(Key(number));
                    break;
                case 4:
                    bool there = store.Find(Key(number), room, out _, out _) >= 0;
                    Assert.Equal(there, Consume(store, number));
                    model.Remove(number);
                    break;
                default:
                    int length = store.Find(Key(number), room, out _, out _);
                    if (length >= 0)
                    {
                        Assert.Equal(model[number], room[..length]);
                        found++;
                    }
                    break;
            }
        }
        Assert.True(found > 100);
        Assert.Equal(store.Count, Kept(store, 4000).Count);
        SessionStoreStatistics statistics = store.GetStatistics();
        Assert.Equal(store.Count, statistics.Entries);
        Assert.InRange(statistics.Bytes, 0, maxBytes);
        for (int i = 0; i < 4000; i++)
        {
            Consume(store, i);
        }
        Assert.Equal((0L, 0L), (store.GetStatistics().Entries, store.GetStatistics().Bytes));
    }

    /// <summary>Many at once, and a limit in two ways: never more than N entries, never more than B bytes.</summary>
    [Theory]
    [InlineData(5000, 1 << 23)]
    [InlineData(1_000_000, 1 << 20)]
    public async Task TheBoundsHoldWhateverHappensAtOnce(int maxEntries, long maxBytes)
    {
        using MemorySessionStore store = Store(maxEntries, maxBytes);
        int running = 4;
        Task[] writers = [.. Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            var random = new Random(seed);
            for (int i = 0; i < 40_000; i++)
            {
                int number = random.Next(30_000);
                Set(store, number, source: (ulong)(number % 50), value: new byte[50 + random.Next(100)]);
                store.MarkUsed(Key(random.Next(30_000)));
                if (i % 16 == 0)
                {
                    Consume(store, random.Next(30_000));
                }
            }
            Interlocked.Decrement(ref running);
        }))];
        while (Volatile.Read(ref running) > 0)
        {
            SessionStoreStatistics statistics = store.GetStatistics();
            Assert.InRange(store.Count, 0, maxEntries);
            Assert.InRange(statistics.Bytes, 0, maxBytes);
        }
        await Task.WhenAll(writers);
        Assert.True(store.Count > 4000);
        Assert.Equal(store.Count, Kept(store, 30_000).Count);
        Assert.Equal(store.Count, store.GetStatistics().Entries);
    }

    /// <summary>What goes is wiped: by removal, by eviction and at the end.</summary>
    [Fact]
    public void WhatGoesIsWiped()
    {
        byte[] planted = RandomNumberGenerator.GetBytes(64);
        using MemorySessionStore store = Store(100, 64 * 1024);
        Assert.True(Set(store, 1, value: planted));
        Assert.Single(Blocks(store));
        Assert.True(Holds(store, planted));
        Assert.True(Consume(store, 1));
        Assert.False(Holds(store, planted));

        Assert.True(Set(store, 2, value: planted));
        store.MarkUsed(Key(2));
        Assert.True(Set(store, 2, value: [1]));
        Assert.False(Holds(store, planted));

        Assert.True(Set(store, 3, value: planted));
        Fill(store, 10, 20);
        store.MarkUsed(Key(3));
        Fill(store, 20, 115);
        Assert.NotEmpty(Kept(store, 1, 3));
        Assert.True(Holds(store, planted));
        for (int i = 200; i < 2000; i++)
        {
            Fill(store, i, i + 1);
            store.MarkUsed(Key(i));
        }
        Assert.Empty(Kept(store, 1, 3));
        Assert.False(Holds(store, planted));
    }

    /// <summary>Behind a record without a value that ends its slab there is no other slab, whatever the memory held before.</summary>
    [Fact]
    public void WhatIsEmptyHasNoAddress()
    {
        using var block = new NativeBlock(2 * (Slabs.SlabLength + Slabs.LinkLength));
        block.Span.Fill(0xff);
        var slabs = new Slabs(block, 0, 2);
        var queue = default(SlabQueue);
        int address = slabs.Skip(queue.Append(slabs, Slabs.SlabLength), Slabs.SlabLength);
        Assert.True(address > block.Length);
        slabs.Write(address, []);
        slabs.Read(address, []);
        Assert.Equal(Slabs.SlabLength, queue.Length);
    }

    [Fact]
    public void ABlockThatIsGivenBackIsGone()
    {
        var block = new NativeBlock(5000);
        Assert.Equal(5000, block.Span.Length);
        block.Span.Fill(1);
        block.Dispose();
        block.Dispose();
        Assert.True(block.Span.IsEmpty);
    }

    /// <summary>Threat model §4.7: core dumps do not hold sessions. The kernel says so itself: dd, do not include area into core dump.</summary>
    [Fact]
    public unsafe void CoreDumpsLeaveItOut()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems have no such advice.");
        using var block = new NativeBlock(1 << 20);
        block.Span.Fill(1);
        fixed (byte* address = block.Span)
        {
            Assert.Contains("dd", FlagsOf((ulong)address));
            Assert.Contains("dd", FlagsOf((ulong)address + (1 << 20) - 1));
        }

        static string[] FlagsOf(ulong address)
        {
            bool within = false;
            foreach (string line in File.ReadLines("/proc/self/smaps"))
            {
                if (Regex.Match(line, "^([0-9a-f]+)-([0-9a-f]+) ") is { Success: true } range)
                {
                    within = address >= Convert.ToUInt64(range.Groups[1].Value, 16) && address < Convert.ToUInt64(range.Groups[2].Value, 16);
                }
                else if (within && line.StartsWith("VmFlags:", StringComparison.Ordinal))
                {
                    return line.Split(' ');
                }
            }
            return [];
        }
    }

    /// <summary>IPv4 by /24, IPv6 by /48; a mapped address is the address that it maps.</summary>
    [Fact]
    public void ASourceIsAPrefix()
    {
        var keys = new StoreKeys(CryptoProvider.Default);
        Assert.Equal(0UL, LookupKey.SourceOf(CryptoProvider.Default, keys, null));
        AssertSame("192.0.2.1", "192.0.2.255", true);
        AssertSame("192.0.2.1", "192.0.3.1", false);
        AssertSame("192.0.2.1", "::ffff:192.0.2.9", true);
        AssertSame("2001:db8:1:2::1", "2001:db8:1:ffff::2", true);
        AssertSame("2001:db8:1::1", "2001:db8:2::1", false);
        Assert.NotEqual(LookupKey.SourceOf(CryptoProvider.Default, keys, IPAddress.Loopback), LookupKey.SourceOf(CryptoProvider.Default, new StoreKeys(CryptoProvider.Default), IPAddress.Loopback));

        void AssertSame(string a, string b, bool same)
        {
            Assert.NotEqual(0UL, LookupKey.SourceOf(CryptoProvider.Default, keys, IPAddress.Parse(a)));
            Assert.Equal(same, LookupKey.SourceOf(CryptoProvider.Default, keys, IPAddress.Parse(a)) == LookupKey.SourceOf(CryptoProvider.Default, keys, IPAddress.Parse(b)));
        }
    }

    private static NativeBlock[] Blocks(MemorySessionStore store)
    {
        const BindingFlags Flags = BindingFlags.NonPublic | BindingFlags.Instance;
        var shards = (StoreShard[])typeof(MemorySessionStore).GetField("_shards", Flags)!.GetValue(store)!;
        return [.. shards.Select(shard => (NativeBlock?)typeof(StoreShard).GetField("_block", Flags)!.GetValue(shard)).OfType<NativeBlock>()];
    }

    private static bool Holds(MemorySessionStore store, byte[] planted)
    {
        // Any 16 bytes of it, because it may lie over two slabs.
        return Blocks(store).Any(block => Enumerable.Range(0, planted.Length - 16).Any(i => block.Span.IndexOf(planted.AsSpan(i, 16)) >= 0));
    }

    private static byte[] Key(int number)
    {
        byte[] key = new byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(key, number);
        return key;
    }

    private static List<int> Kept(MemorySessionStore store, int count, int first = 0)
        => [.. Enumerable.Range(first, count).Where(i => store.Find(Key(i), [], out _, out _) >= 0)];

    private static bool Consume(MemorySessionStore store, int number)
    {
        ValueTask<bool> consumed = store.TryConsumeAsync(Key(number));
        return consumed.IsCompletedSuccessfully && consumed.Result;
    }

    private void Fill(MemorySessionStore store, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            Assert.True(Set(store, i));
        }
    }

    private bool Set(
        MemorySessionStore store, int number, ulong source = 0, bool singleUse = false, byte[]? value = null, TimeSpan? lifetime = null)
        => store.Set(
            Key(number), value ?? new byte[94], new SessionStoreEntry(_clock.Wall + (lifetime ?? TimeSpan.FromHours(1)), source, singleUse), null);

    private MemorySessionStore Store(int maxEntries, long maxBytes) => new(maxEntries, maxBytes, timeProvider: _clock);
}
