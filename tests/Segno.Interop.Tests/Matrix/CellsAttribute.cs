using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Segno.Interop.Tests.Matrix;

/// <summary>The cells of a theory's peer: those that it can do, or (<see cref="Impossible"/>) those that are listed as beyond it and can be tried.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CellsAttribute : DataAttribute
{
    public bool Impossible { get; set; }

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        Type peer = PeerOf(testMethod.ReflectedType!);
        IEnumerable<Cell> cells = Impossible ? MatrixTable.ImpossibleToTry(peer) : MatrixTable.Possible(peer);
        return new([.. cells.Select(cell => new TheoryDataRow<Role, System.Security.Authentication.SslProtocols, Sessions.ResumptionMechanism, Segno.Tests.TestKeyKind>(
            cell.Segno, cell.Version, cell.Mechanism, cell.Key))]);
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
