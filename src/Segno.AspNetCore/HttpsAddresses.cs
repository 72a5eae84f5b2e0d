using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Segno.AspNetCore;

/// <summary>The addresses of a server, with https for an endpoint that it takes for plain text.</summary>
internal sealed class HttpsAddresses(IServerAddressesFeature addresses, string? endpoint) : IServerAddressesFeature
{
    private const string Plain = "http:";

    public ICollection<string> Addresses { get; } = Array.AsReadOnly<string>(
        [.. addresses.Addresses.Select(address => address == endpoint && address.StartsWith(Plain, StringComparison.Ordinal) ? $"https:{address[Plain.Length..]}" : address)]);

    public bool PreferHostingUrls { get; set; } = addresses.PreferHostingUrls;
}
