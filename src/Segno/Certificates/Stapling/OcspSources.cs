using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Certificates.Stapling;

/// <summary>A response that is stapled.</summary>
internal sealed record Stapled(ReadOnlyMemory<byte> Response, DateTimeOffset NextUpdate)
{
    public DateTimeOffset ThisUpdate { get; init; }
}

/// <summary>Where OCSP responses come from. Used by one caller at a time.</summary>
internal interface IOcspSource
{
    /// <summary>The newest response; <see langword="null"/>: there is never another one.</summary>
    ValueTask<byte[]?> LoadAsync(CancellationToken cancellationToken);

    /// <summary>How long to wait before looking again.</summary>
    /// <param name="stapled">What is stapled; <see langword="null"/>: nothing.</param>
    /// <param name="failures">How often in a row nothing good came.</param>
    /// <param name="now">The moment.</param>
    TimeSpan NextLoad(Stapled? stapled, int failures, DateTimeOffset now);
}

/// <summary>The one response that the application gave.</summary>
internal sealed class GivenResponse : IOcspSource
{
    public ValueTask<byte[]?> LoadAsync(CancellationToken cancellationToken) => default;

    public TimeSpan NextLoad(Stapled? stapled, int failures, DateTimeOffset now) => Timeout.InfiniteTimeSpan;
}

/// <summary>A file that somebody else renews. Polled: what tells of changes to files differs by system and is deaf on network drives.</summary>
internal sealed class OcspFile(string path) : IOcspSource
{
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    public ValueTask<byte[]?> LoadAsync(CancellationToken cancellationToken)
    {
        var file = new FileInfo(path);
        return file.Length <= OcspResponse.MaxLength
            ? new ValueTask<byte[]?>(File.ReadAllBytes(path))
            : throw new IOException($"{path} has {file.Length} bytes; an OCSP response has at most {OcspResponse.MaxLength}.");
    }

    public TimeSpan NextLoad(Stapled? stapled, int failures, DateTimeOffset now) => Interval;
}

/// <summary>The responder that the certificate names, asked over HTTP (RFC 6960 appendix A.1).</summary>
internal sealed class OcspResponder(Uri uri, byte[] request, HttpClient? http, TimeProvider clock) : IOcspSource
{
    /// <summary>The first wait after a failure, and the shortest wait at all.</summary>
    public static readonly TimeSpan MinimumWait = TimeSpan.FromMinutes(1);

    /// <summary>The longest wait after failures.</summary>
    public static readonly TimeSpan MaximumBackoff = TimeSpan.FromHours(1);

    /// <summary>The longest wait between two good answers: what timers can do.</summary>
    private static readonly TimeSpan MaximumWait = TimeSpan.FromDays(30);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    // No redirection: it could lead to https, and the answer's signature needs no such help.
    private static readonly Lazy<HttpClient> Shared = new(() => new HttpClient(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    }));

    /// <summary>The responder's address in a certificate (authority information access, RFC 5280 §4.2.2.1).</summary>
    public static Uri FindUri(X509Certificate2 certificate)
    {
        foreach (X509Extension extension in certificate.Extensions)
        {
            if (extension is not X509AuthorityInformationAccessExtension access)
            {
                continue;
            }
            foreach (string text in access.EnumerateOcspUris())
            {
                if (Uri.TryCreate(text, UriKind.Absolute, out Uri? found) && found.Scheme == Uri.UriSchemeHttp)
                {
                    return found;
                }
            }
        }
        throw new ArgumentException("The certificate names no OCSP responder with an http URL: staple from a file, or not at all.", nameof(certificate));
    }

    public async ValueTask<byte[]?> LoadAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await AskAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested)
        {
            throw new TimeoutException($"{uri} did not answer within {Limit.TotalSeconds:0} s.", e);
        }
    }

    /// <summary>Renewed after half of its time, so that the other half is there for failures: each of those doubles the wait. A responder that has nothing newer yet is asked again after half of what is left.</summary>
    public TimeSpan NextLoad(Stapled? stapled, int failures, DateTimeOffset now)
    {
        if (failures > 0 || stapled is null)
        {
            double backoff = MinimumWait.TotalMinutes * Math.Pow(2, Math.Max(0, failures - 1));
            return TimeSpan.FromMinutes(Math.Min(backoff, MaximumBackoff.TotalMinutes));
        }
        TimeSpan wait = stapled.ThisUpdate + ((stapled.NextUpdate - stapled.ThisUpdate) / 2) - now;
        if (wait <= TimeSpan.Zero)
        {
            wait = (stapled.NextUpdate - now) / 2;
        }
        return wait < MinimumWait ? MinimumWait : wait > MaximumWait ? MaximumWait : wait;
    }

    private async Task<byte[]> AskAsync(CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, uri)
        {
            Content = new ByteArrayContent(request) { Headers = { ContentType = new MediaTypeHeaderValue("application/ocsp-request") } },
        };
        using HttpResponseMessage answer = await (http ?? Shared.Value)
            .SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        answer.EnsureSuccessStatusCode();
        Stream body = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        byte[] buffer = new byte[OcspResponse.MaxLength + 1];
        int length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return length <= OcspResponse.MaxLength
            ? buffer[..length]
            : throw new IOException($"{uri} answered with more than {OcspResponse.MaxLength} bytes.");
    }
}
