namespace Segno.Sessions;

/// <summary>What is wrong with bytes that should be a session.</summary>
public enum SessionImportProblem
{
    /// <summary>They are no session, or cut off.</summary>
    Malformed,
    /// <summary>They are a session in another version of the format.</summary>
    FormatVersion,
    /// <summary>They are protected in another way: by a key and not by a passphrase, the other way round, or not at all.</summary>
    OtherProtection,
    /// <summary>The numbers that the passphrase's key is derived with are out of bounds.</summary>
    Parameters,
    /// <summary>The key or the passphrase is another one, or a bit has changed: which of them nobody can tell.</summary>
    WrongKeyOrAltered,
    /// <summary>A session of OpenSSL's with a protocol version or a cipher suite that this library does not have (docs/stances.md).</summary>
    Unsupported,
    /// <summary>A session of OpenSSL's that was made with another server name than the target.</summary>
    OtherServerName,
    /// <summary>A session of OpenSSL's whose server was not verified when it was made.</summary>
    NotVerified,
}

/// <summary>Bytes are refused as a session. The message says why, and contains nothing of them.</summary>
public sealed class SessionImportException : FormatException
{
    /// <summary>Makes one.</summary>
    public SessionImportException()
        : this(SessionImportProblem.Malformed, "The bytes are not an exported session.")
    {
    }

    /// <summary>Makes one with a message.</summary>
    /// <param name="message">The message.</param>
    public SessionImportException(string message)
        : this(SessionImportProblem.Malformed, message)
    {
    }

    /// <summary>Makes one with a message and a cause.</summary>
    /// <param name="message">The message.</param>
    /// <param name="innerException">The cause.</param>
    public SessionImportException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal SessionImportException(SessionImportProblem problem, string message)
        : base(message)
    {
        Problem = problem;
    }

    /// <summary>What is wrong.</summary>
    public SessionImportProblem Problem { get; }
}
