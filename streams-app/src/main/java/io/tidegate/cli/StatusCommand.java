package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.admin.AdminException;
import io.tidegate.config.HttpSettings;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.TrustedCertificates;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description =
                "Shows every instance: state, tasks, lag, restoration. Queries any one of them; exit 1 if one is not"
                        + " ready.")
final class StatusCommand implements Callable<Integer> {
    private static final Duration CONNECT_WITHIN = Duration.ofSeconds(3);
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(15);
    private static final int OK = 200;
    private static final Pattern TOKEN = Pattern.compile("[!-~]+");

    @Mixin
    private SettingsOptions options = new SettingsOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Option(
            names = "--url",
            paramLabel = "URL",
            description =
                    "Address of an instance's HTTP server. Default: the environment variable TIDEGATE_URL, or from http.bind and"
                            + " http.port.")
    private @Nullable String url;

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = "A file that contains only a token. Default: the environment variable TIDEGATE_TOKEN_FILE.")
    private @Nullable Path tokenFile;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        useEnvironment(System.getenv());
        JsonNode status = ask(uri());
        var out = spec.commandLine().getOut();
        boolean ready = true;
        Table table =
                new Table("INSTANCE", "ADDRESS", "STATE", "READY", "ACTIVE>", "STANDBY>", "LAG>", "RESTORING", "FREE>");
        for (JsonNode instance : status.path("instances")) {
            ready &= instance.path("ready").asBoolean();
            row(table, instance);
        }
        return ExitCodes.afterPrinting(ready ? ExitCodes.OK : ExitCodes.FAILED, () -> print(status, table, out));
    }

    private void print(JsonNode status, Table table, PrintWriter out) {
        if (output.asObjects()) {
            out.println(output.document(status));
        } else {
            table.print(out);
            for (JsonNode ownerless : status.path("ownerless")) {
                out.println("%s: no instance owns %s-%d, where %d records wait"
                        .formatted(
                                ownerless.path("stage").asText(),
                                ownerless.path("topic").asText(),
                                ownerless.path("partition").asInt(),
                                ownerless.path("lag").asLong()));
            }
            for (JsonNode instance : status.path("instances")) {
                instance.path("paused_because").forEach(why -> note(out, instance, "paused", why));
                instance.path("not_ready_because").forEach(why -> note(out, instance, "not ready", why));
                note(out, instance, "partitions wait", instance.path("waits_for"));
            }
            String missing = status.at("/instances/0/missing_tenant").asText("");
            if (!missing.isEmpty()) {
                out.println("signals without a tenant: "
                        + (missing.equals("reject")
                                ? "to the dead-letter topic (tenant_missing)"
                                : "counted for tenant 0"));
            }
        }
        out.flush();
    }

    private static void note(PrintWriter out, JsonNode instance, String what, JsonNode why) {
        if (why.isTextual() && !why.asText().isEmpty()) {
            out.println("%s: %s: %s"
                    .formatted(instance.path("address").asText(), what, Table.printableLines(why.asText())));
        }
    }

    /** Applies the environment where no option is given: containers have their instance's address there. */
    private void useEnvironment(Map<String, String> environment) {
        String ofUrl = environment.getOrDefault("TIDEGATE_URL", "");
        if (url == null && !ofUrl.isBlank()) {
            url = ofUrl;
        }
        String ofToken = environment.getOrDefault("TIDEGATE_TOKEN_FILE", "");
        if (tokenFile == null && !ofToken.isBlank()) {
            tokenFile = Path.of(ofToken);
        }
    }

    private static void row(Table table, JsonNode instance) {
        boolean answered = instance.has("tasks");
        long active = 0;
        long standby = 0;
        for (JsonNode task : instance.path("tasks")) {
            if (task.path("active").asBoolean()) {
                active++;
            } else {
                standby++;
            }
        }
        List<String> restoring = new ArrayList<>();
        instance.path("restoring")
                .forEach(store -> restoring.add("%s-%d %d %%"
                        .formatted(
                                store.path("store").asText(),
                                store.path("partition").asInt(),
                                store.path("percent").asInt())));
        JsonNode free = instance.at("/disk/free_bytes");
        table.row(
                text(instance.path("instance")),
                text(instance.path("address")),
                text(instance.path("state")) + (instance.path("paused").asBoolean() ? ", paused" : ""),
                instance.path("ready").asBoolean() ? "yes" : "no",
                answered ? active : null,
                answered ? standby : null,
                answered ? instance.path("lag").asLong() : null,
                restoring.isEmpty() ? null : String.join(", ", restoring),
                free.isNumber() ? Amounts.size(free.asLong()) : null);
    }

    private static @Nullable String text(JsonNode node) {
        return node.isTextual() ? node.asText() : null;
    }

    private URI uri() {
        if (url != null) {
            return uri("--url", url);
        }
        HttpSettings http = options.load().http();
        if (http.port() <= 0) {
            throw new ParameterException(
                    spec.commandLine(),
                    "%s = %d is not a port to connect to: use --url".formatted(Settings.HTTP_PORT, http.port()));
        }
        return uri(
                "the address from %s and %s".formatted(Settings.HTTP_BIND, Settings.HTTP_PORT),
                "%s://%s".formatted(http.isTls() ? "https" : "http", http.localAddress()));
    }

    private URI uri(String origin, String base) {
        try {
            URI uri = URI.create(base.replaceFirst("/+$", "") + "/v1/status");
            if (uri.getHost() != null && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            // reported below
        }
        throw new ParameterException(
                spec.commandLine(), "%s = %s is not an address such as http://127.0.0.1:8080".formatted(origin, base));
    }

    private JsonNode ask(URI uri) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(ANSWER_WITHIN);
        if (tokenFile != null) {
            request.header("Authorization", "Bearer " + token(tokenFile));
        }
        HttpResponse<byte[]> response;
        try {
            response = client(uri).send(request.build(), BodyHandlers.ofByteArray());
        } catch (SSLException e) {
            throw new AdminException(
                    "the TLS connection to %s failed: %s. %s must name the certificate or its CA, and --url the host that the certificate is for"
                            .formatted(uri, e.getMessage(), Settings.HTTP_TLS_CA_FILE),
                    e);
        } catch (IOException e) {
            throw new AdminException(
                    "no instance answers at %s: is one running there? Use --url for another address".formatted(uri), e);
        }
        JsonNode json = tree(response.body());
        if (response.statusCode() != OK && json.path("detail").isTextual()) {
            throw new AdminException("%s answers %d: %s"
                    .formatted(uri, response.statusCode(), json.path("detail").asText()));
        }
        if (response.statusCode() != OK || json.path("instances").isEmpty()) {
            throw new AdminException("%s answers %d, and not as an instance of Tidegate: use --url for its address"
                    .formatted(uri, response.statusCode()));
        }
        return json;
    }

    private static JsonNode tree(byte[] answer) {
        try {
            return Json.tree(answer);
        } catch (IllegalArgumentException e) {
            return Json.object();
        }
    }

    /** An invalid token must not be in the message, as it would be in that of the HTTP client. */
    private static String token(Path file) throws IOException {
        String token = Files.readString(file).strip();
        if (!TOKEN.matcher(token).matches()) {
            throw new SettingsException(
                    "%s must contain only a token, in one line of ASCII characters without spaces: it is the third word of a line in %s"
                            .formatted(file, Settings.HTTP_TOKENS_FILE));
        }
        return token;
    }

    private HttpClient client(URI uri) {
        HttpClient.Builder builder = HttpClient.newBuilder().connectTimeout(CONNECT_WITHIN);
        Path caFile = "https".equals(uri.getScheme()) ? options.load().http().caFile() : null;
        if (caFile != null) {
            builder.sslContext(TrustedCertificates.trusting(caFile));
        }
        return builder.build();
    }
}
