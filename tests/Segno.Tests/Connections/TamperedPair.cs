using Segno.Handshake;

namespace Segno.Tests.Connections;

/// <summary>
/// A pair of which one side says something else in place of one of its messages: under the right keys, and with what it says in
/// its own transcript, so that nothing but the state machine of the other side stands against it.
/// </summary>
internal sealed class TamperedPair : IDisposable
{
    private readonly VariantContexts _contexts;
    private readonly Func<byte[], byte[]> _tamper;
    private readonly int _index;
    private readonly List<byte> _said = [];
    private int _passed;

    /// <summary>Makes the pair; nothing moves yet.</summary>
    /// <param name="contexts">The contexts.</param>
    /// <param name="toServer">Whether the client is the one who tampers.</param>
    /// <param name="index">Which of its messages it tampers with, from 0.</param>
    /// <param name="tamper">What is said in place of the message: none, one, or several.</param>
    public TamperedPair(VariantContexts contexts, bool toServer, int index, Func<byte[], byte[]> tamper)
    {
        _contexts = contexts;
        _index = index;
        _tamper = tamper;
        contexts.Prepare();
        contexts.Rewrite(
            toServer ? message => message[0] == (byte)HandshakeType.ClientHello ? message : Pass(message) : null,
            toServer ? null : Pass);
        // A client's hello is changed on the wire: the client answers to what comes back.
        Pair = new EnginePair(contexts.Client, contexts.Server)
        {
            Wire = (isToServer, bytes) => isToServer && toServer ? [.. WireRecords.Split(bytes).SelectMany(PassHello)] : bytes,
        };
        Victim = toServer ? Pair.Server : Pair.Client;
    }

    public EnginePair Pair { get; }

    public TlsConnection Victim { get; }

    public bool AsksForCertificate => _contexts.Server.Settings.ClientCertificateMode != TlsClientCertificateMode.None;

    /// <summary>All handshake bytes that were said to the victim.</summary>
    public IReadOnlyList<byte> Said => _said;

    /// <summary>Runs until both are quiet.</summary>
    /// <returns>What the victim threw, if it did.</returns>
    public TlsException? Run()
    {
        TlsException? thrown = Record.Exception(() =>
        {
            Pair.Client.Start();
            Pair.Run();
        }) is { } exception ? Assert.IsAssignableFrom<TlsException>(exception) : null;
        if (thrown is null || thrown.Fault != TlsFault.PeerAlert)
        {
            // Whose it is shows in who is done for.
            return thrown is not null && (Victim.Wants & (TlsWants.Read | TlsWants.Resume)) == 0 ? thrown : null;
        }
        return null;
    }

    public void Dispose()
    {
        _contexts.Rewrite(null, null);
        Pair.Dispose();
    }

    private byte[] Pass(byte[] message)
    {
        byte[] said = _passed++ == _index ? _tamper(message) : message;
        _said.AddRange(said);
        return said;
    }

    private byte[] PassHello(byte[] record)
    {
        if (record is not [WireRecords.Handshake, _, _, _, _, (byte)HandshakeType.ClientHello, ..])
        {
            return record;
        }
        byte[] said = Pass(record[5..]);
        return said.Length == 0 ? [] : [22, 3, record[2], (byte)(said.Length >> 8), (byte)(said.Length & 0xff), .. said];
    }
}
