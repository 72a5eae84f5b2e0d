import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.cert.Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import javax.net.ssl.*;

/** JSSE as a peer. What drivers do is told in Matrix/DriverPeer.cs. */
public class Driver {
    private static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), true);

    public static void main(String[] args) throws Exception {
        if (args[0].equals("client")) {
            client(Integer.parseInt(args[1]), Path.of(args[2]), "TLSv" + args[3], Integer.parseInt(args[4]));
        } else {
            server(Path.of(args[1]), Path.of(args[2]), args[3]);
        }
    }

    private static void client(int port, Path root, String version, int connections) throws Exception {
        byte[] payload = System.in.readAllBytes();
        KeyStore trusted = emptyStore();
        trusted.setCertificateEntry("root", certificates(root)[0]);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        for (int number = 1; number <= connections; number++) {
            long begun = nextMillisecond();
            Socket tcp = new Socket(InetAddress.getByName("127.0.0.1"), port);
            try (SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(tcp, "localhost", port, true)) {
                tls.setEnabledProtocols(new String[] {version});
                SSLParameters parameters = tls.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                tls.setSSLParameters(parameters);
                tls.startHandshake();
                sayConnection(tls, begun);
                tls.getOutputStream().write(number == connections ? payload : "hello\n".getBytes(StandardCharsets.US_ASCII));
                OUT.write(tls.getInputStream().readAllBytes());
                OUT.flush();
            }
        }
    }

    private static void server(Path chain, Path key, String tickets) throws Exception {
        System.setProperty("jdk.tls.server.enableSessionTicketExtension", String.valueOf(!tickets.equals("no-tickets")));
        Certificate[] certificates = certificates(chain);
        KeyStore own = emptyStore();
        own.setKeyEntry("server", privateKey(key, certificates[0].getPublicKey().getAlgorithm()), new char[0], certificates);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        ServerSocket listener = context.getServerSocketFactory().createServerSocket(0, 16, InetAddress.getByName("127.0.0.1"));
        OUT.println("listening on " + listener.getLocalPort());
        byte[] chunk = new byte[65536];
        while (true) {
            try (SSLSocket tls = (SSLSocket) listener.accept()) {
                long begun = nextMillisecond();
                tls.startHandshake();
                sayConnection(tls, begun);
                int count;
                while ((count = tls.getInputStream().read(chunk)) > 0) {
                    tls.getOutputStream().write(chunk, 0, count);
                }
            } catch (IOException e) {
                OUT.println("failed: " + e);
            }
        }
    }

    /** JSSE does not say whether a session was resumed: one that is older than its connection was. */
    private static void sayConnection(SSLSocket tls, long begun) {
        boolean resumed = tls.getSession().getCreationTime() < begun;
        OUT.println("connection: " + (resumed ? "resumed " : "full ") + tls.getSession().getProtocol());
    }

    /** The clock's next tick: no session made before has this time. */
    private static long nextMillisecond() {
        long start = System.currentTimeMillis();
        long now;
        while ((now = System.currentTimeMillis()) <= start) {
            Thread.onSpinWait();
        }
        return now;
    }

    private static KeyStore emptyStore() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    private static Certificate[] certificates(Path pem) throws Exception {
        try (InputStream in = Files.newInputStream(pem)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in).toArray(new Certificate[0]);
        }
    }

    private static PrivateKey privateKey(Path pem, String algorithm) throws Exception {
        String base64 = Files.readString(pem).replaceAll("-----[^-]+-----", "");
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(base64)));
    }
}
