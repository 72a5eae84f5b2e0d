namespace Segno.Sessions;

/// <summary>Why a file store, or the key of one, cannot be opened.</summary>
public enum FileStoreProblem
{
    /// <summary>It is none: the header is cut off or of something else, or other files are in the directory.</summary>
    Malformed,
    /// <summary>Others than its owner may read or write it.</summary>
    Permissions,
    /// <summary>It was written by a version that this one does not know.</summary>
    UnknownVersion,
    /// <summary>It is a store of another kind: a server's where a client's was expected, or the other way round.</summary>
    OtherKind,
    /// <summary>The key is not the one that it was made with, or its header was changed.</summary>
    WrongKey,
}

/// <summary>A file store cannot be opened. The message says which and why, and contains nothing of a key.</summary>
public sealed class FileStoreException : IOException
{
    /// <summary>Makes one.</summary>
    public FileStoreException()
        : this(FileStoreProblem.Malformed, "This is no file store.")
    {
    }

    /// <summary>Makes one with a message.</summary>
    /// <param name="message">The message.</param>
    public FileStoreException(string message)
        : this(FileStoreProblem.Malformed, message)
    {
    }

    /// <summary>Makes one with a message and a cause.</summary>
    /// <param name="message">The message.</param>
    /// <param name="innerException">The cause.</param>
    public FileStoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal FileStoreException(FileStoreProblem problem, string message)
        : base(message)
    {
        Problem = problem;
    }

    /// <summary>What is wrong.</summary>
    public FileStoreProblem Problem { get; }
}
