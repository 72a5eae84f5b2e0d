namespace Segno;

/// <summary>What a <see cref="TlsConnection"/> needs next from whoever moves its bytes.</summary>
[Flags]
public enum TlsWants
{
    /// <summary>Nothing: it is closed both ways.</summary>
    None = 0,
    /// <summary>Bytes from the peer, by <see cref="TlsConnection.Receive"/>.</summary>
    Read = 1,
    /// <summary>To send bytes, by <see cref="TlsConnection.Flush"/> or with the next <see cref="TlsConnection.Send"/>.</summary>
    Write = 2,
    /// <summary>That <see cref="TlsConnection.Pending"/> is done and then <see cref="TlsConnection.Resume"/> called; until then it takes no input.</summary>
    Resume = 4,
}
