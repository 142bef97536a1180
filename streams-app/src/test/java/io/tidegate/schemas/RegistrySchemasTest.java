package io.tidegate.schemas;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidegate.config.SchemaRegistrySettings;
import io.tidegate.config.SettingsException;
import io.tidegate.fixtures.SelfSigned;
import io.tidegate.schemas.StubRegistry.Reference;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.signal.WriterSchemas.SchemaLookup;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Unusable;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Usable;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.apache.avro.Schema;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Lookups in a registry that answers, fails, hangs, or is unreachable. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class RegistrySchemasTest {
    private static final String ORDER =
            "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}";
    private static final Duration PATIENT = Duration.ofMinutes(10);

    @TempDir
    private Path temp;

    private final AtomicLong nanos = new AtomicLong();
    private StubRegistry registry;

    @BeforeEach
    void start() throws Exception {
        registry = new StubRegistry();
    }

    @AfterEach
    void stop() {
        registry.close();
    }

    private RegistrySchemas schemas(
            List<String> urls, @Nullable Path credentials, @Nullable Path ca, Duration timeout, int max) {
        return new RegistrySchemas(
                new SchemaRegistrySettings(urls.stream().map(URI::create).toList(), credentials, ca, timeout, max),
                nanos::get);
    }

    private RegistrySchemas schemas() {
        return schemas(List.of(registry.url()), null, null, PATIENT, 100);
    }

    private static String why(SchemaLookup found) {
        assertThat(found).isInstanceOf(Unusable.class);
        return ((Unusable) found).why();
    }

    private static void assertUnavailable(RegistrySchemas schemas, String message) {
        assertThatThrownBy(() -> schemas.of(7))
                .isInstanceOf(SchemaUnavailableException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aSchemaIsAskedForOnce() {
        registry.register(7, ORDER);
        RegistrySchemas schemas = schemas();

        SchemaLookup first = schemas.of(7);
        SchemaLookup second = schemas.of(7);

        assertThat(first).isEqualTo(new Usable(new Schema.Parser().parse(ORDER)));
        assertThat(second).isSameAs(first);
        assertThat(registry.requests()).containsExactly("/schemas/ids/7");
    }

    @Test
    void theAddressMayHaveAPathAndASlashAtItsEnd() {
        RegistrySchemas schemas = schemas(List.of(registry.url() + "/api/"), null, null, PATIENT, 100);

        assertThat(why(schemas.of(7))).isEqualTo("is not known to the schema registry");
        assertThat(registry.requests()).containsExactly("/api/schemas/ids/7");
    }

    @Test
    void onlyTheLastUsedSchemasAreKept() {
        RegistrySchemas schemas = schemas(List.of(registry.url()), null, null, PATIENT, 16);
        for (int id = 1; id <= 20; id++) {
            registry.register(id, ORDER);
            assertThat(schemas.of(id)).isInstanceOf(Usable.class);
            assertThat(schemas.of(1)).isInstanceOf(Usable.class);
        }

        assertThat(schemas.size()).isEqualTo(16);
        assertThat(schemas.isKnown(1)).isTrue();
        assertThat(schemas.isKnown(2)).isFalse();
        assertThat(schemas.of(2)).isInstanceOf(Usable.class);
        assertThat(registry.requests()).hasSize(21);
    }

    @Test
    void anUnknownIdIsAskedForAgainAfterAWhile() throws Exception {
        RegistrySchemas schemas = schemas();
        assertThat(why(schemas.of(7))).isEqualTo("is not known to the schema registry");
        assertThat(schemas.isKnown(7)).isTrue();
        registry.register(7, ORDER);
        assertThat(schemas.of(7)).as("the same for all records in flight").isInstanceOf(Unusable.class);

        nanos.addAndGet(RegistrySchemas.UNUSABLE_NANOS);

        assertThat(schemas.isKnown(7)).isFalse();
        assertThat(schemas.lookUp(7)).isInstanceOf(Usable.class);
        assertThat(schemas.of(7)).isInstanceOf(Usable.class);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "PROTOBUF|syntax = \"proto3\";|is not that of an Avro schema",
                "AVRO|{\"type\":\"record\"}|has a schema that Avro cannot read",
                "AVRO|not json|has a schema that Avro cannot read",
                "AVRO|{\"type\":\"unheard of\"}|has a schema that Avro cannot read"
            })
    void aSchemaThatIsNotAvroIsUnusable(String type, String schema, String why) {
        registry.register(7, type, schema);

        assertThat(why(schemas().of(7))).isEqualTo(why);
    }

    @Test
    void aSchemaThatIsNestedTooDeepIsUnusable() {
        String deep = "{\"type\":\"array\",\"items\":".repeat(2_000) + "\"int\"" + "}".repeat(2_000);
        registry.register(7, deep);

        assertThat(why(schemas().of(7))).isEqualTo("has a schema that Avro cannot read");
    }

    @Test
    void aSchemaThatIsTooLargeIsUnusable() {
        registry.register(7, "\"" + "x".repeat(LimitedBody.BYTES_MAX) + "\"");

        assertThat(why(schemas().of(7))).startsWith("has a schema of more than");
    }

    @Test
    void referencesAreRead() {
        String money = "{\"type\":\"record\",\"name\":\"Money\",\"fields\":[{\"name\":\"cents\",\"type\":\"long\"}]}";
        String line = "{\"type\":\"record\",\"name\":\"Line\",\"fields\":[{\"name\":\"price\",\"type\":\"Money\"}]}";
        Reference toMoney = new Reference("Money", "money value", 1);
        registry.registerSubject("money value", 1, money);
        registry.registerSubject("line", 3, line, toMoney);
        registry.register(
                7,
                "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"line\",\"type\":\"Line\"},{\"name\":\"sum\",\"type\":\"Money\"}]}",
                new Reference("Line", "line", 3),
                toMoney);

        SchemaLookup found = schemas().of(7);

        assertThat(found).isInstanceOf(Usable.class);
        assertThat(((Usable) found).schema().getField("sum").schema().getName()).isEqualTo("Money");
        assertThat(registry.requests())
                .containsExactly("/schemas/ids/7", "/subjects/line/versions/3", "/subjects/money value/versions/1");
    }

    @Test
    void missingAndCircularReferencesAreUnusable() {
        registry.register(7, ORDER, new Reference("Gone", "gone", 1));
        assertThat(why(schemas().of(7))).isEqualTo("refers to a schema that the schema registry does not have");

        registry.registerSubject("a", 1, "\"B\"", new Reference("B", "b", 1));
        registry.registerSubject("b", 1, "\"A\"", new Reference("A", "a", 1));
        registry.register(8, ORDER, new Reference("A", "a", 1));
        assertThat(why(schemas().of(8))).isEqualTo("has a schema that Avro cannot read");

        List<Reference> many = new ArrayList<>();
        for (int i = 0; i < 101; i++) {
            registry.registerSubject("s" + i, 1, "\"int\"");
            many.add(new Reference("S" + i, "s" + i, 1));
        }
        registry.register(9, ORDER, many.toArray(Reference[]::new));
        assertThat(why(schemas().of(9))).isEqualTo("refers to more than 100 schemas");
    }

    @ParameterizedTest
    @ValueSource(ints = {301, 400, 403, 429, 500, 502, 503})
    void anInvalidResponseMeansThatTheRegistryIsUnavailable(int status) {
        RegistrySchemas schemas = schemas();
        registry.register(7, ORDER);
        registry.fail(status, "{\"error_code\":50001}");
        assertUnavailable(schemas, "status %d".formatted(status));
        assertThat(schemas.isKnown(7)).isFalse();

        registry.fail(0, "");

        assertThat(schemas.of(7)).isInstanceOf(Usable.class);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "404|<html>no such page</html>",
                "404|''",
                "404|{\"error_code\":0}",
                "200|<html>Log in</html>",
                "200|{}"
            })
    void aServerThatIsNotARegistryMakesNoSchemaUnknown(int status, String body) {
        registry.fail(status, body);

        assertUnavailable(schemas(), "answered with status %d and not as a schema registry does".formatted(status));
    }

    @Test
    void aRegistryThatDoesNotListenOrAnswerIsUnavailable() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String url = "http://127.0.0.1:" + silent.getLocalPort();
            assertUnavailable(
                    schemas(List.of(url), null, null, Duration.ofMillis(200), 100), "did not answer within 200 ms");
        }
        CountDownLatch latch = new CountDownLatch(1);
        registry.hold(latch);
        assertUnavailable(
                schemas(List.of(registry.url()), null, null, Duration.ofMillis(200), 100),
                "did not answer within 200 ms");
        latch.countDown();
        registry.close();
        assertUnavailable(schemas(), "cannot be reached: nothing accepts connections there");
        assertUnavailable(
                schemas(List.of("http://no-such-host.invalid:1"), null, null, PATIENT, 100),
                "cannot be reached: its host name cannot be resolved");
    }

    @Test
    void theNextAddressIsAskedIfOneDoesNotAnswer() throws Exception {
        registry.register(7, ORDER);
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String url = "http://127.0.0.1:" + silent.getLocalPort();
            SchemaLookup found = null;
            for (int ms = 500; found == null; ms *= 2) {
                try {
                    found = schemas(List.of(url, registry.url()), null, null, Duration.ofMillis(ms), 100)
                            .of(7);
                } catch (SchemaUnavailableException e) {
                    // The second address needed longer than its share of the time.
                }
            }
            assertThat(found).isInstanceOf(Usable.class);
        }
    }

    @Test
    void credentialsAreSentAndReadAgain() throws Exception {
        registry.register(7, ORDER);
        registry.require("tidegate:pass:word");
        Path file = Files.writeString(temp.resolve("credentials"), "tidegate:old\n");
        RegistrySchemas schemas = schemas(List.of(registry.url()), file, null, PATIENT, 100);
        assertUnavailable(schemas, "rejects these credentials with status 401");
        assertUnavailable(schemas(), "rejects these credentials with status 401");

        Files.writeString(file, "tidegate:pass:word\n");

        assertThat(schemas.of(7)).isInstanceOf(Usable.class);
        Files.delete(file);
        assertThatThrownBy(() -> schemas.of(8))
                .isInstanceOf(SchemaUnavailableException.class)
                .hasMessageContaining("cannot be read")
                .hasMessageNotContaining("word");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "tidegate", ":word", "a:b\nc:d"})
    void invalidCredentialsStopTheStart(String text) throws Exception {
        Path file = Files.writeString(temp.resolve("credentials"), text);

        assertThatThrownBy(() -> schemas(List.of(registry.url()), file, null, PATIENT, 100))
                .isInstanceOf(SettingsException.class)
                .hasMessage("schema.registry.credentials.file = %s must be one line, USER:PASSWORD".formatted(file));
    }

    @Test
    void aRegistryWithTlsIsTrustedByItsCertificate() throws Exception {
        KeyStore store = SelfSigned.keys("own", temp);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, SelfSigned.PASSWORD.toCharArray());
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(keys.getKeyManagers(), null, null);
        Path ca = temp.resolve("ca.pem");
        Files.writeString(
                ca,
                "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
                        .formatted(Base64.getMimeEncoder(64, new byte[] {'\n'})
                                .encodeToString(store.getCertificate("own").getEncoded())));
        try (StubRegistry secure = new StubRegistry(tls)) {
            secure.register(7, ORDER);

            assertThat(schemas(List.of(secure.url()), null, ca, PATIENT, 100).of(7))
                    .isInstanceOf(Usable.class);
            assertUnavailable(schemas(List.of(secure.url()), null, null, PATIENT, 100), "cannot be reached");
        }
        assertThatThrownBy(() -> schemas(List.of(registry.url()), null, temp.resolve("none.pem"), PATIENT, 100))
                .isInstanceOf(SettingsException.class);
    }

    @Test
    void theDoctorsCheckNeedsNoSchema() {
        schemas().requireAnswer();
        assertThat(registry.requests()).containsExactly("/schemas/ids/2147483647");
        registry.fail(503, new String(new byte[0], UTF_8));
        assertThatThrownBy(() -> schemas().requireAnswer()).isInstanceOf(SchemaUnavailableException.class);
    }
}
