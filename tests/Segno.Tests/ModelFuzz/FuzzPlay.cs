using System.Security.Authentication;
using Segno.Alerts;
using Segno.Records;
using Segno.Tests.Connections;

namespace Segno.Tests.ModelFuzz;

/// <summary>One sequence: what a scripted peer does to an engine, and what must hold whatever it does.</summary>
internal abstract class FuzzPlay(FuzzWorld world, Random random, List<string> steps) : IDisposable
{
    private const string WordOfApplication = "data";

    private bool _alertSent;
    private bool _closed;

    protected FuzzWorld World => world;

    /// <summary>What was sent under keys that the engine has to trust: no other data may come out.</summary>
    protected List<byte> Sendable { get; } = [];

    /// <summary>Whether the script reads what the engine sends in step, so that it can read an alert.</summary>
    protected bool InStep { get; set; } = true;

    protected abstract ScriptedPeer Peer { get; }

    protected TlsConnection Engine => Peer.Engine;

    /// <summary>Plays to the end.</summary>
    /// <returns>How it ended.</returns>
    public string Run()
    {
        Open();
        string ending;
        try
        {
            ending = Play();
            if (Engine.IsReceiveClosed)
            {
                Engine.ReceiveEnd();
                ending += ", closed";
            }
            else
            {
                // The transport ends here: no sequence waits for anything for ever.
                TlsFault expected = Engine.IsHandshakeCompleted ? TlsFault.Truncated : TlsFault.ClosedDuringHandshake;
                TlsException end = Assert.ThrowsAny<TlsException>(Engine.ReceiveEnd);
                Assert.Equal(expected, end.Fault);
            }
        }
        catch (TlsException e)
        {
            ending = Refused(e);
        }
        AssertDataIsGood();
        Assert.Equal(TlsWants.None, Engine.Wants & (TlsWants.Read | TlsWants.Resume));
        return ending;
    }

    public void Dispose()
    {
        if (Peer is { } peer)
        {
            peer.Dispose();
        }
    }

    /// <summary>Makes the peer.</summary>
    protected abstract void Open();

    protected abstract string Play();

    protected bool Chance(int percent) => random.Next(100) < percent;

    protected int Next(int count) => random.Next(count);

    protected T Pick<T>(IReadOnlyList<T> values) => values[random.Next(values.Count)];

    protected byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>A step of the sequence; what it says is what reproduces it.</summary>
    protected void Step(string what, Action? step = null)
    {
        steps.Add(what);
        step?.Invoke();
        AssertDataIsGood();
    }

    /// <summary>What no state has asked for, every now and then.</summary>
    protected void Noise(int percent = 6)
    {
        if (!Chance(percent))
        {
            return;
        }
        switch (Next(8))
        {
            case 0:
            case 1:
                Step("CCS", Peer.SendChangeCipherSpec);
                break;
            case 2:
                Step("bad CCS", () => Peer.Deliver(WireRecords.Plaintext(WireRecords.ChangeCipherSpec, Bytes(1 + Next(2)))));
                break;
            case 3:
                Step("garbage", () => Peer.Deliver(WireRecords.Plaintext((byte)Next(256), Bytes(Next(48)))));
                break;
            case 4:
                Step("garbage data", () => Peer.Deliver(WireRecords.Plaintext(WireRecords.ApplicationData, Bytes(Next(64)))));
                break;
            case 5:
                Step("message of a random type", () => Peer.SendRecord(ContentType.Handshake, [(byte)Next(32), 0, 0, 4, .. Bytes(4)]));
                break;
            case 6:
                Step("record too long", () => Peer.Deliver([WireRecords.Handshake, 3, 3, 0x7f, 0xff]));
                break;
            default:
                _alertSent = true;
                Step("alert", () => Peer.SendRecord(ContentType.Alert, (byte)(1 + Next(2)), (byte)Next(120)));
                _closed |= Engine.IsReceiveClosed;
                break;
        }
    }

    /// <summary>After a handshake: data, KeyUpdates, noise, and an end.</summary>
    protected void Converse(bool isTls13)
    {
        Assert.True(Engine.IsHandshakeCompleted);
        for (int i = Next(4); i > 0 && !_closed; i--)
        {
            switch (Next(isTls13 ? 5 : 4))
            {
                case 0:
                case 1:
                    Sendable.AddRange(System.Text.Encoding.ASCII.GetBytes(WordOfApplication));
                    Step("data", () => Peer.SendRecord(ContentType.ApplicationData, System.Text.Encoding.ASCII.GetBytes(WordOfApplication)));
                    Assert.Equal(Sendable, Peer.Data);
                    break;
                case 2:
                    Noise(percent: 100);
                    break;
                case 3:
                    Step("close", () => Peer.SendRecord(ContentType.Alert, 1, (byte)TlsAlert.CloseNotify));
                    Assert.True(Engine.IsReceiveClosed);
                    _closed = true;
                    break;
                default:
                    int updates = Chance(10) ? 40 : 1;
                    Step($"{updates} KeyUpdate", () =>
                    {
                        for (int update = 0; update < updates; update++)
                        {
                            Peer.SendUpdate(requestPeer: Chance(50));
                            // What comes back is under the engine's next key.
                            InStep = false;
                        }
                    });
                    break;
            }
        }
    }

    /// <summary>Nothing comes out that was not sent under good keys, and before the handshake is complete only early data that was accepted.</summary>
    private void AssertDataIsGood()
    {
        Assert.True(Peer.Data.Count <= Sendable.Count && Sendable.Take(Peer.Data.Count).SequenceEqual(Peer.Data), "data that nobody sent came out");
        Assert.True(Peer.Data.Count == 0 || Engine.IsHandshakeCompleted || Engine.Info.EarlyData.IsAccepted, "data came out before the handshake was complete");
    }

    /// <summary>A refusal has a name, and the alert that the table has for it.</summary>
    private string Refused(TlsException e)
    {
        if (e.Fault == TlsFault.PeerAlert)
        {
            Assert.True(_alertSent, "an alert that nobody sent");
            return "ended by the peer's alert";
        }
        Assert.True(HandshakeCorpus.IsNamed(e.Fault), e.ToString());
        TlsAlert? alert = FaultAlerts.For(e.Fault, Engine.Info.ProtocolVersion);
        Assert.Equal(alert, (e as TlsAlertException)?.Alert);
        if (alert is not null && InStep && !Engine.IsHandshakeCompleted)
        {
            AssertAlert(alert.Value);
        }
        return $"refused: {e.Fault}";
    }

    /// <summary>The alert is what the engine says last. Behind a ServerHello that the script never read it is protected by keys that it does not have.</summary>
    private void AssertAlert(TlsAlert alert)
    {
        (ContentType Type, byte[] Content) record;
        do
        {
            record = Peer.ReadRecord();
        }
        while (record.Type is ContentType.Handshake or ContentType.ChangeCipherSpec);
        if (record.Type != ContentType.ApplicationData)
        {
            Assert.Equal(ContentType.Alert, record.Type);
            Assert.Equal([FaultAlerts.FatalLevel, (byte)alert], record.Content);
        }
    }
}
