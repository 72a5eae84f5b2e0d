namespace Segno.Handshake;

/// <summary>Calls what the application gave us: what it throws is named for what it is (I6).</summary>
internal static class Callback
{
    /// <exception cref="TlsException">The callback threw.</exception>
    public static T Call<T>(Func<T> callback)
    {
        try
        {
            return callback();
        }
        catch (Exception e) when (e is not TlsException)
        {
            throw new TlsException(TlsFault.CallbackFailed, null, e);
        }
    }

    /// <summary>Reads the clock. It is read several times in a handshake: no delegate is made for it.</summary>
    /// <exception cref="TlsException">The clock threw.</exception>
    public static DateTimeOffset Now(TimeProvider time)
    {
        try
        {
            return time.GetUtcNow();
        }
        catch (Exception e) when (e is not TlsException)
        {
            throw new TlsException(TlsFault.CallbackFailed, null, e);
        }
    }

    /// <summary>Reads the clock that measures, as <see cref="Now"/> the one that tells the time.</summary>
    /// <exception cref="TlsException">The clock threw.</exception>
    public static long Timestamp(TimeProvider time)
    {
        try
        {
            return time.GetTimestamp();
        }
        catch (Exception e) when (e is not TlsException)
        {
            throw new TlsException(TlsFault.CallbackFailed, null, e);
        }
    }

    /// <exception cref="TlsException">The callback threw.</exception>
    public static void Call(Action callback)
    {
        try
        {
            callback();
        }
        catch (Exception e) when (e is not TlsException)
        {
            throw new TlsException(TlsFault.CallbackFailed, null, e);
        }
    }
}
