using Segno.Sessions;

namespace Segno.Tests.Sessions.Policy;

/// <summary>A policy that says what a test wants, and keeps what it was asked.</summary>
internal sealed class PolicyDouble : IResumptionPolicy
{
    public List<ResumptionContext> Asked { get; } = [];

    public Func<ResumptionContext, ResumptionVerdict> Answer { get; set; } = _ => default;

    public ResumptionVerdict Decide(in ResumptionContext context)
    {
        Asked.Add(context);
        return Answer(context);
    }
}
