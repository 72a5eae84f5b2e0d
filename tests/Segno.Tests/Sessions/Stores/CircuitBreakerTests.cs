using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class CircuitBreakerTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly TestClock _clock = new();
    private readonly CircuitBreaker _breaker;

    public CircuitBreakerTests() => _breaker = new CircuitBreaker(3, Pause, _clock);

    [Theory]
    [InlineData(StoreAnswer.TimedOut)]
    [InlineData(StoreAnswer.Failed)]
    internal void ItOpensAfterThreeFailuresInARow(StoreAnswer failure)
    {
        Call(failure);
        Call(failure);
        Assert.Equal(StoreCircuit.Closed, _breaker.State);
        Call(StoreAnswer.No);
        Call(failure);
        Call(failure);
        Assert.Equal(StoreCircuit.Closed, _breaker.State);
        Call(failure);
        Assert.Equal((StoreCircuit.Open, 1), (_breaker.State, _breaker.Opened));
        Assert.False(_breaker.TryEnter(out _));
    }

    /// <summary>What was not even asked says nothing about the store.</summary>
    [Fact]
    public void ARefusedCallIsNoFailure()
    {
        for (int i = 0; i < 10; i++)
        {
            Call(StoreAnswer.Refused);
        }
        Assert.Equal(StoreCircuit.Closed, _breaker.State);
    }

    [Fact]
    public void AfterThePauseOneCallFindsOut()
    {
        Open();
        _clock.Advance(Pause - Tick);
        Assert.False(_breaker.TryEnter(out _));
        _clock.Advance(Tick);

        Assert.True(_breaker.TryEnter(out bool isProbe));
        Assert.True(isProbe);
        Assert.Equal(StoreCircuit.HalfOpen, _breaker.State);
        Assert.False(_breaker.TryEnter(out _));

        _breaker.Report(StoreAnswer.Yes, isProbe);
        Assert.Equal(StoreCircuit.Closed, _breaker.State);
        Call(StoreAnswer.Failed);
        Call(StoreAnswer.Failed);
        Assert.Equal(StoreCircuit.Closed, _breaker.State);
    }

    [Fact]
    public void AProbeThatFailsStartsThePauseAnew()
    {
        Open();
        _clock.Advance(Pause);
        Assert.True(_breaker.TryEnter(out bool isProbe));
        _breaker.Report(StoreAnswer.TimedOut, isProbe);

        Assert.Equal((StoreCircuit.Open, 2), (_breaker.State, _breaker.Opened));
        _clock.Advance(Pause - Tick);
        Assert.False(_breaker.TryEnter(out _));
        _clock.Advance(Tick);
        Assert.True(_breaker.TryEnter(out _));
    }

    /// <summary>A handshake that was aborted leaves the question to the next.</summary>
    [Fact]
    public void AProbeThatIsGivenUpDecidesNothing()
    {
        Open();
        _clock.Advance(Pause);
        Assert.True(_breaker.TryEnter(out bool isProbe));
        _breaker.Report(StoreAnswer.Refused, isProbe);

        Assert.Equal(StoreCircuit.Open, _breaker.State);
        Assert.True(_breaker.TryEnter(out isProbe));
        Assert.True(isProbe);
    }

    [Fact]
    public void WhatBeganBeforeItOpenedChangesNothing()
    {
        Assert.True(_breaker.TryEnter(out bool early));
        Open();
        _breaker.Report(StoreAnswer.Yes, early);
        Assert.Equal(StoreCircuit.Open, _breaker.State);
        _clock.Advance(Pause);
        Assert.True(_breaker.TryEnter(out bool isProbe));
        _breaker.Report(StoreAnswer.Failed, early);
        Assert.Equal(StoreCircuit.HalfOpen, _breaker.State);
        _breaker.Report(StoreAnswer.No, isProbe);
        Assert.Equal(StoreCircuit.Closed, _breaker.State);
    }

    private void Open()
    {
        for (int i = 0; i < 3; i++)
        {
            Call(StoreAnswer.Failed);
        }
        Assert.Equal(StoreCircuit.Open, _breaker.State);
    }

    private void Call(StoreAnswer answer)
    {
        Assert.True(_breaker.TryEnter(out bool isProbe));
        _breaker.Report(answer, isProbe);
    }
}
