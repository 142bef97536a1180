package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.encoder.Encoder;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Content from outside cannot forge, hide or multiply log lines. */
final class LogContentTest {
    private static final String FORGED =
            "a\n2026-11-25T00:00:00.000Z ERROR Instance FORGED\r\u001b[2J\u0085\u2028\u202e";

    private final LoggerContext context = new LoggerContext();

    private Encoder<ILoggingEvent> encoder(String format) {
        if (format.equals("json")) {
            return Logging.encoder(context);
        }
        QuotingLayout text = new QuotingLayout();
        text.setContext(context);
        text.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX,UTC} %-5level %logger{0} %msg%n");
        text.setCharset(StandardCharsets.UTF_8);
        text.start();
        return text;
    }

    private LoggingEvent event(String logger, String template, @Nullable Throwable failure, Object... values) {
        LoggingEvent event = new LoggingEvent("", context.getLogger(logger), Level.WARN, template, failure, values);
        event.setThreadName("main");
        return event;
    }

    private String encoded(Encoder<ILoggingEvent> encoder, LoggingEvent event) {
        return new String(encoder.encode(event), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource({
        "text, io.tidegate.X, key={}",
        "text, io.tidegate.X, a bad record why=\"{}\"",
        "text, io.tidegate.X, said {} and no more",
        "text, org.apache.kafka.X, said {} and no more",
        "json, io.tidegate.X, key={}",
        "json, org.apache.kafka.X, said {} and no more"
    })
    void contentIsOnOneLineWithoutControls(String format, String logger, String template) {
        String line = encoded(encoder(format), event(logger, template, null, FORGED));

        assertThat(line.strip())
                .doesNotContainPattern("[\\p{Cntrl}\u0085\u2028\u202e]")
                .containsPattern("a\\\\+n2026");
    }

    @Test
    void aLibrarysMessageIsQuotedToo() {
        String line = encoded(encoder("text"), event("org.eclipse.jetty.X", "got " + FORGED, null));

        assertThat(line.strip()).doesNotContainPattern("\\p{Cntrl}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"text", "json"})
    void contentIsShortened(String format) {
        String large = "x".repeat(900_000);
        Encoder<ILoggingEvent> encoder = encoder(format);
        for (LoggingEvent event : List.of(
                event("io.tidegate.X", "a key={}", null, large),
                event("io.tidegate.X", "a key={} why=\"{}\"", null, large, "it says " + large),
                event("io.tidegate.X", "a key={}", null, "x ".repeat(450_000)),
                event("org.apache.kafka.X", "got " + large, null),
                event("io.tidegate.X", "failed", new IllegalStateException(large, new IOException(large))))) {
            String line = encoded(encoder, event);
            assertThat(line).doesNotContain("x".repeat(201));
            assertThat(line.lines()
                            .filter(one -> !one.startsWith("\tat "))
                            .mapToInt(String::length)
                            .max())
                    .as(event.getMessage())
                    .satisfies(
                            length -> assertThat(length.orElse(0)).isLessThan(format.equals("json") ? 20_000 : 1_500));
        }
    }

    /** A remedy at the end of a message is part of it, not quoted content. */
    @ParameterizedTest
    @ValueSource(strings = {"failed why=\"{}\"", "stopped: {}", "{}"})
    void aMessageThatEndsWithARemedyIsNotShortened(String template) {
        String why =
                "reading from 127.0.0.1:1: no answer within 30 s. Is the broker up, is its security as set here, and can"
                        + " the address that it advertises (advertised.listeners) be reached from here? TIDEGATE_LOG_LEVEL=INFO"
                        + " shows each attempt";

        assertThat(encoded(encoder("text"), event("io.tidegate.X", template, null, why)))
                .contains(why);
    }

    @Test
    void aStackTraceKeepsItsLinesAndItsMessageIsQuoted() {
        String lines = encoded(encoder("text"), event("io.tidegate.X", "failed", new IllegalStateException(FORGED)));

        assertThat(lines.lines().filter(line -> line.startsWith("\tat ")).count())
                .isGreaterThan(3);
        assertThat(lines.lines().filter(line -> line.startsWith("2026-11-25"))).isEmpty();
        assertThat(lines).contains("java.lang.IllegalStateException: a\\n2026").doesNotContain("\u001b");
    }

    @ParameterizedTest
    @ValueSource(strings = {"text", "json"})
    void aSourceThatWritesTooMuchIsCountedInstead(String format) throws IOException {
        Encoder<ILoggingEvent> encoder = encoder(format);
        StringBuilder log = new StringBuilder();
        for (int i = 0; i < 100_000; i++) {
            LoggingEvent event = event("io.tidegate.X", "a bad record offset={}", null, i);
            event.setTimeStamp(1_000_000 + i / 1_000);
            log.append(encoded(encoder, event));
        }
        LoggingEvent other = event("io.tidegate.X", "something else", null);
        other.setTimeStamp(1_000_100);
        log.append(encoded(encoder, other));
        LoggingEvent later = event("io.tidegate.X", "a bad record offset={}", null, 100_000);
        later.setTimeStamp(1_001_000);
        String last = encoded(encoder, later);

        assertThat(log.toString().lines().count()).isEqualTo(LogVolume.BURST_LINES + 1);
        assertThat(log).contains("something else");
        assertThat(last.lines()).hasSize(2);
        if (format.equals("json")) {
            JsonNode count = new JsonMapper().readTree(last.lines().findFirst().orElseThrow());
            assertThat(count.path("lines").asInt()).isEqualTo(100_000 - LogVolume.BURST_LINES);
        } else {
            assertThat(last).contains("lines=" + (100_000 - LogVolume.BURST_LINES));
        }
    }

    @Test
    void theLogBeginsWithTheQuotingLayout() throws IOException {
        assertThat(Files.readString(Path.of("src", "main", "resources", "logback.xml")))
                .contains("<encoder class=\"" + QuotingLayout.class.getName() + "\">")
                .contains("<logger name=\"org.eclipse.jetty.http\" level=\"ERROR\" />");
    }
}
