using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Interop.Tests.Ends;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>Which end Segno is.</summary>
public enum Role
{
    Server,
    Client,
}

/// <summary>One cell of the matrix: what a connection of Segno and a peer shall be.</summary>
/// <param name="Segno">Segno's end.</param>
/// <param name="Version">The protocol version, the only one that Segno allows.</param>
/// <param name="Mechanism">How the last connection is resumed; <see cref="ResumptionMechanism.None"/>: there is one connection, and it is full.</param>
/// <param name="Key">The key of the server's certificate.</param>
public sealed record Cell(Role Segno, SslProtocols Version, ResumptionMechanism Mechanism, TestKeyKind Key)
{
    /// <summary>Names below this one are in the certificates.</summary>
    public const string OtherNames = "matrix.test";

    // NSS wants a second usage in RSA certificates, whatever their key is used for, and tells certificates by their subjects.
    private static readonly Lazy<TestCertificate> _rsa = new(() => Make(TestKeyKind.Rsa, X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment));
    private static readonly Lazy<TestCertificate> _ecdsa = new(() => Make(TestKeyKind.P256, X509KeyUsageFlags.DigitalSignature));

    public bool IsTls13 => Version == SslProtocols.Tls13;

    /// <summary>The version as most programs write it.</summary>
    public string VersionNumber => IsTls13 ? "1.3" : "1.2";

    public bool Resumes => Mechanism != ResumptionMechanism.None;

    /// <summary>Whether the server gives out tickets.</summary>
    public bool Tickets => Mechanism != ResumptionMechanism.SessionId;

    /// <summary>The number of connections it takes.</summary>
    public int Connections => Resumes ? 2 : 1;

    /// <summary>For localhost, and for any name that needs to be a new one.</summary>
    internal TestCertificate Certificate => Key == TestKeyKind.Rsa ? _rsa.Value : _ecdsa.Value;

    internal TlsServerOptions ServerOptions()
    {
        TlsServerOptions options = Ends.Make.Server(Certificate, Version);
        options.TicketCount = Tickets ? options.TicketCount : 0;
        return options;
    }

    internal TlsClientOptions ClientOptions() => Ends.Make.Client(Version);

    /// <summary>Checks the connections of the cell, first by what the peer says of each: whether it was resumed.</summary>
    internal void Check(bool[] said, IReadOnlyList<TlsConnectionInfo> infos)
    {
        bool[] expected = Resumes ? [false, true] : [false];
        Assert.Equal(expected, said);
        Assert.Equal(expected, infos.Select(info => info.Resumption.IsResumed));
        Assert.Equal(Mechanism, infos[^1].Resumption.Mechanism);
        Assert.All(infos, info => Assert.Equal(Version, info.ProtocolVersion));
        if (Segno == Role.Client)
        {
            X509Certificate2 shown = Assert.IsType<X509Certificate2>(infos[0].RemoteCertificate);
            Assert.Equal(Certificate.Der, shown.RawData);
        }
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"Segno as {Segno}, {Version}, {Mechanism}, {Key}");

    private static TestCertificate Make(TestKeyKind key, X509KeyUsageFlags usage)
        => TestPki.Make(new CertificateSpec { CommonName = $"Segno matrix {key}", Key = key, KeyUsage = usage, Names = ["localhost", "*." + OtherNames] });
}
