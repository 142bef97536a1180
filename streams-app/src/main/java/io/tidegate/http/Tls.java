package io.tidegate.http;

import io.tidegate.config.HttpSettings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.TrustedCertificates;
import io.tidegate.wal.FileFault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** TLS from PEM files, in the form that certificate authorities and cert-manager write. Read once, at start. */
public final class Tls {
    private static final String KEY_BEGIN = "-----BEGIN PRIVATE KEY-----";
    private static final String KEY_END = "-----END PRIVATE KEY-----";
    private static final List<String> ALGORITHMS = List.of("RSA", "EC", "EdDSA");
    private static final String ALIAS = "tidegate";
    private static final String IN_MEMORY = "in-memory";

    private Tls() {}

    /** @throws SettingsException naming the file and the error; never its content */
    static SslContextFactory.Server server(HttpSettings settings) {
        Path certificateFile = settings.certificateFile();
        Path keyFile = settings.keyFile();
        if (certificateFile == null || keyFile == null) {
            throw new IllegalStateException("the settings have no TLS");
        }
        Certificate[] chain = TrustedCertificates.in(certificateFile).toArray(Certificate[]::new);
        PrivateKey key = privateKey(keyFile);
        try {
            if (!belongTogether(key, chain[0])) {
                // A server would start with them, but no client could connect.
                throw new SettingsException(
                        "the key in %s does not match the first certificate in %s".formatted(keyFile, certificateFile));
            }
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry(ALIAS, key, IN_MEMORY.toCharArray(), chain);
            SslContextFactory.Server factory = new SslContextFactory.Server();
            factory.setKeyStore(store);
            factory.setKeyStorePassword(IN_MEMORY);
            factory.setIncludeProtocols("TLSv1.3", "TLSv1.2");
            factory.setSniRequired(false);
            return factory;
        } catch (GeneralSecurityException | IOException e) {
            throw new SettingsException("the certificate %s and the key %s cannot be used: %s"
                    .formatted(certificateFile, keyFile, e.getMessage()));
        }
    }

    private static boolean belongTogether(PrivateKey key, Certificate certificate) throws GeneralSecurityException {
        if (!key.getAlgorithm().equals(certificate.getPublicKey().getAlgorithm())) {
            return false;
        }
        String algorithm = switch (key.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            default -> "EdDSA";
        };
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(key);
        byte[] proof = signature.sign();
        signature.initVerify(certificate.getPublicKey());
        return signature.verify(proof);
    }

    private static PrivateKey privateKey(Path file) {
        String pem;
        try {
            pem = Files.readString(file, StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new SettingsException("the key file %s cannot be read: %s".formatted(file, FileFault.describe(e)));
        }
        int begin = pem.indexOf(KEY_BEGIN);
        int end = pem.indexOf(KEY_END);
        if (begin < 0 || end < begin) {
            throw new SettingsException(
                    "%s has no private key in PKCS #8 (BEGIN PRIVATE KEY); convert it with: openssl pkcs8 -topk8 -nocrypt"
                            .formatted(file));
        }
        byte[] der;
        try {
            der = Base64.getMimeDecoder().decode(pem.substring(begin + KEY_BEGIN.length(), end));
        } catch (IllegalArgumentException e) {
            throw new SettingsException("the private key in %s is not base64".formatted(file));
        }
        for (String algorithm : ALGORITHMS) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der));
            } catch (InvalidKeySpecException e) {
                // Try the next algorithm.
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("every Java has " + algorithm, e);
            }
        }
        throw new SettingsException("the private key in %s is for none of the supported algorithms: %s"
                .formatted(file, String.join(", ", ALGORITHMS)));
    }
}
