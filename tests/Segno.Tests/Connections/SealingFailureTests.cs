using System.Buffers;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Connections;

/// <summary>What cannot be sealed ends the connection by a name, and the peer is told wherever it can read it (museum L1).</summary>
[Trait("Museum", "L1")]
public sealed class SealingFailureTests
{
    public static TheoryData<SslProtocols, bool> Sides => new()
    {
        { SslProtocols.Tls12, true }, { SslProtocols.Tls12, false }, { SslProtocols.Tls13, true }, { SslProtocols.Tls13, false },
    };

    [Theory]
    [MemberData(nameof(Sides))]
    public void DataThatCannotBeSealedEndsTheConnection(SslProtocols version, bool onServer)
    {
        using EnginePair pair = Connect(version, onServer, out FaultingProvider provider);
        TlsConnection failing = onServer ? pair.Server : pair.Client;
        var output = new ArrayBufferWriter<byte>();
        provider.FailingCall = provider.Calls.Count + 2;
        Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => failing.Send(new byte[3 * 16384], output)).Fault);
        Assert.True(failing.IsSendClosed);
        Assert.Equal(TlsWants.Write, failing.Wants);
        Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => failing.Send("x"u8, output)).Fault);
        // The first record is good, and the alert comes behind it under the number that the second would have had.
        failing.Flush(output);
        (onServer ? pair.ToClient : pair.ToServer).AddRange(output.WrittenSpan);
        TlsAlertException told = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsAlert.InternalError, true), (told.Alert, told.SentByPeer));
        Assert.Equal(16384, (onServer ? pair.AtClient : pair.AtServer).Count);
    }

    [Theory]
    [MemberData(nameof(Sides))]
    public void AnAlertThatCannotBeSealedIsLeftOut(SslProtocols version, bool onServer)
    {
        using EnginePair pair = Connect(version, onServer, out FaultingProvider provider);
        TlsConnection failing = onServer ? pair.Server : pair.Client;
        failing.Abort(TlsFault.CertificateRejectedByApplication);
        var output = new ArrayBufferWriter<byte>();
        provider.FailingCall = provider.Calls.Count + 1;
        failing.Flush(output);
        Assert.Equal(0, output.WrittenCount);
        Assert.Equal(TlsWants.None, failing.Wants);
        Assert.Equal(TlsFault.CertificateRejectedByApplication, Assert.ThrowsAny<TlsException>(() => failing.Receive([], [])).Fault);
    }

    [Theory]
    [MemberData(nameof(Sides))]
    public void ACloseThatCannotBeSealedIsToldOnce(SslProtocols version, bool onServer)
    {
        using EnginePair pair = Connect(version, onServer, out FaultingProvider provider);
        TlsConnection failing = onServer ? pair.Server : pair.Client;
        failing.Close();
        var output = new ArrayBufferWriter<byte>();
        provider.FailingCall = provider.Calls.Count + 1;
        Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => failing.Flush(output)).Fault);
        failing.Flush(output);
        Assert.Equal(0, output.WrittenCount);
    }

    /// <summary>The peer changes its key by what it has read: no alert under the old one could reach it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AfterAKeyThatCannotBeMadeThereIsNoAlert(bool onServer)
    {
        using EnginePair pair = Connect(SslProtocols.Tls13, onServer, out FaultingProvider provider);
        TlsConnection failing = onServer ? pair.Server : pair.Client;
        int alive = provider.Alive;
        // The KeyUpdate is sealed; the next secret is not derived.
        provider.FailingCall = provider.Calls.Count + 2;
        Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => failing.UpdateKeys()).Fault);
        Assert.NotEqual("Seal", provider.Calls[provider.FailingCall - 1]);
        Assert.Equal(alive, provider.Alive);
        var output = new ArrayBufferWriter<byte>();
        failing.Flush(output);
        Assert.Equal(5 + 5 + 1 + 16, output.WrittenCount);
        (onServer ? pair.ToClient : pair.ToServer).AddRange(output.WrittenSpan);
        pair.Run();
    }

    /// <summary>The sending half fails while the receiving one, which may be another thread, opens a record into a buffer of the connection: that stays.</summary>
    [Theory]
    [MemberData(nameof(Sides))]
    public void WhatTheReceivingHalfUsesStaysWhenTheSendingOneFails(SslProtocols version, bool onServer)
    {
        using EnginePair pair = Connect(version, onServer, out FaultingProvider provider);
        TlsConnection failing = onServer ? pair.Server : pair.Client;
        var output = new ArrayBufferWriter<byte>();
        (onServer ? pair.Client : pair.Server).Send(new byte[1000], output);
        provider.Before = name =>
        {
            Assert.Equal("TryOpen", name);
            provider.Before = null;
            provider.FailingCall = provider.Calls.Count + 1;
            Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => failing.Send("x"u8, new ArrayBufferWriter<byte>())).Fault);
        };
        // Without room for it, the data waits in the connection.
        TlsReceiveResult received = failing.Receive(output.WrittenSpan, []);
        Assert.Null(provider.Before);
        Assert.Equal((output.WrittenCount, 0), (received.Consumed, received.Written));
        Assert.True(failing.HasWaitingData);
        Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => failing.Receive([], new byte[1000])).Fault);
    }

    // A verifier that fails is no fault of the certificate; a key beside its curve is.
    [Fact]
    public void AFailingVerifierIsNotTheCertificatesFault()
    {
        var provider = new FaultingProvider(CryptoProvider.Default) { FailingCall = 1 };
        ReadOnlyMemory<byte> leaf = TestPki.Ecdsa("localhost").Der;
        Assert.Equal(TlsFault.CryptographyFailed, Assert.ThrowsAny<TlsException>(() => PeerCertificate.Read([leaf], provider)).Fault);
        PeerCertificate.Read([leaf], provider).Dispose();
        byte[] beside = leaf.ToArray();
        ReadOnlySpan<byte> key = CertificateDer.PublicKeyInfo(leaf).Span;
        beside[beside.AsSpan().IndexOf(key) + key.Length - 1] ^= 1;
        Assert.Equal(TlsFault.CertificateKeyUnsupported, Assert.ThrowsAny<TlsException>(() => PeerCertificate.Read([beside], provider)).Fault);
    }

    private static EnginePair Connect(SslProtocols version, bool onServer, out FaultingProvider provider)
    {
        var faulting = provider = new FaultingProvider(CryptoProvider.Default);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.Crypto = onServer ? o.Crypto : faulting,
            o => (o.EnabledSslProtocols, o.Crypto) = (version, onServer ? faulting : o.Crypto));
        EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(version, pair.Client.Info.ProtocolVersion);
        return pair;
    }
}
