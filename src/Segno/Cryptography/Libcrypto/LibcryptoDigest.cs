namespace Segno.Cryptography;

/// <summary>One-shot hashes and HMACs, on contexts that each thread keeps.</summary>
/// <remarks>
/// A context rests freshly initialised: every use ends by initialising it again, which also overwrites the chaining state that
/// the last use left behind. HMAC is put together from EVP digests as RFC 2104 writes it: measured with libcrypto 3.0, HMAC()
/// takes four times as long, EVP_MAC on a context of its own two and a half times, and EVP_MAC on a context that is keyed
/// again and again one and a half times, while the last key stays in it. Where OpenSSL is not bound to its FIPS provider, short
/// inputs go to SHA-2 itself (<see cref="ShortSha2"/>): EVP costs as much again as the hash.
/// </remarks>
internal sealed unsafe class LibcryptoDigest
{
    [ThreadStatic]
    private static LibcryptoDigest? _current;

    private nint _sha256;
    private nint _sha384;
    private nint _sha512;
    private nint _copy;

    ~LibcryptoDigest()
    {
        Native.EVP_MD_CTX_free(_sha256);
        Native.EVP_MD_CTX_free(_sha384);
        Native.EVP_MD_CTX_free(_sha512);
        Native.EVP_MD_CTX_free(_copy);
    }

    public static LibcryptoDigest Current => _current ??= new LibcryptoDigest();

    public static nint Algorithm(HashKind hash) => hash switch
    {
        HashKind.Sha256 => Native.Sha256,
        HashKind.Sha384 => Native.Sha384,
        _ => Native.Sha512,
    };

    public static nint NewContext()
    {
        nint context = Native.EVP_MD_CTX_new();
        return context != 0 ? context : throw Native.Failure("Cannot make a hash");
    }

    public void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        destination = destination[..hash.Length()];
        if (ShortSha2.Takes(data.Length))
        {
            ShortSha2.Hash(hash, data, destination);
            return;
        }

        ref nint context = ref Context(hash);
        bool ok = Update(context, data) && Finish(context, Algorithm(hash), destination);
        Check(ok, ref context, "Cannot hash");
    }

    /// <summary>HMAC (RFC 2104) over three parts as if they were one.</summary>
    public void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> destination)
    {
        destination = destination[..hash.Length()];
        if (ShortSha2.Takes(key.Length + first.Length + second.Length + third.Length))
        {
            ShortSha2.Hmac(hash, key, first, second, third, destination);
            return;
        }

        ref nint context = ref Context(hash);
        var run = new EvpHash(context, Algorithm(hash));
        bool ok = HmacOf.Compute(ref run, hash, key, first, second, third, destination);
        Check(ok, ref context, "Cannot compute an HMAC");
    }

    /// <summary>The hash of a running context, which stays as it is.</summary>
    public void Peek(nint running, Span<byte> destination)
    {
        if (_copy == 0)
        {
            _copy = NewContext();
        }

        bool ok;
        fixed (byte* d = destination)
        {
            ok = Native.EVP_MD_CTX_copy_ex(_copy, running) == 1 && Native.EVP_DigestFinal_ex(_copy, d, null) == 1;
        }

        Check(ok, ref _copy, "Cannot read a running hash");
    }

    private static bool Update(nint context, ReadOnlySpan<byte> data)
    {
        fixed (byte* d = data)
        {
            return Native.EVP_DigestUpdate(context, d, (nuint)data.Length) == 1;
        }
    }

    private static bool Finish(nint context, nint algorithm, Span<byte> destination)
    {
        fixed (byte* d = destination)
        {
            return Native.EVP_DigestFinal_ex(context, d, null) == 1 && Native.EVP_DigestInit_ex2(context, algorithm, null) == 1;
        }
    }

    private static void Check(bool ok, ref nint context, string what)
    {
        if (!ok)
        {
            // Whatever state it is in, the next use begins with a new one.
            Native.EVP_MD_CTX_free(context);
            context = 0;
            throw Native.Failure(what);
        }
    }

    private ref nint Context(HashKind hash)
    {
        ref nint context = ref _sha512;
        switch (hash)
        {
            case HashKind.Sha256:
                context = ref _sha256;
                break;
            case HashKind.Sha384:
                context = ref _sha384;
                break;
        }

        if (context == 0)
        {
            nint made = NewContext();
            context = made;
            Check(Native.EVP_DigestInit_ex2(made, Algorithm(hash), null) == 1, ref context, "Cannot begin a hash");
        }

        return ref context;
    }

    private readonly struct EvpHash(nint context, nint algorithm) : IRunningHash
    {
        public bool Update(ReadOnlySpan<byte> data) => LibcryptoDigest.Update(context, data);

        public bool Finish(Span<byte> destination) => LibcryptoDigest.Finish(context, algorithm, destination);
    }
}

/// <summary>A transcript hash on its own EVP_MD_CTX.</summary>
internal sealed unsafe class LibcryptoHasher : TranscriptHasher
{
    private nint _context;

    public LibcryptoHasher(HashKind hash)
    {
        Kind = hash;
        _context = LibcryptoDigest.NewContext();
        if (Native.EVP_DigestInit_ex2(_context, LibcryptoDigest.Algorithm(hash), null) != 1)
        {
            throw Native.Failure("Cannot begin a hash");
        }
    }

    private LibcryptoHasher(LibcryptoHasher other)
    {
        Kind = other.Kind;
        _context = LibcryptoDigest.NewContext();
        if (Native.EVP_MD_CTX_copy_ex(_context, other.Context) != 1)
        {
            throw Native.Failure("Cannot copy a running hash");
        }
    }

    ~LibcryptoHasher() => Free();

    public override HashKind Kind { get; }

    private nint Context
    {
        get
        {
            ObjectDisposedException.ThrowIf(_context == 0, this);
            return _context;
        }
    }

    public override void Append(ReadOnlySpan<byte> data)
    {
        bool ok;
        fixed (byte* d = data)
        {
            ok = Native.EVP_DigestUpdate(Context, d, (nuint)data.Length) == 1;
        }

        GC.KeepAlive(this);
        if (!ok)
        {
            throw Native.Failure("Cannot hash");
        }
    }

    public override int Current(Span<byte> destination)
    {
        int length = Kind.Length();
        Span<byte> hash = destination[..length];
        nint context = Context;
        CryptoCounters.Current.Hashes++;
        LibcryptoDigest.Current.Peek(context, hash);
        GC.KeepAlive(this);
        return length;
    }

    public override TranscriptHasher Fork()
    {
        LibcryptoHasher fork = new(this);
        GC.KeepAlive(this);
        return fork;
    }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint context = Interlocked.Exchange(ref _context, 0);
        if (context != 0)
        {
            Native.EVP_MD_CTX_free(context);
        }
    }
}
