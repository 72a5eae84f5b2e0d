using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Segno.Buffers;
using Xunit;

namespace Segno.Tests.Architecture;

/// <summary>The analyzer refuses banned symbols while compiling; these tests look at what was built, pragmas and all.</summary>
public sealed class BannedSymbolsTests
{
    private static readonly IReadOnlyList<BannedSymbol> Banned = BannedSymbol.ReadAll();
    private static readonly CodeMap Library = new(typeof(PublicData).Assembly, "/src/Segno/");
    private static readonly CodeMap Sample = new(typeof(BannedSymbolsTests).Assembly, "/Architecture/Samples/");

    [Fact]
    public void TheLibraryUsesNoneButInTheOnePlaceThatMay() =>
        Assert.Equal(["Buffers/PublicData.cs: SequenceEqual"], BannedUses(Library));

    [Fact]
    public void AUseIsFoundInTheSample() =>
        Assert.Equal(["Elsewhere/Impatient.cs: SequenceEqual", "Elsewhere/Stray.cs: .ctor", "Elsewhere/Stray.cs: Next", "Elsewhere/Stray.cs: Random", "Elsewhere/Stray.cs: get_UtcNow"], BannedUses(Sample));

    // M1, CVE-2025-11932: where binders and Finished are compared, and what a comparison that stops early would look like.
    [Fact]
    public void M1_BindersAndFinishedAreComparedInFixedTime()
    {
        string[] files = [.. Library.Uses().Where(use => use.Target.Name == nameof(System.Security.Cryptography.CryptographicOperations.FixedTimeEquals)).Select(use => use.File).Distinct()];
        Assert.Contains("Handshake/Proofs.cs", files);
        Assert.Contains("Handshake/Server13.cs", files);
        Assert.Contains("Elsewhere/Impatient.cs: SequenceEqual", BannedUses(Sample));
    }

    [Fact]
    public void EveryBannedSymbolExists()
    {
        // A misspelt line would ban nothing, and the analyzer does not complain of it.
        Type[] all = [.. new[] { "System.Runtime", "System.Memory", "System.Linq", "System.Console", "System.Net.Security", "System.Security.Cryptography" }
            .Select(System.Reflection.Assembly.Load).Append(typeof(object).Assembly).SelectMany(assembly => assembly.GetExportedTypes())];
        Assert.All(Banned, symbol =>
        {
            Type type = Assert.Single(all, type => type.FullName == symbol.Type);
            Assert.True(symbol.Member is null || type.GetMember(symbol.Member).Length > 0, symbol.ToString());
        });
    }

    [Fact]
    public void TheLibraryLoadsNoLibssl()
    {
        using PEReader file = new(File.OpenRead(typeof(PublicData).Assembly.Location));
        MetadataReader metadata = file.GetMetadataReader();
        var imported = Enumerable.Range(1, metadata.GetTableRowCount(TableIndex.ModuleRef))
            .Select(row => metadata.GetString(metadata.GetModuleReference(MetadataTokens.ModuleReferenceHandle(row)).Name));
        Assert.DoesNotContain(imported.Concat(StringLiterals(metadata)), name => name.Contains("libssl", StringComparison.OrdinalIgnoreCase) || name == "ssl");
    }

    private static IEnumerable<string> BannedUses(CodeMap code) => code.Uses()
        .Where(use => Banned.Any(symbol => symbol.Matches(use.Target)) && !IsTextPattern(use.Target))
        .Select(use => $"{use.File}: {use.Target.Name}").Distinct().Order(StringComparer.Ordinal);

    // The compiler turns `label is "PRIVATE KEY"` on a span of characters into SequenceEqual<char>.
    private static bool IsTextPattern(MemberInfo target) =>
        target is MethodInfo { Name: "SequenceEqual", IsGenericMethod: true } method && method.GetGenericArguments()[0] == typeof(char);

    private static IEnumerable<string> StringLiterals(MetadataReader metadata)
    {
        for (UserStringHandle handle = MetadataTokens.UserStringHandle(0); !(handle = metadata.GetNextHandle(handle)).IsNil;)
        {
            yield return metadata.GetUserString(handle);
        }
    }
}
