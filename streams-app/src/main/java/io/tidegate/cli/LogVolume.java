package io.tidegate.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import java.io.ByteArrayOutputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * Bounds the log volume of each source, so that untrusted input cannot fill a disk. A source is the template of a message, or
 * the logger of a library. It may write a burst, then a few lines per second; further lines are dropped and counted, and the
 * count is logged as a separate line. Debug output is not bounded. Uses the time of the events. Thread-safe.
 */
final class LogVolume {
    static final int BURST_LINES = 200;
    private static final int LINES_PER_SECOND = 2;
    private static final int SOURCES_MAX = 1_000;
    private static final long MS_PER_LINE = 1_000 / LINES_PER_SECOND;

    private static final class Source {
        private long lines = BURST_LINES;
        private long refilledMs;
        private long leftOut;

        private Source(long nowMs) {
            refilledMs = nowMs;
        }
    }

    /** Evicts the source that has been silent longest. */
    private final Map<String, Source> sources = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Source> eldest) {
            return size() > SOURCES_MAX;
        }
    };

    /**
     * Returns the encoded event with the number of events dropped before it, or nothing if its source has used up its budget.
     */
    byte[] encode(ILoggingEvent event, LoggerContext context, Function<ILoggingEvent, byte[]> form) {
        long leftOut = take(event);
        if (leftOut == 0) {
            return form.apply(new QuotedEvent(event));
        }
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        if (leftOut > 0) {
            lines.writeBytes(form.apply(new QuotedEvent(new LoggingEvent(
                    LogVolume.class.getName(),
                    context.getLogger(LogVolume.class),
                    Level.WARN,
                    "a source wrote too many lines, some were left out source={} lines={}",
                    null,
                    new Object[] {event.getLoggerName(), leftOut}))));
            lines.writeBytes(form.apply(new QuotedEvent(event)));
        }
        return lines.toByteArray();
    }

    /** Takes a line of the source's budget. Returns the number of lines dropped before it; -1 if it must be dropped too. */
    private synchronized long take(ILoggingEvent event) {
        if (!event.getLevel().isGreaterOrEqual(Level.INFO)) {
            return 0;
        }
        String name = QuotedEvent.isOwn(event) ? event.getLoggerName() + event.getMessage() : event.getLoggerName();
        Source source = sources.computeIfAbsent(name, key -> new Source(event.getTimeStamp()));
        long refill = Math.max(0, event.getTimeStamp() - source.refilledMs) / MS_PER_LINE;
        source.lines = Math.min(BURST_LINES, source.lines + refill);
        source.refilledMs += refill * MS_PER_LINE;
        if (source.lines == 0) {
            source.leftOut++;
            return -1;
        }
        source.lines--;
        long leftOut = source.leftOut;
        source.leftOut = 0;
        return leftOut;
    }
}
