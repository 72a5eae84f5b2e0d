using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>Random bytes from the operating system itself, per call.</summary>
/// <remarks>
/// On Linux <see cref="RandomNumberGenerator"/> draws from OpenSSL's generator, which lives in the process: two clones of a
/// virtual machine may draw the same bytes from it. So there this asks getrandom(2); elsewhere the framework asks the system.
/// </remarks>
internal static unsafe class SystemRandom
{
    private const int UninterruptedLength = 256; // getrandom(2): up to this length never cut short by a signal
    private const int MaxAttempts = 64;

    private static readonly delegate* unmanaged<byte*, nuint, uint, nint> GetRandom = FindGetRandom();

    public static void Fill(Span<byte> destination)
    {
        if (GetRandom == null)
        {
            RandomNumberGenerator.Fill(destination);
            return;
        }

        fixed (byte* start = destination)
        {
            int filled = 0;
            int attempts = 0;
            while (filled < destination.Length)
            {
                int wanted = Math.Min(destination.Length - filled, UninterruptedLength);
                nint got = GetRandom(start + filled, (nuint)wanted, 0);
                if (got > 0)
                {
                    filled += (int)got;
                    attempts = 0;
                }
                else if (++attempts == MaxAttempts)
                {
                    throw new CryptographicException("The operating system gives no random bytes (getrandom failed).");
                }
            }
        }
    }

    private static delegate* unmanaged<byte*, nuint, uint, nint> FindGetRandom() =>
        OperatingSystem.IsLinux() && NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "getrandom", out nint address)
            ? (delegate* unmanaged<byte*, nuint, uint, nint>)address
            : null;
}
