using System.Runtime.CompilerServices;

namespace Segno.Tests;

/// <summary>Chooses the cryptography provider of this test program before the library's first use.</summary>
internal static class TestProvider
{
#if SEGNO_SYSTEM_PROVIDER
    internal const string Name = "system";
#else
    internal const string Name = "libcrypto";
#endif

    [ModuleInitializer]
    internal static void Choose() => AppContext.SetData("Segno.CryptoProvider", Name);
}
