using System.Buffers.Binary;
using System.Text;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>One connection as the runner wants it: handshake, checks, exports, echo, closing.</summary>
internal sealed class ShimExchange(ShimOptions options, ShimChannel channel, ShimObservations observed, bool isResumption)
{
    /// <summary>Plays it. Returns the session for the next connection, if there is one.</summary>
    public TlsSession? Run()
    {
        channel.Handshake();
        Expectations.CheckHandshake(options, channel.Tls, observed, isResumption);
        if (options.ExtraHandshake)
        {
            channel.Handshake();
        }

        WriteExports();
        if (options.SendAlert)
        {
            const TlsAlert DecompressionFailure = (TlsAlert)30;
            channel.Tls.Abort(TlsFault.RefusedByApplication, DecompressionFailure);
            channel.Flush();
            return null;
        }

        if (options.WriteDifferentRecordSizes)
        {
            WriteDifferentRecordSizes();
        }

        bool unfinishedWrite = options.ReadWithUnfinishedWrite;
        if (unfinishedWrite)
        {
            channel.WriteOneByteOf(Encoding.ASCII.GetBytes(options.InitialWrite));
        }
        else if (options.ShimWritesFirst)
        {
            for (int i = 0; i < options.InitialWriteRepeats; i++)
            {
                channel.Write(Encoding.ASCII.GetBytes(options.InitialWrite));
            }
        }

        if (!options.ShimShutsDown)
        {
            Echo();
        }

        if (!options.IsServer)
        {
            Expectations.CheckSession(options, channel.Tls, observed);
        }

        if (options.CheckCloseNotify)
        {
            CloseBothWays();
        }

        return channel.Tls.Session;
    }

    private void WriteExports()
    {
        TlsConnection tls = channel.Tls;
        if (options.ExportKeyingMaterial > 0)
        {
            byte[] material = new byte[options.ExportKeyingMaterial];
            if (options.UseExportContext)
            {
                tls.ExportKeyingMaterial(options.ExportLabel, Encoding.UTF8.GetBytes(options.ExportContext), material);
            }
            else
            {
                tls.ExportKeyingMaterial(options.ExportLabel, material);
            }

            channel.Write(material);
        }

        if (options.ExportTrafficSecrets)
        {
            byte[] client = observed.Secret("CLIENT_TRAFFIC_SECRET_0");
            byte[] server = observed.Secret("SERVER_TRAFFIC_SECRET_0");
            byte[] length = new byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)client.Length);
            channel.Write(length);
            channel.Write(options.IsServer ? client : server);
            channel.Write(options.IsServer ? server : client);
        }
    }

    private void Echo()
    {
        byte[] buffer = new byte[options.ReadSize];
        while (true)
        {
            if (options.KeyUpdateBeforeRead)
            {
                channel.Tls.UpdateKeys();
            }

            int count = channel.Read(buffer);
            if (count == 0)
            {
                return;
            }

            if (options.UseExporterBetweenReads)
            {
                channel.Tls.ExportKeyingMaterial("between reads", new byte[1]);
            }

            if (options.KeyUpdateBeforeWrite)
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
        if (options.ShimShutsDown && channel.Read(new byte[1]) > 0)
        {
            throw new ShimFailedException(":APPLICATION_DATA_ON_SHUTDOWN: data came where close_notify should have");
        }

        if (!channel.Tls.IsReceiveClosed)
        {
            throw new ShimFailedException("Unexpected SSL_shutdown result: -1 != 1: the runner sent no close_notify");
        }
    }
}
