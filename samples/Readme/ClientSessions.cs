using Segno.Sessions;

namespace Segno.Samples.Readme;

internal static class ClientSessions
{
    public static async Task ResumeInHandAsync()
    {
        // docs/client-sessions.md
        TlsClientContext context = new(new TlsClientOptions { TargetHost = "ftp.example.org" });
        await using TlsStream control = await TlsStream.ConnectAsync("ftp.example.org", 990, context);
        if (await control.WaitForSessionAsync(TimeSpan.FromSeconds(5)) == SessionWait.Received)
        {
            TlsClientOptions options = new()
            {
                TargetHost = "ftp.example.org",
                Resume = control.Session,
                AllowTicketReuse = true,
                RequireResumption = true,
            };
            await using TlsStream data = await TlsStream.ConnectAsync("ftp.example.org", 50000, options);
        }
        // end
    }
}
