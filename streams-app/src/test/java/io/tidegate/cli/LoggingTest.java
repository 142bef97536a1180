package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import net.logstash.logback.encoder.LoggingEventCompositeJsonEncoder;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class LoggingTest {
    private static final Pattern NAMED = Pattern.compile("(?<![.\\w])([a-z_]+)=(?:\\{}|\\\\\"\\{}\\\\\")");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| `([a-z_]+)` \\|");

    private static JsonNode logged(String logger, String template, @Nullable Throwable failure, Object... values)
            throws IOException {
        LoggerContext context = new LoggerContext();
        LoggingEventCompositeJsonEncoder encoder = Logging.encoder(context);
        LoggingEvent event = new LoggingEvent("", context.getLogger(logger), Level.WARN, template, failure, values);
        byte[] line = encoder.encode(event);
        assertThat(line).endsWith((byte) '\n');
        return new JsonMapper().readTree(line);
    }

    @Test
    void namedValuesAreFieldsAndTheRestIsTheMessage() throws IOException {
        JsonNode line = logged(
                "io.tidegate.wal.Shard",
                "cut a torn tail, {} of it tenant={} bytes={} why=\"{}\" copy={}",
                null,
                "half",
                "42",
                17L,
                "it said \"no\"\n$1",
                Path.of("q"));

        assertThat(line.get("message").asText()).isEqualTo("cut a torn tail, half of it");
        assertThat(line.get("tenant").asText()).isEqualTo("42");
        assertThat(line.get("bytes").asLong()).isEqualTo(17);
        assertThat(line.get("why").asText()).isEqualTo("it said \"no\"\\n$1");
        assertThat(line.get("level").asText()).isEqualTo("WARN");
        assertThat(line.get("logger").asText()).isEqualTo("io.tidegate.wal.Shard");
        assertThat(line.get("time").asText()).matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z");
    }

    @Test
    void leavesMessagesOfLibrariesUnchanged() throws IOException {
        assertThat(logged("org.apache.kafka.clients.X", "groupId={} failed", null, "a")
                        .get("message")
                        .asText())
                .isEqualTo("groupId=a failed");
    }

    @Test
    void aFailureIsOneLineToo() throws IOException {
        JsonNode line = logged("io.tidegate.X", "a thread failed", new IllegalStateException("boom"));

        assertThat(line.get("stack_trace").asText()).contains("IllegalStateException: boom", "LoggingTest");
    }

    @Test
    void survivesATemplateWithMorePlacesThanValues() throws IOException {
        assertThat(logged("io.tidegate.X", "a={} b={}", null, 1).get("b").asText())
                .isEqualTo("{}");
    }

    @Test
    void everyTemplateHasWordsBesideItsValues() throws IOException {
        Pattern template = Pattern.compile("LOG\\.(?:trace|debug|info|warn|error)\\(\\s*\"((?:[^\"\\\\]|\\\\.)*)\"");
        try (Stream<Path> sources = Files.walk(Path.of("src", "main", "java"))) {
            for (Path source :
                    sources.filter(path -> path.toString().endsWith(".java")).toList()) {
                Matcher found = template.matcher(Files.readString(source));
                while (found.find()) {
                    String words = found.group(1)
                            .replaceAll("(^| )[a-z_]+=(\\\\\"\\{}\\\\\"|\\{})", "")
                            .strip();
                    assertThat(words).as("%s: %s", source, found.group(1)).isNotEmpty();
                }
            }
        }
    }

    /** Dashboards and alerts search for these names. */
    @Test
    void theNamesOfTheCodeAreThoseOfThePage() throws IOException {
        TreeSet<String> inCode = new TreeSet<>();
        try (Stream<Path> sources = Files.walk(Path.of("src", "main", "java"))) {
            for (Path source :
                    sources.filter(path -> path.toString().endsWith(".java")).toList()) {
                for (String line : Files.readAllLines(source)) {
                    Matcher named = NAMED.matcher(line.strip().matches("(\\*|/\\*\\*).*") ? "" : line);
                    while (named.find()) {
                        inCode.add(named.group(1));
                    }
                }
            }
        }
        TreeSet<String> onPage = new TreeSet<>();
        Matcher row = ROW.matcher(Files.readString(Path.of("..", "docs", "logs.md")));
        while (row.find()) {
            onPage.add(row.group(1));
        }

        assertThat(onPage).isEqualTo(inCode);
        assertThat(onPage)
                .doesNotContainAnyElementsOf(List.of("time", "level", "logger", "thread", "message", "value"));
    }
}
