#pragma warning disable
namespace Segno.Sessions;

/// <summary>Placeholder until the sessions room lands.</summary>
public interface IClientSessionCache;

/// <summary>Placeholder until the sessions room lands.</summary>
public sealed class TlsSession;

/// <summary>Placeholder until the sessions room lands.</summary>
public sealed class TicketKeyRing;
