package io.tidegate.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.OutputStreamAppender;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.spi.FilterReply;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import net.logstash.logback.composite.AbstractJsonProvider;
import net.logstash.logback.composite.JsonProviders;
import net.logstash.logback.composite.loggingevent.LogLevelJsonProvider;
import net.logstash.logback.composite.loggingevent.LoggerNameJsonProvider;
import net.logstash.logback.composite.loggingevent.LoggingEventFormattedTimestampJsonProvider;
import net.logstash.logback.composite.loggingevent.LoggingEventThreadNameJsonProvider;
import net.logstash.logback.composite.loggingevent.StackTraceJsonProvider;
import net.logstash.logback.encoder.LoggingEventCompositeJsonEncoder;
import org.slf4j.LoggerFactory;

/**
 * The format of log lines: text for people, or one JSON object per line for programs.
 *
 * <p>A log statement names its values in its template, {@code "cut a torn tail tenant={} bytes={}"}. The text form prints it
 * unchanged; in JSON, each named value is a separate field. The names are a fixed set, documented in {@code docs/logs.md}.
 */
final class Logging {
    /** Warnings that Kafka logs at each start about deliberate choices of Tidegate. */
    private static final Map<String, List<String>> HARMLESS = Map.of(
            "org.apache.kafka.streams.StreamsConfig",
            List.of(
                    // No warmup replicas are configured: the warning is about the default.
                    "Warmup replicas are not supported yet with the streams protocol",
                    // The only global processor reads configs, and throws no exception for any record.
                    "Processing exception handler is not enabled for the GlobalThread"));

    private Logging() {}

    /** @param format {@code text}, {@code json}, or {@code auto}: JSON in a container without a terminal */
    static void use(String format) {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext context) {
            boolean json = format.equals("json") || (format.equals("auto") && inContainer() && !onTerminal());
            Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
            for (Iterator<Appender<ILoggingEvent>> all = root.iteratorForAppenders(); all.hasNext(); ) {
                if (all.next() instanceof OutputStreamAppender<ILoggingEvent> appender) {
                    if (json) {
                        appender.setEncoder(encoder(context));
                    }
                    if (appender.getCopyOfAttachedFiltersList().isEmpty()) {
                        appender.addFilter(withoutHarmless());
                    }
                }
            }
        }
    }

    private static boolean inContainer() {
        return Files.exists(Path.of("/.dockerenv"))
                || Files.exists(Path.of("/run/.containerenv"))
                || System.getenv("KUBERNETES_SERVICE_HOST") != null;
    }

    /** Returns whether the log goes to a terminal. The launcher determines this, because Java's console ignores standard error. */
    private static boolean onTerminal() {
        return Progress.isTerminal();
    }

    /** Writes {@code time}, {@code level}, {@code logger}, {@code thread}, {@code message}, named values, {@code stack_trace}. */
    static LoggingEventCompositeJsonEncoder encoder(LoggerContext context) {
        LoggingEventFormattedTimestampJsonProvider time = new LoggingEventFormattedTimestampJsonProvider();
        time.setFieldName("time");
        time.setTimeZone("UTC");
        time.setPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'");
        LoggerNameJsonProvider logger = new LoggerNameJsonProvider();
        logger.setFieldName("logger");
        LoggingEventThreadNameJsonProvider thread = new LoggingEventThreadNameJsonProvider();
        thread.setFieldName("thread");
        JsonProviders<ILoggingEvent> providers = new JsonProviders<>();
        providers.addProvider(time);
        providers.addProvider(new LogLevelJsonProvider());
        providers.addProvider(logger);
        providers.addProvider(thread);
        providers.addProvider(new NamedValues());
        providers.addProvider(new StackTraceJsonProvider());
        LoggingEventCompositeJsonEncoder encoder = new QuotingJson();
        encoder.setContext(context);
        encoder.setProviders(providers);
        encoder.start();
        return encoder;
    }

    /** The JSON counterpart of {@link QuotingLayout}. */
    private static final class QuotingJson extends LoggingEventCompositeJsonEncoder {
        private final LogVolume volume = new LogVolume();

        @Override
        public byte[] encode(ILoggingEvent event) {
            return volume.encode(event, (LoggerContext) getContext(), super::encode);
        }
    }

    private static Filter<ILoggingEvent> withoutHarmless() {
        Filter<ILoggingEvent> filter = new Filter<>() {
            @Override
            public FilterReply decide(ILoggingEvent event) {
                return event.getLevel() == Level.WARN
                                && HARMLESS.getOrDefault(event.getLoggerName(), List.of()).stream()
                                        .anyMatch(event.getFormattedMessage()::startsWith)
                        ? FilterReply.DENY
                        : FilterReply.NEUTRAL;
            }
        };
        filter.start();
        return filter;
    }

    /** Adds the message, and each {@code name={}} of its template as a field. Messages of libraries are left unchanged. */
    private static final class NamedValues extends AbstractJsonProvider<ILoggingEvent> {
        @Override
        public void writeTo(JsonGenerator json, ILoggingEvent event) throws IOException {
            Object[] values = event.getArgumentArray();
            if (values == null || !QuotedEvent.isOwn(event)) {
                json.writeStringField("message", event.getFormattedMessage());
                return;
            }
            StringBuilder message = new StringBuilder();
            Matcher place = QuotedEvent.PLACE.matcher(event.getMessage());
            int index = 0;
            while (place.find()) {
                String text = index < values.length ? String.valueOf(values[index]) : "{}";
                String name = place.group(1);
                if (name == null) {
                    String quote = place.group(2);
                    place.appendReplacement(message, Matcher.quoteReplacement(quote + text + quote));
                } else {
                    place.appendReplacement(message, "");
                    if (index < values.length && values[index] instanceof Number number) {
                        json.writeNumberField(name, number.longValue());
                    } else {
                        json.writeStringField(name, text);
                    }
                }
                index++;
            }
            place.appendTail(message);
            json.writeStringField("message", message.toString());
        }
    }

    /**
     * Enables the warnings of Kafka's clients. Commands that only send requests keep them disabled: a broker that does not
     * answer is one error, not a warning for each attempt.
     */
    static void showClientWarnings() {
        ((Logger) LoggerFactory.getLogger("org.apache.kafka.clients")).setLevel(Level.WARN);
    }
}
