package io.tidegate.schemas;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.config.SchemaRegistrySettings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.TrustedCertificates;
import io.tidegate.signal.SchemaUnavailableException;
import io.tidegate.signal.WriterSchemas.SchemaLookup;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Unusable;
import io.tidegate.signal.WriterSchemas.SchemaLookup.Usable;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;

/**
 * Looks schemas up in a registry with Confluent's HTTP contract: {@code GET /schemas/ids/ID}, and {@code GET
 * /subjects/SUBJECT/versions/VERSION} for referenced schemas.
 *
 * <p>A schema counts as unknown only if the registry itself reports it, with its own error code. A 404 without one comes from a
 * proxy or from a wrong address. Any answer outside the contract means that the registry is unavailable. A lookup ends within
 * the timeout, whatever the number of addresses and references. Thread-safe.
 */
final class RegistryClient {
    private static final int OK = 200;
    private static final int NOT_FOUND = 404;
    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;

    /** The first three digits of a registry's error codes are the HTTP status. */
    private static final int CODE_OF_STATUS = 100;

    /** The maximum number of schemas that one refers to, directly or indirectly. */
    private static final int REFERENCES_MAX = 100;

    /** The maximum nesting of objects and arrays in a schema. */
    private static final int NESTING_MAX = 400;

    private static final JsonMapper JSON = new JsonMapper(JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(NESTING_MAX).build())
            .build());

    private final SchemaRegistrySettings settings;
    private final HttpClient client;

    /** @throws SettingsException if a file in the settings cannot be used */
    RegistryClient(SchemaRegistrySettings settings) {
        this.settings = settings;
        HttpClient.Builder builder = HttpClient.newBuilder()
                .connectTimeout(settings.timeout())
                .version(HttpClient.Version.HTTP_1_1)
                // Send credentials to the configured addresses only.
                .followRedirects(HttpClient.Redirect.NEVER);
        if (settings.caFile() != null) {
            builder.sslContext(TrustedCertificates.trusting(settings.caFile()));
        }
        client = builder.build();
        if (settings.credentialsFile() != null) {
            try {
                var unused = credentials();
            } catch (IOException e) {
                throw new SettingsException(e.getMessage());
            }
        }
    }

    /** The outcome of a request that the registry answered. */
    private sealed interface Answer {
        record Body(JsonNode json) implements Answer {}

        /** The registry has no such schema. */
        record Missing() implements Answer {}

        /** The schema is larger than {@link LimitedBody#BYTES_MAX}. */
        record TooLarge() implements Answer {}
    }

    /** A schema that cannot be used, and never will be. */
    private static final class UnusableException extends Exception {
        UnusableException(String why) {
            super(why);
        }
    }

    /**
     * Looks up a schema.
     *
     * @throws SchemaUnavailableException if the registry does not answer
     */
    SchemaLookup lookUp(int id) throws InterruptedException {
        long endNanos = System.nanoTime() + settings.timeout().toNanos();
        try {
            JsonNode found = body(get("/schemas/ids/" + id, endNanos), "is not known to the schema registry");
            Schema.Parser parser = new Schema.Parser(NameValidator.NO_VALIDATION).setValidateDefaults(false);
            return new Usable(parsed(found, parser, new HashSet<>(), endNanos));
        } catch (UnusableException e) {
            return new Unusable(e.getMessage());
        }
    }

    private static JsonNode body(Answer answer, String ifMissing) throws UnusableException {
        if (answer instanceof Answer.Body body) {
            return body.json();
        }
        throw new UnusableException(
                answer instanceof Answer.Missing
                        ? ifMissing
                        : "has a schema of more than %d bytes".formatted(LimitedBody.BYTES_MAX));
    }

    private Schema parsed(JsonNode found, Schema.Parser parser, Set<String> read, long endNanos)
            throws UnusableException, InterruptedException {
        String type = found.path("schemaType").asText("AVRO");
        if (!type.equals("AVRO")) {
            throw new UnusableException("is not that of an Avro schema");
        }
        for (JsonNode reference : found.path("references")) {
            String subject = reference.path("subject").asText();
            String path = "/subjects/%s/versions/%d"
                    .formatted(
                            URLEncoder.encode(subject, StandardCharsets.UTF_8).replace("+", "%20"),
                            reference.path("version").asInt());
            if (read.add(path)) {
                if (read.size() > REFERENCES_MAX) {
                    throw new UnusableException("refers to more than %d schemas".formatted(REFERENCES_MAX));
                }
                JsonNode other = body(get(path, endNanos), "refers to a schema that the schema registry does not have");
                var unused = parsed(other, parser, read, endNanos);
            }
        }
        String text = found.path("schema").asText();
        try {
            var unused = JSON.readTree(text); // checks its nesting
            return parser.parse(text);
        } catch (JsonProcessingException | RuntimeException e) {
            // Avro throws various exceptions, also for an undefined name.
            throw new UnusableException("has a schema that Avro cannot read");
        }
    }

    /** Tries the addresses one by one; each has its share of the remaining time. */
    private Answer get(String path, long endNanos) throws InterruptedException {
        List<URI> urls = settings.urls();
        String failure = "";
        for (int i = 0; i < urls.size(); i++) {
            long leftNanos = (endNanos - System.nanoTime()) / (urls.size() - i);
            try {
                return get(urls.get(i), path, Math.max(0, leftNanos));
            } catch (IOException e) {
                failure = "the schema registry %s %s".formatted(urls.get(i), e.getMessage());
            }
        }
        throw new SchemaUnavailableException(failure);
    }

    /**
     * @throws IOException if the registry does not answer by the contract; the message completes a sentence whose subject is
     *     the registry
     */
    private Answer get(URI url, String path, long withinNanos) throws IOException, InterruptedException {
        Duration within = Duration.ofNanos(Math.max(withinNanos, 1));
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base(url) + path))
                .timeout(within)
                .header("Accept", "application/vnd.schemaregistry.v1+json, application/json");
        if (settings.credentialsFile() != null) {
            request.header("Authorization", "Basic " + credentials());
        }
        CompletableFuture<HttpResponse<byte[]>> sent =
                client.sendAsync(request.build(), response -> new LimitedBody(isOfRegistry(response)));
        try {
            HttpResponse<byte[]> response = sent.get(within.toNanos(), TimeUnit.NANOSECONDS);
            return answer(response.statusCode(), response.body());
        } catch (TimeoutException e) {
            throw silent();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof LimitedBody.TooLargeException) {
                return new Answer.TooLarge();
            }
            if (e.getCause() instanceof HttpTimeoutException) {
                throw silent();
            }
            throw new IOException("cannot be reached: " + describe(e.getCause()));
        } finally {
            sent.cancel(true);
        }
    }

    private IOException silent() {
        return new IOException(
                "did not answer within %d ms".formatted(settings.timeout().toMillis()));
    }

    private static boolean isOfRegistry(HttpResponse.ResponseInfo response) {
        String type = response.headers().firstValue("Content-Type").orElse("");
        return response.statusCode() == OK && type.contains("json");
    }

    private static String describe(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        // The client gives no message if nothing listens at the address.
        if (failure instanceof ConnectException && root instanceof ClosedChannelException) {
            return "nothing accepts connections there";
        }
        if (root instanceof UnresolvedAddressException) {
            return "its host name cannot be resolved";
        }
        String name = root.getClass().getSimpleName();
        return root.getMessage() == null ? name : "%s (%s)".formatted(root.getMessage(), name);
    }

    private static Answer answer(int status, byte[] body) throws IOException {
        if (status != OK && status != NOT_FOUND) {
            throw new IOException(
                    status == UNAUTHORIZED || status == FORBIDDEN
                            ? "rejects these credentials with status %d: set schema.registry.credentials.file"
                                    .formatted(status)
                            : "answered with status %d".formatted(status));
        }
        JsonNode json = null;
        try {
            json = JSON.readTree(body);
        } catch (IOException e) {
            // not an answer of a registry
        }
        if (status == NOT_FOUND && json != null && json.path("error_code").asInt() / CODE_OF_STATUS == NOT_FOUND) {
            return new Answer.Missing();
        }
        if (status == OK && json != null && json.path("schema").isTextual()) {
            return new Answer.Body(json);
        }
        throw new IOException(
                "answered with status %d and not as a schema registry does: is the address right?".formatted(status));
    }

    private static String base(URI url) {
        String text = url.toString();
        return text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
    }

    /** Reads the credentials again for each request, so that a new password needs no restart. */
    private String credentials() throws IOException {
        String text;
        try {
            text = Files.readString(settings.credentialsFile()).strip();
        } catch (IOException e) {
            throw new IOException(
                    "schema.registry.credentials.file = %s cannot be read".formatted(settings.credentialsFile()), e);
        }
        if (text.indexOf(':') < 1 || text.lines().count() != 1) {
            throw new IOException("schema.registry.credentials.file = %s must be one line, USER:PASSWORD"
                    .formatted(settings.credentialsFile()));
        }
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }
}
