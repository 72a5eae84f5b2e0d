using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

/// <summary>Museum A1–A13 and B: a session is valid only where it was made; whatever decides about the peer is part of "where".</summary>
public sealed class SessionScopeTests
{
    private static readonly SessionScopeInputs Base = new() { IsServer = true, Group = "g", TrustAnchors = [Anchor(1), Anchor(2)], Tenant = "t", VerifyPolicy = "v" };

    private static readonly ExternalPskOrigin Psk = new(new byte[] { 1 }, new byte[] { 2 });

    private static readonly Dictionary<string, (SessionScopeInputs Inputs, ScopeComponent Component)> Flips = new()
    {
        ["role"] = (Base with { IsServer = false }, ScopeComponent.Role),
        ["transport"] = (Base with { Transport = (TransportKind)2 }, ScopeComponent.Transport),
        ["group other"] = (Base with { Group = "h" }, ScopeComponent.Group),
        ["group case"] = (Base with { Group = "G" }, ScopeComponent.Group),
        ["group none"] = (Base with { Group = null }, ScopeComponent.Group),
        ["client certificate optional"] = (Base with { ClientAuthentication = TlsClientCertificateMode.Optional }, ScopeComponent.ClientAuthentication),
        ["client certificate required"] = (Base with { ClientAuthentication = TlsClientCertificateMode.Required }, ScopeComponent.ClientAuthentication),
        ["own identity"] = (Base with { LocalIdentity = new byte[] { 1 } }, ScopeComponent.ClientAuthentication),
        ["own identity by callback"] = (Base with { LocalIdentityCallback = new object() }, ScopeComponent.ClientAuthentication),
        ["anchor added"] = (Base with { TrustAnchors = [Anchor(1), Anchor(2), Anchor(3)] }, ScopeComponent.TrustAnchors),
        ["anchor removed"] = (Base with { TrustAnchors = [Anchor(1)] }, ScopeComponent.TrustAnchors),
        ["anchors none"] = (Base with { TrustAnchors = [] }, ScopeComponent.TrustAnchors),
        ["anchors of the system"] = (Base with { TrustAnchors = null }, ScopeComponent.TrustAnchors),
        ["revocation mode"] = (Base with { RevocationMode = X509RevocationMode.Online }, ScopeComponent.ChainPolicy),
        ["revocation flag"] = (Base with { RevocationFlag = X509RevocationFlag.EntireChain }, ScopeComponent.ChainPolicy),
        ["verification flags"] = (Base with { VerificationFlags = X509VerificationFlags.AllFlags }, ScopeComponent.ChainPolicy),
        ["downloads"] = (Base with { DisableCertificateDownloads = true }, ScopeComponent.ChainPolicy),
        ["application policy"] = (Base with { ApplicationPolicy = ["1.2.3"] }, ScopeComponent.ChainPolicy),
        ["certificate policy"] = (Base with { CertificatePolicy = ["1.2.3"] }, ScopeComponent.ChainPolicy),
        ["another knob"] = (Base with { ChainKnobs = ["x=1"] }, ScopeComponent.ChainPolicy),
        ["verify policy other"] = (Base with { VerifyPolicy = "w" }, ScopeComponent.VerifyPolicy),
        ["verify policy none"] = (Base with { VerifyPolicy = null }, ScopeComponent.VerifyPolicy),
        ["verify callback without a name"] = (Base with { VerifyPolicy = null, VerifyCallback = new object() }, ScopeComponent.VerifyPolicy),
        ["awaits the application's verdict"] = (Base with { AwaitsVerdict = true }, ScopeComponent.VerifyPolicy),
        ["external PSK"] = (Base with { ExternalPsks = [Psk] }, ScopeComponent.ExternalPsk),
        ["external PSK, or a certificate"] = (Base with { ExternalPsks = [Psk], AllowCertificateInsteadOfPsk = true }, ScopeComponent.ExternalPsk),
        ["tenant other"] = (Base with { Tenant = "u" }, ScopeComponent.Tenant),
        ["tenant empty"] = (Base with { Tenant = "" }, ScopeComponent.Tenant),
        ["tenant none"] = (Base with { Tenant = null }, ScopeComponent.Tenant),
    };

    public static TheoryData<string> FlipRows => [.. Flips.Keys];

    [Theory]
    [MemberData(nameof(FlipRows))]
    [Trait("Museum", "A9")]
    public void EveryInputCountsAndTheRefusalNamesThePart(string row)
    {
        SessionScope a = Scope(Base);
        SessionScope b = Scope(Flips[row].Inputs);

        Assert.Equal(Flips[row].Component, SessionScope.FirstMismatch(a, b));
        Assert.Equal(Flips[row].Component, SessionScope.FirstMismatch(b, a));
        Assert.NotEqual(a.ComputeDigest(CryptoProvider.Default), b.ComputeDigest(CryptoProvider.Default));
    }

    [Fact]
    public void EveryPropertyOfTheInputsIsFlippedAbove()
    {
        foreach (System.Reflection.PropertyInfo property in typeof(SessionScopeInputs).GetProperties())
        {
            Assert.True(
                property.Name == nameof(SessionScopeInputs.VerifyCallback) // Counts only without a name, and is flipped that way.
                    || Flips.Values.Any(flip => !Equals(property.GetValue(flip.Inputs), property.GetValue(Base))),
                property.Name);
        }
    }

    [Fact]
    public void TheSameInputsGiveTheSameScope()
    {
        Assert.Null(SessionScope.FirstMismatch(Scope(Base), Scope(Base with { })));
        Assert.Equal(Scope(Base).ComputeDigest(CryptoProvider.Default), Scope(Base with { }).ComputeDigest(CryptoProvider.Default));
    }

    [Fact]
    public void OrderAndRepetitionDoNotCount()
    {
        SessionScopeInputs a = Base with { ApplicationPolicy = ["1.2", "1.3"], ChainKnobs = ["a=1", "b=2"] };
        SessionScopeInputs b = Base with
        {
            TrustAnchors = [Anchor(2), Anchor(1), Anchor(2)],
            ApplicationPolicy = ["1.3", "1.2"],
            ChainKnobs = ["b=2", "a=1", "a=1"],
        };

        Assert.Null(SessionScope.FirstMismatch(Scope(a), Scope(b)));
    }

    [Fact]
    public void ValuesDoNotRunIntoEachOther()
    {
        SessionScopeInputs a = Base with { ApplicationPolicy = ["1.2", "1.3"] };

        Assert.Equal(ScopeComponent.ChainPolicy, SessionScope.FirstMismatch(Scope(a), Scope(Base with { ApplicationPolicy = ["1.21.3"] })));
        Assert.Equal(ScopeComponent.ChainPolicy, SessionScope.FirstMismatch(Scope(a), Scope(Base with { CertificatePolicy = ["1.2", "1.3"] })));
    }

    [Fact]
    public void WithoutANamedGroupEveryContextIsAlone()
        => Assert.Equal(ScopeComponent.Group, SessionScope.FirstMismatch(Scope(Base with { Group = null }), Scope(Base with { Group = null })));

    [Fact]
    [Trait("Museum", "A8")]
    public void ACallbackWithoutANameIsOnlyItself()
    {
        object callback = new();
        SessionScopeInputs inputs = Base with { VerifyPolicy = null, VerifyCallback = callback };

        Assert.Null(SessionScope.FirstMismatch(Scope(inputs), Scope(inputs)));
        Assert.Equal(ScopeComponent.VerifyPolicy, SessionScope.FirstMismatch(Scope(inputs), Scope(inputs with { VerifyCallback = new object() })));
    }

    [Fact]
    public void TheNameSpeaksForTheCallback()
        => Assert.Null(SessionScope.FirstMismatch(Scope(Base with { VerifyCallback = new object() }), Scope(Base with { VerifyCallback = new object() })));

    [Fact]
    public void TheFirstOfSeveralDifferencesIsNamed()
        => Assert.Equal(ScopeComponent.Group, SessionScope.FirstMismatch(Scope(Base), Scope(Base with { Tenant = "u", Group = "h" })));

    [Fact]
    public void AComponentThatOnlyOneHasIsADifference()
    {
        SessionScope all = Scope(Base);
        SessionScope fewer = SessionScope.Decode(all.Encoded[..^17])!;
        SessionScope without = SessionScope.Decode([.. all.Encoded[..17], .. all.Encoded[34..]])!;
        SessionScope later = SessionScope.Decode([.. all.Encoded, 9, .. new byte[16]])!;

        Assert.Equal(ScopeComponent.Tenant, SessionScope.FirstMismatch(all, fewer));
        Assert.Equal(ScopeComponent.Tenant, SessionScope.FirstMismatch(fewer, all));
        Assert.Equal(ScopeComponent.Transport, SessionScope.FirstMismatch(all, without));
        Assert.Equal(ScopeComponent.Transport, SessionScope.FirstMismatch(without, all));
        Assert.Equal((ScopeComponent)9, SessionScope.FirstMismatch(all, later));
        Assert.Equal(ScopeComponent.Role, SessionScope.FirstMismatch(all, SessionScope.Decode([])!));
    }

    [Fact]
    public void EncodedAndDecodedItIsTheSame()
        => Assert.Null(SessionScope.FirstMismatch(Scope(Base), SessionScope.Decode(Scope(Base).Encoded)!));

    [Fact]
    public void WhatIsNoScopeIsNotDecoded()
    {
        byte[] encoded = Scope(Base).Encoded.ToArray();

        Assert.Null(SessionScope.Decode(encoded.AsSpan(1)));
        Assert.Null(SessionScope.Decode([.. encoded, .. encoded]));
        Assert.Null(SessionScope.Decode([.. encoded[17..34], .. encoded[..17]]));
        Assert.Null(SessionScope.Decode([0, .. new byte[16]]));
        Assert.NotNull(SessionScope.Decode(Components(32)));
        Assert.Null(SessionScope.Decode(Components(33)));

        static byte[] Components(int count) => [.. Enumerable.Range(1, count).SelectMany(tag => (byte[])[(byte)tag, .. new byte[16]])];
    }

    [Fact]
    public void ItKnowsItsRole()
    {
        Assert.True(Scope(Base).IsFor(isServer: true));
        Assert.False(Scope(Base).IsFor(isServer: false));
        Assert.True(Scope(Base with { IsServer = false }).IsFor(isServer: false));
        Assert.False(SessionScope.Decode([])!.IsFor(isServer: true));
        Assert.False(SessionScope.Decode(Scope(Base).Encoded[17..])!.IsFor(isServer: true));
    }

    private static SessionScope Scope(SessionScopeInputs inputs) => SessionScope.Create(inputs, CryptoProvider.Default);

    private static ReadOnlyMemory<byte> Anchor(byte value) => new byte[] { 0x30, 1, value };
}
