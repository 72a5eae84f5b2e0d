using System.Diagnostics;
using Segno.Handshake;

namespace Segno.Tests.Connections.Traces;

/// <summary>A recorded handshake: what each side had in its pockets, then what was said, record by record.</summary>
/// <remarks>
/// A line is an item of it, in hexadecimal; <c>#</c> begins a comment. The pockets, for client and server:
/// <code>
/// client random R         the random of its hello
/// client key GROUP D [Q]  an ephemeral private key, with its share for curves on which that is not made from it alone
/// client certificate C    the one certificate, DER
/// client signature S      of its CertificateVerify
/// client puts M           a handshake message that Segno would write otherwise (other extensions): it is put in its mouth.
///                         It takes the place of the next message of its type; all others are Segno's own.
/// secret LABEL S          a line of the key log
/// </code>
/// and what happens, in order:
/// <code>
/// client sends RECORD
/// client says DATA        application data; the record that it is in follows
/// client closes           close_notify; its record follows
/// </code>
/// </remarks>
internal sealed class Trace
{
    private Trace(IEnumerable<Line> lines)
    {
        Line[] all = [.. lines];
        Secrets = all.Where(line => line.Who == "secret").ToDictionary(line => line.Verb, line => line.Values[0]);
        Steps = [.. all.Where(line => line.Verb is "sends" or "says" or "closes")];
        Client = new Pockets([.. all.Where(line => line.Who == "client")]);
        Server = new Pockets([.. all.Where(line => line.Who == "server")]);
    }

    public IReadOnlyDictionary<string, string> Secrets { get; }

    public IReadOnlyList<Line> Steps { get; }

    public Pockets Client { get; }

    public Pockets Server { get; }

    public static Trace Load(string name)
    {
        using Stream? stream = typeof(Trace).Assembly.GetManifestResourceStream(name);
        using var reader = new StreamReader(stream ?? throw new UnreachableException($"There is no trace {name}."));
        return new Trace([.. Lines(reader)]);
    }

    public Pockets Of(bool client) => client ? Client : Server;

    private static IEnumerable<Line> Lines(TextReader reader)
    {
        while (reader.ReadLine() is { } text)
        {
            if (text.Length > 0 && text[0] != '#')
            {
                string[] words = text.Split(' ');
                yield return new Line(words[0], words[1], words[2..]);
            }
        }
    }

    internal sealed record Line(string Who, string Verb, string[] Values)
    {
        public bool ByClient => Who == "client";

        public byte[] Bytes => Convert.FromHexString(Values[0]);
    }

    /// <summary>What one side has.</summary>
    internal sealed class Pockets(IReadOnlyList<Line> lines)
    {
        public byte[] Random => One("random")!;

        public byte[]? Certificate => One("certificate");

        public byte[]? Signature => One("signature");

        public IEnumerable<(TlsNamedGroup Group, byte[] Key, byte[] Share)> Keys => All("key").Select(line => (
            Enum.Parse<TlsNamedGroup>(line.Values[0]),
            Convert.FromHexString(line.Values[1]),
            Convert.FromHexString(line.Values.ElementAtOrDefault(2) ?? "")));

        public IEnumerable<byte[]> Puts => All("puts").Select(line => line.Bytes);

        /// <summary>The message of this type that is put in the mouth.</summary>
        public byte[] Put(HandshakeType type) => Puts.First(message => message[0] == (byte)type);

        private byte[]? One(string verb) => All(verb).SingleOrDefault()?.Bytes;

        private IEnumerable<Line> All(string verb) => lines.Where(line => line.Verb == verb);
    }
}
