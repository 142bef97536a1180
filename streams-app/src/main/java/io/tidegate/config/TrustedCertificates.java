package io.tidegate.config;

import io.tidegate.wal.FileFault;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Collection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Certificates in PEM files that settings refer to. */
public final class TrustedCertificates {
    private TrustedCertificates() {}

    /**
     * Returns a context for a client that trusts only these certificates.
     *
     * @throws SettingsException naming the file and the error; never its content
     */
    public static SSLContext trusting(Path caFile) {
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            int number = 0;
            for (Certificate certificate : in(caFile)) {
                store.setCertificateEntry("ca-" + number++, certificate);
            }
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException | IOException e) {
            throw new SettingsException("the certificates in %s cannot be used: %s".formatted(caFile, e.getMessage()));
        }
    }

    /** Returns all certificates of a file; at least one. */
    public static Collection<? extends Certificate> in(Path file) {
        try {
            Collection<? extends Certificate> found = CertificateFactory.getInstance("X.509")
                    .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(file)));
            if (found.isEmpty()) {
                throw new SettingsException("%s has no certificate in PEM form".formatted(file));
            }
            return found;
        } catch (IOException e) {
            throw new SettingsException(
                    "the certificate file %s cannot be read: %s".formatted(file, FileFault.describe(e)));
        } catch (GeneralSecurityException e) {
            throw new SettingsException(
                    "the certificate file %s has no certificate in PEM form: %s".formatted(file, e.getMessage()));
        }
    }
}
