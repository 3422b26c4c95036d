# Java 11 and later run a source file as it is.
code = '''
import java.io.*; import java.security.*; import java.security.cert.*; import javax.net.ssl.*;
public class Client {
    public static void main(String[] a) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream in = new FileInputStream("server.crt")) {
            store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        try (SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", Integer.parseInt(a[0]))) {
            s.startHandshake();
            System.out.println("[\\"" + s.getSession().getProtocol() + "\\", \\"" + s.getSession().getCipherSuite() + "\\"]");
        }
    }
}
'''
with open("Client.java", "w") as out:
    out.write(code)
with s_server() as server:
    out = subprocess.run(["java", "Client.java", str(server.port)], capture_output=True, text=True, timeout=120)
    if out.returncode:
        sys.exit(out.stdout + out.stderr)
    version, cipher = json.loads(out.stdout)
    say(case="java", program="java", role="client", version=version, cipher_suite=cipher)
