// Prints a file of an FTPS server (RFC 4217):
//   dotnet run --project samples/Ftps -- ftp.example.org 21 path/of/file > file
// The password of the user FTPS_USER (anonymous, if there is none) is FTPS_PASSWORD.
using System.Globalization;
using Segno;
using Segno.Samples.Ftps;

if (args is not [string host, string port, string path])
{
    Console.Error.WriteLine("usage: HOST PORT PATH");
    return 2;
}
string user = Environment.GetEnvironmentVariable("FTPS_USER") ?? "anonymous";
string password = Environment.GetEnvironmentVariable("FTPS_PASSWORD") ?? "";
await using FtpsClient client = await FtpsClient.ConnectAsync(
    host, int.Parse(port, CultureInfo.InvariantCulture), () => new TlsClientOptions { TargetHost = host }, user, password);
await using Stream output = Console.OpenStandardOutput();
await output.WriteAsync(await client.RetrieveAsync(path));
return 0;
