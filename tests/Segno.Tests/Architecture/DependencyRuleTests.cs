using Segno.Buffers;
using Xunit;

namespace Segno.Tests.Architecture;

public sealed class DependencyRuleTests
{
    private static readonly CodeMap Library = new(typeof(PublicData).Assembly, "/src/Segno/");
    private static readonly CodeMap Sample = new(typeof(DependencyRuleTests).Assembly, "/Architecture/Samples/");

    [Fact]
    public void TheLibraryKeepsTheRule() => Assert.Empty(DependencyRule.Check(Library));

    [Fact]
    public void TheLibrarysSourceTextKeepsTheRule() =>
        Assert.Empty(SourceTree.CSharpFiles("src/Segno").SelectMany(file => DependencyRule.Check(file.Path, file.Text)));

    [Fact]
    public void TheMapKnowsEveryFileThatDeclaresAType()
    {
        Assert.NotEmpty(Library.Types);
        Assert.Equal("Buffers/PublicData.cs", Library.FileOf(typeof(PublicData)));
    }

    [Theory]
    [InlineData("Handshake", "Records", true)]
    [InlineData("IO", "Faults", true)]
    [InlineData("Sessions", "Cryptography", true)]
    [InlineData("Cryptography", "Options", true)]
    [InlineData("Connections", "Diagnostics", true)]
    [InlineData("Diagnostics", "Handshake", true)]
    [InlineData("Diagnostics", "Connections", false)]
    [InlineData("Handshake", "Diagnostics", false)]
    [InlineData("Sessions", "Diagnostics", false)]
    [InlineData("Records", "Handshake", false)]
    [InlineData("Sessions", "Records", false)]
    [InlineData("Cryptography", "Buffers", false)]
    [InlineData("Connections", "IO", false)]
    [InlineData("Faults", "Options", false)]
    [InlineData("Options", "IO", false)]
    public void TheRuleIsTheDesigns(string from, string to, bool allowed) => Assert.Equal(allowed, DependencyRule.Allows(from, to));

    // The checker itself, on a sample that breaks the rule in each way there is.
    [Theory]
    [InlineData("Records/NamesInAField.cs")]
    [InlineData("Records/NamesInASignature.cs")]
    [InlineData("Records/NamesInABody.cs")]
    [InlineData("Records/NamesAsATypeArgument.cs")]
    [InlineData("Records/NamesInALambda.cs")]
    [InlineData("Records/INamesAsABase.cs")]
    public void AViolationIsFoundWhereverItHides(string file)
    {
        DependencyRule.Violation found = Assert.Single(DependencyRule.Check(Sample), violation => violation.File == file);
        Assert.Equal("Records may not name Handshake", found.Why);
    }

    [Fact]
    public void AStrayFolderIsFound() =>
        Assert.Contains(DependencyRule.Check(Sample), violation => violation.File == "Elsewhere/Stray.cs" && violation.Named == "");

    [Fact]
    public void WhatTheRuleAllowsIsNotReported() =>
        Assert.DoesNotContain(DependencyRule.Check(Sample), violation => violation.File.StartsWith("Connections/", StringComparison.Ordinal));

    [Fact]
    public void AUsingThatBreaksTheRuleIsFound() =>
        Assert.Single(DependencyRule.Check("Records/Made.cs", "// Segno.IO is fine in a comment\nusing Segno.Faults;\nusing Segno.Handshake;\n"));
}
