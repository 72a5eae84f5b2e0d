using Segno;
using Segno.BogoShim;
using Segno.Sessions;

// A shim around this library for BoringSSL's test runner; the runner says by flags what to do and looks at the exit code and stderr.
const int Succeeded = 0;
const int Failed = 1;
const int Unimplemented = 89;

try
{
    ShimArguments arguments = ShimFlags.Parse(args);
    if (arguments.Initial.IsHandshakerSupported)
    {
        Console.WriteLine("No"); // we have no helper process that takes over a handshake
        return Succeeded;
    }

    Run(arguments);
    return Succeeded;
}
catch (UnimplementedException exception)
{
    Console.WriteLine($"unimplemented: {exception.Message}");
    return Unimplemented;
}
catch (ShimFailedException exception)
{
    Console.Error.WriteLine(exception.Message);
    return Failed;
}
catch (Exception exception)
{
    // The library promises TlsException for whatever a peer does.
    Console.Error.WriteLine($"UNFORESEEN {exception}");
    return Failed;
}

static void Run(ShimArguments arguments)
{
    var clock = new ShimClock();
    using var contexts = new ShimContexts(clock);
    TlsSession? session = null;
    for (int i = 0; i <= arguments.Initial.ResumeCount; i++)
    {
        bool isResumption = i > 0;
        ShimOptions options = isResumption ? arguments.Resume : arguments.Initial;
        if (isResumption && !options.IsServer && session is null)
        {
            throw new ShimFailedException("no session to offer");
        }

        var observed = new ShimObservations();
        using TlsConnection tls = contexts.Connect(options, arguments.Retry, session, observed);
        using var socket = new ShimSocket(options);
        var channel = new ShimChannel(tls, socket);
        try
        {
            TlsSession? received = new ShimExchange(options, arguments.Retry, channel, observed, isResumption).Run();
            // A resumption that brings no new session leaves the one it came by good (TLS 1.2).
            session = received ?? (tls.Info.Resumption.IsResumed ? session : null);
        }
        catch (TlsException exception)
        {
            channel.FlushAlert();
            string reason = observed.Refusal is { } refusal ? $":{refusal}:" : new FaultNames(tls, session).For(exception);
            throw new ShimFailedException($"{reason} {exception.Message}");
        }

        clock.Advance(TimeSpan.FromSeconds(options.ResumptionDelay));
    }
}
