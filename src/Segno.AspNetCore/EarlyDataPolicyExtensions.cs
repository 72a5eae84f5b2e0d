using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Segno.AspNetCore;

/// <summary>HTTP in early data (RFC 8470).</summary>
public static class EarlyDataPolicyExtensions
{
    /// <summary>The header by which a request is said to have been sent in early data, here or before a proxy (RFC 8470 §5.1).</summary>
    private const string HeaderName = "Early-Data";

    // StatusCodes does not have it.
    //
    private const int TooEarly = 425;

    /// <summary>
    /// Answers 425 (Too Early) to requests that may be replays and must not be repeated, upon which their clients send them again behind a handshake (RFC 8470 §5.2).
    /// The others have the header <c>Early-Data: 1</c>, for handlers, and for the servers that a proxy passes them on to: these must know 425 too.
    /// Belongs before whatever acts on requests. Does nothing to requests behind a handshake.
    /// </summary>
    /// <remarks>A request that comes with the header was early on its way to a proxy in front of this server, and counts as early here, whoever says so:
    /// who says it without need loses a round trip.</remarks>
    /// <param name="app">The application.</param>
    /// <param name="mayRepeat">Which requests do no harm when they are served twice. Default: those with a safe method (RFC 9110 §9.2.1), GET, HEAD, OPTIONS and TRACE.</param>
    /// <returns><paramref name="app"/>.</returns>
    public static IApplicationBuilder UseEarlyDataPolicy(this IApplicationBuilder app, Func<HttpContext, bool>? mayRepeat = null)
    {
        ArgumentNullException.ThrowIfNull(app);
        Func<HttpContext, bool> isHarmless = mayRepeat ?? HasSafeMethod;
        return app.Use((http, next) =>
        {
            if (http.Features.Get<ITlsEarlyDataFeature>() is not { IsEarlyData: true } && !http.Request.Headers.ContainsKey(HeaderName))
            {
                return next(http);
            }
            if (!isHarmless(http))
            {
                http.Response.StatusCode = TooEarly;
                return Task.CompletedTask;
            }
            // Whatever it said, and however often: the same (RFC 8470 §5.1).
            http.Request.Headers[HeaderName] = "1";
            return next(http);
        });
    }

    private static bool HasSafeMethod(HttpContext http)
        => HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)
            || HttpMethods.IsOptions(http.Request.Method) || HttpMethods.IsTrace(http.Request.Method);
}
