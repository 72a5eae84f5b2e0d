// One of several servers behind a load balancer that share sessions, ticket keys and revocations through Redis:
//   dotnet run --project samples/RedisFleet -- 8443 server.pem fleet.key localhost:6379
// server.pem: certificate chain and key; fleet.key: 32 random bytes, the same on all servers (head -c 32 /dev/urandom > fleet.key).
using System.Globalization;
using System.Net;
using Segno;
using Segno.AspNetCore;
using Segno.Redis;
using StackExchange.Redis;

if (args is not [var port, var certificate, var keyFile, var redis])
{
    Console.Error.WriteLine("Say: PORT CERTIFICATE KEY-FILE REDIS");
    return 2;
}

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();

// A Redis that is not there yet, or no more, costs full handshakes and nothing else.
builder.Services.AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(redis, options => options.AbortOnConnectFail = false));
builder.Services
    .AddRedisSessions()
    .AddRedisTicketKeys(_ => File.ReadAllBytes(keyFile))
    .AddRedisRevocations()
    .AddSegno(options =>
    {
        options.ServerCertificates = [TlsCertificate.FromPemFile(certificate)];
        options.Group = "sample";
    });
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, int.Parse(port, CultureInfo.InvariantCulture), listen => listen.UseSegno()));

WebApplication application = builder.Build();
application.MapGet("/", (HttpContext http) => $"{http.Features.Get<ITlsResumptionFeature>()!.Resumption} at {port}\n");
await application.RunAsync();
return 0;
