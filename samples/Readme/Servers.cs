using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Segno.AspNetCore;

namespace Segno.Samples.Readme;

internal static class Servers
{
    public static async Task OnAStreamAsync(Stream acceptedStream)
    {
        // README
        TlsServerOptions options = new();
        options.ServerCertificates.Add(TlsCertificate.FromPemFile("chain.pem", "key.pem"));
        using TlsServerContext server = new(options);   // one for all connections: it holds the ticket keys

        await using TlsStream tls = new(acceptedStream);
        await tls.AuthenticateAsServerAsync(server);
        // end
    }

    public static void InAspNetCore(WebApplicationBuilder builder)
    {
        // README
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenAnyIP(443, listen =>
            listen.UseSegno(tls => tls.ServerCertificates.Add(TlsCertificate.FromPemFile("chain.pem", "key.pem")))));
        // end
    }
}
