using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Segno.AspNetCore;
using Segno.Cli.Json;
using Segno.Cli.Pages;

namespace Segno.Cli.Serving;

/// <summary>What the server answers.</summary>
internal sealed class PageRoutes(PageServer server)
{
    private const int ChunkSize = 64 * 1024;
    private const int EchoAhead = 32 * 1024 * 1024;

    private static readonly byte[] Chunk = MakeChunk();

    public Task ServeAsync(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        string path = http.Request.Path.Value ?? "/";
        return (http.Request.Method, path) switch
        {
            ("GET" or "HEAD", "/") => ServePageAsync(http),
            ("GET" or "HEAD", "/api/connection") => ServeJsonAsync(http, ConnectionDocument.Of(Tls(http).ConnectionInfo, IsEarly(http)), CliJson.Default.ConnectionDocument),
            ("GET" or "HEAD", "/api/stats") => ServeJsonAsync(http, server.Snapshot(), CliJson.Default.StatsDocument),
            ("GET" or "HEAD", "/again") => ServeAgainAsync(http),
            ("GET" or "HEAD", "/favicon.ico") => ServeStatusAsync(http, StatusCodes.Status204NoContent),
            ("GET" or "HEAD", _) when path.StartsWith("/bytes/", StringComparison.Ordinal) => ServeBytesAsync(http, path["/bytes/".Length..]),
            ("POST", "/echo") => ServeEchoAsync(http),
            ("GET" or "HEAD", _) => ServeStatusAsync(http, StatusCodes.Status404NotFound),
            _ => ServeStatusAsync(http, StatusCodes.Status405MethodNotAllowed),
        };
    }

    private static ITlsResumptionFeature Tls(HttpContext http)
        => http.Features.Get<ITlsResumptionFeature>() ?? throw new InvalidOperationException("The connection is not Segno's.");

    /// <summary>As <see cref="EarlyDataPolicyExtensions.UseEarlyDataPolicy"/> says.</summary>
    private static bool IsEarly(HttpContext http) => http.Request.Headers["Early-Data"] == "1";

    private static Task ServeStatusAsync(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private Task ServePageAsync(HttpContext http)
    {
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.ContentSecurityPolicy = HomePage.ContentSecurityPolicy;
        http.Response.Headers["Referrer-Policy"] = "no-referrer";
        return http.Response.WriteAsync(HomePage.Render(Tls(http).ConnectionInfo, server.Snapshot(), server.SelfTest), http.RequestAborted);
    }

    private static Task ServeJsonAsync<T>(HttpContext http, T document, JsonTypeInfo<T> type)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(http.Response.BodyWriter, document, type, http.RequestAborted);
    }

    /// <summary>Ends this connection after the answer, so that the browser comes back on a new one; with ?times=N (2 to 9) as often as that.</summary>
    private static Task ServeAgainAsync(HttpContext http)
    {
        http.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        if (!HttpProtocol.IsHttp2(http.Request.Protocol))
        {
            http.Response.Headers.Connection = "close";
        }
        http.Response.StatusCode = StatusCodes.Status303SeeOther;
        bool more = int.TryParse(http.Request.Query["times"], NumberStyles.None, CultureInfo.InvariantCulture, out int times) && times is > 1 and < 10;
        http.Response.Headers.Location = more ? string.Create(CultureInfo.InvariantCulture, $"/again?times={times - 1}") : "/";
        return Task.CompletedTask;
    }

    private static async Task ServeBytesAsync(HttpContext http, string count)
    {
        if (!long.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out long left))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        http.Response.ContentType = "application/octet-stream";
        http.Response.ContentLength = left;
        if (HttpMethods.IsHead(http.Request.Method))
        {
            return;
        }
        PipeWriter output = http.Response.BodyWriter;
        while (left > 0)
        {
            int length = (int)Math.Min(left, ChunkSize);
            FlushResult result = await output.WriteAsync(Chunk.AsMemory(0, length), http.RequestAborted).ConfigureAwait(false);
            if (result.IsCompleted)
            {
                return;
            }
            left -= length;
        }
    }

    /// <summary>Sends the body back as it comes. Many clients read nothing before they have sent all, so up to <see cref="EchoAhead"/> are taken in advance.</summary>
    private static async Task ServeEchoAsync(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }
        http.Response.ContentType = http.Request.ContentType ?? "application/octet-stream";
        http.Response.ContentLength = http.Request.ContentLength;
        var between = new Pipe(new PipeOptions(pauseWriterThreshold: EchoAhead, resumeWriterThreshold: EchoAhead / 2));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        Task taking = TakeAsync(http.Request.BodyReader, between.Writer, end.Token);
        try
        {
            await between.Reader.CopyToAsync(http.Response.BodyWriter, end.Token).ConfigureAwait(false);
        }
        finally
        {
            await between.Reader.CompleteAsync().ConfigureAwait(false);
            await end.CancelAsync().ConfigureAwait(false);
            await taking.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task TakeAsync(PipeReader body, PipeWriter to, CancellationToken cancellationToken)
    {
        Exception? error = null;
        try
        {
            await body.CopyToAsync(to, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or BadHttpRequestException)
        {
            error = exception;
        }
        await to.CompleteAsync(error).ConfigureAwait(false);
    }

    private static byte[] MakeChunk()
    {
        byte[] chunk = new byte[ChunkSize];
        for (int i = 0; i < chunk.Length; i++)
        {
            chunk[i] = (byte)('a' + (i % 26));
        }
        return chunk;
    }
}
