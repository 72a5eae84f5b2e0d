using System.Text;
using Segno;

TlsClientContext context = new(new TlsClientOptions());

for (int i = 1; i <= 2; i++)
{
    await using TlsStream stream = await TlsStream.ConnectAsync("www.example.org", 443, context);
    await stream.WriteAsync(Encoding.ASCII.GetBytes("HEAD / HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n"));
    using StreamReader reader = new(stream);
    Console.WriteLine(await reader.ReadLineAsync());
    Console.WriteLine($"{stream.NegotiatedCipherSuite}, {stream.Resumption}");
}
