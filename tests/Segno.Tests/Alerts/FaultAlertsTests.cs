using Segno.Alerts;

namespace Segno.Tests.Alerts;

public class FaultAlertsTests
{
    [Fact]
    public void EveryFaultHasItsLine()
    {
        foreach (TlsFault fault in Enum.GetValues<TlsFault>())
        {
            Assert.True(FaultAlerts.For(fault) is null || Enum.IsDefined(FaultAlerts.For(fault)!.Value), fault.ToString());
        }
    }

    [Fact]
    public void WhatIsNoFaultHasNone() => Assert.Throws<ArgumentOutOfRangeException>(() => FaultAlerts.For((TlsFault)12345));

    [Theory]
    [InlineData(TlsAlert.CloseNotify, 1)]
    [InlineData(TlsAlert.UserCanceled, 1)]
    [InlineData(TlsAlert.DecodeError, 2)]
    [InlineData(TlsAlert.InternalError, 2)]
    public void OnlyClosureIsAWarning(TlsAlert alert, byte level) => Assert.Equal(level, FaultAlerts.Level(alert));
}
