using System.Buffers.Binary;
using System.Text;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>One connection as the runner wants it: handshake, checks, exports, echo, closing.</summary>
internal sealed class ShimExchange(ShimOptions first, ShimOptions retry, ShimChannel channel, ShimObservations observed, bool isResumption)
{
    // Those for the second half of a client connection, where its early data was refused.
    private ShimOptions _options = first;

    /// <summary>Plays it. Returns the session for the next connection, if there is one.</summary>
    public TlsSession? Run()
    {
        byte[] initialWrite = [.. Enumerable.Repeat(Encoding.ASCII.GetBytes(_options.InitialWrite), _options.InitialWriteRepeats).SelectMany(bytes => bytes)];
        channel.Handshake(_options.EnableEarlyData && isResumption, _options.ShimWritesFirst ? initialWrite : null, ExportTooEarly, MayWriteEarly);
        Expectations.CheckEarlyData(_options, channel.Tls.Info);
        if (!_options.IsServer && channel.Tls.Info.EarlyData.Status == EarlyDataStatus.Rejected)
        {
            _options = retry;
        }

        Expectations.CheckHandshake(_options, channel.Tls, observed, isResumption);
        if (_options.ExtraHandshake)
        {
            channel.Handshake();
        }

        WriteExports();
        if (_options.SendAlert)
        {
            const TlsAlert DecompressionFailure = (TlsAlert)30;
            channel.Tls.Abort(TlsFault.RefusedByApplication, DecompressionFailure);
            channel.Flush();
            return null;
        }

        if (_options.WriteDifferentRecordSizes)
        {
            WriteDifferentRecordSizes();
        }

        bool unfinishedWrite = _options.ReadWithUnfinishedWrite && channel.EarlyWritten == 0;
        if (unfinishedWrite)
        {
            channel.WriteOneByteOf(Encoding.ASCII.GetBytes(_options.InitialWrite));
        }
        else if (channel.EarlyWritten > 0)
        {
            channel.Write(initialWrite.AsSpan(channel.EarlyWritten));
        }
        else if (_options.ShimWritesFirst)
        {
            for (int i = 0; i < _options.InitialWriteRepeats; i++)
            {
                channel.Write(Encoding.ASCII.GetBytes(_options.InitialWrite));
            }
        }

        if (!_options.ShimShutsDown)
        {
            Echo();
        }

        if (!_options.IsServer)
        {
            Expectations.CheckSession(_options, channel.Tls, observed);
        }

        if (_options.CheckCloseNotify)
        {
            CloseBothWays();
        }

        return channel.Tls.Session;
    }

    /// <summary>BoringSSL's client has the connection while it can send early data, and finds that it cannot export yet.</summary>
    private void ExportTooEarly()
    {
        if (_options.ExportKeyingMaterial > 0)
        {
            try
            {
                channel.Tls.ExportKeyingMaterial(_options.ExportLabel, new byte[_options.ExportKeyingMaterial]);
            }
            catch (InvalidOperationException)
            {
                throw new ShimFailedException(":HANDSHAKE_NOT_COMPLETE:");
            }
        }
    }

    private bool MayWriteEarly(TlsConnectionInfo info)
    {
        const int ServerHello = 2;
        const int EncryptedExtensions = 8;
        return _options.EarlyWriteAfterMessage switch
        {
            ServerHello => info.ProtocolVersion != default,
            EncryptedExtensions => info.EarlyData.IsAccepted,
            _ => true,
        };
    }

    private void WriteExports()
    {
        TlsConnection tls = channel.Tls;
        if (_options.ExportKeyingMaterial > 0)
        {
            byte[] material = new byte[_options.ExportKeyingMaterial];
            if (_options.UseExportContext)
            {
                tls.ExportKeyingMaterial(_options.ExportLabel, Encoding.UTF8.GetBytes(_options.ExportContext), material);
            }
            else
            {
                tls.ExportKeyingMaterial(_options.ExportLabel, material);
            }

            channel.Write(material);
        }

        if (_options.ExportTrafficSecrets)
        {
            byte[] client = observed.Secret("CLIENT_TRAFFIC_SECRET_0");
            byte[] server = observed.Secret("SERVER_TRAFFIC_SECRET_0");
            byte[] length = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)client.Length);
            channel.Write(length);
            channel.Write(_options.IsServer ? client : server);
            channel.Write(_options.IsServer ? server : client);
        }
    }

    private void Echo()
    {
        byte[] buffer = new byte[_options.ReadSize];
        while (true)
        {
            if (_options.KeyUpdateBeforeRead)
            {
                channel.Tls.UpdateKeys();
            }

            int count = channel.Read(buffer);
            if (count == 0)
            {
                return;
            }

            if (_options.UseExporterBetweenReads)
            {
                channel.Tls.ExportKeyingMaterial("between reads", new byte[1]);
            }

            if (_options.KeyUpdateBeforeWrite)
            {
                channel.Tls.UpdateKeys();
            }

            Span<byte> data = buffer.AsSpan(0, count);
            foreach (ref byte b in data)
            {
                b ^= 0xff;
            }

            channel.Write(data);
        }
    }

    private void WriteDifferentRecordSizes()
    {
        int[] sizes = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769];
        foreach (int size in sizes)
        {
            byte[] data = new byte[size];
            data.AsSpan().Fill(0x42);
            channel.Write(data);
        }
    }

    private void CloseBothWays()
    {
        channel.Tls.Close();
        channel.Flush();
        if (_options.ShimShutsDown && channel.Read(new byte[1]) > 0)
        {
            throw new ShimFailedException(":APPLICATION_DATA_ON_SHUTDOWN: data came where close_notify should have");
        }

        if (!channel.Tls.IsReceiveClosed)
        {
            throw new ShimFailedException("Unexpected SSL_shutdown result: -1 != 1: the runner sent no close_notify");
        }
    }
}
