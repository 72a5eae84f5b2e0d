using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>What is wrong with ticket keys from outside.</summary>
public enum TicketKeyProblem
{
    /// <summary>The text or the bytes are of no format that is read here, or cut off.</summary>
    Malformed,
    /// <summary>There is no key in it.</summary>
    Empty,
    /// <summary>More keys than a ring holds, 64.</summary>
    TooMany,
    /// <summary>A key has less than 32 secret bytes.</summary>
    TooShort,
    /// <summary>A key is nothing that a random generator gives: all bytes alike, counted up, repeated, or text.</summary>
    Weak,
    /// <summary>A key is published as a test vector, or follows from nothing.</summary>
    KnownKey,
    /// <summary>Two keys are the same.</summary>
    Duplicate,
    /// <summary>A number was given to two different keys.</summary>
    EpochReused,
    /// <summary>It is older than what is in use: an older key never comes back.</summary>
    RolledBack,
}

/// <summary>Ticket keys are refused. The message says which and why, and contains nothing of a key.</summary>
public sealed class TicketKeyException : ArgumentException
{
    /// <summary>Makes one.</summary>
    public TicketKeyException()
        : this(TicketKeyProblem.Malformed, "The ticket keys are malformed.")
    {
    }

    /// <summary>Makes one with a message.</summary>
    /// <param name="message">The message.</param>
    public TicketKeyException(string message)
        : this(TicketKeyProblem.Malformed, message)
    {
    }

    /// <summary>Makes one with a message and a cause.</summary>
    /// <param name="message">The message.</param>
    /// <param name="innerException">The cause.</param>
    public TicketKeyException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal TicketKeyException(TicketKeyProblem problem, string message)
        : base(message)
    {
        Problem = problem;
    }

    /// <summary>What is wrong.</summary>
    public TicketKeyProblem Problem { get; }

    /// <summary>Refuses what is no key: less than 32 bytes, a pattern, text, or a published example. No such check finds out that a key is not random.</summary>
    /// <param name="material">The secret bytes.</param>
    /// <param name="what">How to call it: the subject of a sentence, "The key that …".</param>
    /// <exception cref="TicketKeyException">It is no key.</exception>
    public static void ThrowIfWeak(ReadOnlySpan<byte> material, string what)
    {
        ArgumentException.ThrowIfNullOrEmpty(what);
        KeyMaterial.Check(material, what);
    }
}
