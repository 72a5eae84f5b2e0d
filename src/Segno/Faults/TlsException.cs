namespace Segno;

/// <summary>A TLS connection failed. <see cref="Fault"/> names what went wrong.</summary>
/// <remarks>The connection that threw it cannot be used any more; its secrets are wiped.</remarks>
public class TlsException : IOException
{
    /// <summary>Creates the exception for a fault.</summary>
    /// <param name="fault">What went wrong.</param>
    /// <param name="detail">What the name alone does not tell, or <see langword="null"/>.</param>
    /// <param name="innerException">The cause, or <see langword="null"/>.</param>
    public TlsException(TlsFault fault, string? detail = null, Exception? innerException = null)
        : base(detail is null ? fault.ToString() : $"{fault}: {detail}", innerException)
    {
        Fault = fault;
    }

    /// <summary>What went wrong.</summary>
    public TlsFault Fault { get; }
}
