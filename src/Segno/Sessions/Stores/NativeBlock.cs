using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Memory that the collector neither walks nor moves, that core dumps leave out (Linux), and that is wiped before it is given back.
/// Pages that nobody has touched cost nothing. Not thread-safe.
/// </summary>
internal sealed unsafe partial class NativeBlock : CriticalFinalizerObject, IDisposable
{
    private const int DontDump = 16;
    private const int DoDump = 17;

    private byte* _address;

    /// <exception cref="OutOfMemoryException">There is no such memory.</exception>
    public NativeBlock(int length)
    {
        Length = length;
        _address = (byte*)NativeMemory.AlignedAlloc(PagedLength(length), (nuint)Environment.SystemPageSize);
        Advise(DontDump);
    }

    ~NativeBlock() => Release();

    public int Length { get; private set; }

    /// <summary>All of it; what it holds at first is anything. Empty when it is disposed.</summary>
    public Span<byte> Span => new(_address, Length);

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private static nuint PagedLength(int length)
    {
        int page = Environment.SystemPageSize;
        return (nuint)((length + page - 1) / page * page);
    }

    private void Release()
    {
        if (_address is null)
        {
            return;
        }
        CryptographicOperations.ZeroMemory(Span);
        Advise(DoDump);
        NativeMemory.AlignedFree(_address);
        _address = null;
        Length = 0;
    }

    private void Advise(int advice)
    {
        if (OperatingSystem.IsLinux())
        {
            // A kernel that does not know the advice refuses it, and the memory is as good as any.
            _ = MemoryAdvise(_address, PagedLength(Length), advice);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MemoryAdvise(void* address, nuint length, int advice);
}
