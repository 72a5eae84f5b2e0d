namespace Segno.Samples.Ftps;

/// <summary>An FTP server said something else than what was hoped for: the message is its reply.</summary>
internal sealed class FtpsException(string reply, Exception? inner = null) : Exception(reply, inner);
