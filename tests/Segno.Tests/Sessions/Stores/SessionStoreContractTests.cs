using Microsoft.Extensions.Time.Testing;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class MemoryStoreContractTests : SessionStoreContract, IDisposable
{
    private readonly FakeTimeProvider _time = new(SessionDraft.Now);
    private readonly MemorySessionStore _store;

    public MemoryStoreContractTests() => _store = new MemorySessionStore(timeProvider: _time);

    protected override ISessionStore Store => _store;

    protected override DateTimeOffset Now => _time.GetUtcNow();

    public void Dispose() => _store.Dispose();
}

public sealed class LayeredStoreContractTests : SessionStoreContract, IDisposable
{
    private readonly FakeTimeProvider _time = new(SessionDraft.Now);
    private readonly MemorySessionStore _far;
    private readonly LayeredSessionStore _store;

    public LayeredStoreContractTests()
    {
        _far = new MemorySessionStore(timeProvider: _time);
        _store = new LayeredSessionStore(_far, new LayeredSessionStoreOptions { TimeProvider = _time });
    }

    protected override ISessionStore Store => _store;

    protected override DateTimeOffset Now => _time.GetUtcNow();

    public void Dispose()
    {
        _store.Dispose();
        _far.Dispose();
    }
}
