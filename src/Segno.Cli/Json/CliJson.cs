using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Segno.Cli.Json;

/// <summary>Serializers made by the compiler: nothing here needs reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ConnectionDocument))]
[JsonSerializable(typeof(StatsDocument))]
[JsonSerializable(typeof(ConnectDocument))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>For files and terminals, where nothing needs to be safe inside HTML.</summary>
    public static CliJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
