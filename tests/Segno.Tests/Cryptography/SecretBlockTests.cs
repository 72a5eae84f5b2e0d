using System.Reflection;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Tests.Cryptography;

public sealed class SecretBlockTests
{
    [Fact]
    public void HoldsItsCapacityAndNotAByteMore()
    {
        using SecretBlock block = SecretBlock.Rent();
        Assert.Equal(SecretBlock.Capacity - 48, block.Take(SecretBlock.Capacity - 48).Length);
        Assert.Throws<InvalidOperationException>(() => block.Take(49));
        Assert.Equal(48, block.Take(48).Length);
        Assert.Equal(0, block.Take(0).Length);
        Assert.Throws<InvalidOperationException>(() => block.Take(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => block.Take(-1));
    }

    [Fact]
    public void SlotsAreZeroAndApart()
    {
        using SecretBlock block = SecretBlock.Rent();
        SecretSlot first = block.Take(32);
        SecretSlot second = block.Take(32);
        Assert.All(first.Span.ToArray(), b => Assert.Equal(0, b));
        Assert.False(first.Span.Overlaps(second.Span));
        first.Span.Fill(1);
        second.Span.Fill(2);
        Assert.All(first.Span.ToArray(), b => Assert.Equal(1, b));
        Assert.Equal(2, second.Slice(31, 1).Span[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => second.Slice(31, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => second.Slice(-1, 2));

        block.Wipe(first);
        Assert.All(first.Span.ToArray(), b => Assert.Equal(0, b));
        Assert.All(second.Span.ToArray(), b => Assert.Equal(2, b));
    }

    [Fact]
    public void IsWipedWhenDisposedAndRefusesAfterwards()
    {
        SecretBlock block = SecretBlock.Rent();
        SecretSlot slot = block.Take(64);
        Span<byte> kept = slot.Span;
        kept.Fill(0x5e);
        block.Dispose();
        Assert.Equal(-1, kept.IndexOfAnyExcept((byte)0));
        block.Dispose();
        Assert.Throws<ObjectDisposedException>(() => slot.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => block.Take(1));
        Assert.Throws<ObjectDisposedException>(() => block.Wipe(slot));
    }

    [Fact]
    public void ASlotDoesNotReachIntoTheNextBlock()
    {
        SecretBlock first = SecretBlock.Rent();
        SecretSlot stale = first.Take(16);
        first.Dispose();
        using SecretBlock second = SecretBlock.Rent(); // perhaps the same memory
        SecretSlot slot = second.Take(16);
        Assert.All(slot.Span.ToArray(), b => Assert.Equal(0, b));
        Assert.Throws<ObjectDisposedException>(() => stale.Span.Length);
        Assert.Throws<ArgumentException>(() => second.Wipe(stale));
        Assert.Throws<InvalidOperationException>(() => default(SecretSlot).Span.Length);
        Assert.True(default(SecretSlot).IsDefault);
        Assert.False(slot.IsDefault);
    }

    [Fact]
    public void DisposingTwiceAtOncePoolsTheMemoryOnce()
    {
        for (int round = 0; round < 200; round++)
        {
            SecretBlock block = SecretBlock.Rent();
            Parallel.Invoke(block.Dispose, block.Dispose);
            using SecretBlock one = SecretBlock.Rent();
            using SecretBlock other = SecretBlock.Rent();
            Assert.False(one.Take(SecretBlock.Capacity).Span.Overlaps(other.Take(SecretBlock.Capacity).Span));
        }
    }

    [Fact]
    public void ShowsItsBytesToNobody()
    {
        using SecretBlock block = SecretBlock.Rent();
        SecretSlot slot = block.Take(4);
        "seed"u8.CopyTo(slot.Span);
        Assert.DoesNotContain("seed", block.ToString(), StringComparison.Ordinal);
        Assert.Equal(typeof(SecretSlot).FullName, slot.ToString());
        Assert.DoesNotContain(typeof(SecretSlot).GetMethods(BindingFlags.Public | BindingFlags.Static), m => m.Name.StartsWith("op_Implicit", StringComparison.Ordinal));
    }

    [Fact]
    public void RandomBytesDiffer()
    {
        foreach (int length in (int[])[0, 1, 32, 255, 256, 257, 5000])
        {
            byte[] one = new byte[length];
            byte[] other = new byte[length];
            SystemRandom.Fill(one);
            SystemRandom.Fill(other);
            Assert.True(length < 32 || !CryptographicOperations.FixedTimeEquals(one, other));
            Assert.True(length < 32 || one.AsSpan(length - 16).IndexOfAnyExcept((byte)0) >= 0);
        }
    }

    /// <summary>What comes back is wiped and used again, up to a number; who gives it back twice gives it back once.</summary>
    [Fact]
    public void PooledMemoryIsWipedAndBounded()
    {
        var pool = new PinnedPool(8, maxPooled: 1);
        byte[] first = pool.Rent();
        byte[] second = pool.Rent();
        Array.Fill(first, (byte)1);
        Array.Fill(second, (byte)2);
        byte[]? held = first;
        pool.Return(ref held);
        pool.Return(ref held);
        Assert.Null(held);
        held = second;
        pool.Return(ref held);
        Assert.All(first.Concat(second), b => Assert.Equal(0, b));
        Assert.Same(first, pool.Rent());
        byte[] third = pool.Rent();
        Assert.NotSame(first, third);
        Assert.NotSame(second, third);
    }
}
