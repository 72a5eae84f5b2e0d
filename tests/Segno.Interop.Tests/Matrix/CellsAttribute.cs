using System.Reflection;
using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests;
using Xunit.Sdk;
using Xunit.v3;

namespace Segno.Interop.Tests.Matrix;

/// <summary>The cells of a theory's peer, and whether each works: not those that are beyond it and cannot be tried.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CellsAttribute : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        Type peer = PeerOf(testMethod.ReflectedType!);
        return new([..
            from cell in MatrixTable.All
            let gap = MatrixTable.GapOf(peer, cell)
            where gap is null || gap.Sign is not null
            select new TheoryDataRow<Role, SslProtocols, ResumptionMechanism, TestKeyKind, bool>(cell.Segno, cell.Version, cell.Mechanism, cell.Key, gap is null)]);
    }

    public override bool SupportsDiscoveryEnumeration() => true;

    private static Type PeerOf(Type testClass)
    {
        Type type = testClass;
        while (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(MatrixTests<>))
        {
            type = type.BaseType ?? throw new InvalidOperationException($"{testClass} is no class of the matrix");
        }
        return type.GetGenericArguments()[0];
    }
}
