package io.tidegate.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.LoggerContextVO;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Marker;
import org.slf4j.event.KeyValuePair;
import org.slf4j.helpers.MessageFormatter;

/**
 * A log event with its values, message and exceptions {@linkplain QuotedText quoted}. Both log formats use it, so no text
 * reaches a line unquoted. The lines of a stack trace stay separate.
 */
final class QuotedEvent implements ILoggingEvent {
    private static final String OWN = "io.tidegate";

    /** A placeholder in a template, with the name of its value if it has one. */
    static final Pattern PLACE = Pattern.compile("(?:(?:^| )([a-z_]+)=)?(\"?)\\{}\\2");

    private final ILoggingEvent event;
    private final Object @Nullable [] values;
    private final String message;

    QuotedEvent(ILoggingEvent event) {
        this.event = event;
        this.values = quoted(event);
        this.message = isOwn(event)
                ? MessageFormatter.basicArrayFormat(event.getMessage(), values)
                : QuotedText.sentence(String.valueOf(event.getFormattedMessage()));
    }

    static boolean isOwn(ILoggingEvent event) {
        return event.getLoggerName().startsWith(OWN);
    }

    private static Object @Nullable [] quoted(ILoggingEvent event) {
        Object[] values = event.getArgumentArray();
        if (values == null) {
            return null;
        }
        Object[] quoted = new Object[values.length];
        String template = String.valueOf(event.getMessage());
        Matcher place = PLACE.matcher(template);
        for (int i = 0; i < values.length; i++) {
            boolean isSentence = place.find() && isSentence(template, place);
            String text = String.valueOf(values[i]);
            quoted[i] = values[i] instanceof Number || values[i] instanceof Boolean
                    ? values[i]
                    : isSentence ? QuotedText.sentence(text) : QuotedText.value(text);
        }
        return quoted;
    }

    /**
     * Returns whether a placeholder takes a sentence: named {@code why}, or unnamed at the beginning or after a colon. It may
     * end with a remedy.
     */
    private static boolean isSentence(String template, Matcher place) {
        String name = place.group(1);
        return name == null ? place.start() == 0 || template.startsWith(": ", place.start() - 2) : name.equals("why");
    }

    @Override
    public Object @Nullable [] getArgumentArray() {
        return values;
    }

    @Override
    public String getFormattedMessage() {
        return message;
    }

    @Override
    public @Nullable IThrowableProxy getThrowableProxy() {
        IThrowableProxy thrown = event.getThrowableProxy();
        return thrown == null ? null : new QuotedThrowable(thrown);
    }

    @Override
    public String getThreadName() {
        return event.getThreadName();
    }

    @Override
    public Level getLevel() {
        return event.getLevel();
    }

    @Override
    public String getMessage() {
        return event.getMessage();
    }

    @Override
    public String getLoggerName() {
        return event.getLoggerName();
    }

    @Override
    public LoggerContextVO getLoggerContextVO() {
        return event.getLoggerContextVO();
    }

    @Override
    public StackTraceElement[] getCallerData() {
        return event.getCallerData();
    }

    @Override
    public boolean hasCallerData() {
        return event.hasCallerData();
    }

    @Override
    public List<Marker> getMarkerList() {
        return event.getMarkerList();
    }

    @Override
    public Map<String, String> getMDCPropertyMap() {
        return event.getMDCPropertyMap();
    }

    @Deprecated
    @Override
    public Map<String, String> getMdc() {
        return event.getMDCPropertyMap();
    }

    @Override
    public long getTimeStamp() {
        return event.getTimeStamp();
    }

    @Override
    public Instant getInstant() {
        return event.getInstant();
    }

    @Override
    public int getNanoseconds() {
        return event.getNanoseconds();
    }

    @Override
    public long getSequenceNumber() {
        return event.getSequenceNumber();
    }

    @Override
    public List<KeyValuePair> getKeyValuePairs() {
        return event.getKeyValuePairs();
    }

    @Override
    public void prepareForDeferredProcessing() {
        event.prepareForDeferredProcessing();
    }

    /** An exception whose message and causes are quoted. */
    private record QuotedThrowable(IThrowableProxy thrown) implements IThrowableProxy {
        @Override
        public @Nullable String getMessage() {
            String message = thrown.getMessage();
            return message == null ? null : QuotedText.sentence(message);
        }

        @Override
        public String getClassName() {
            return thrown.getClassName();
        }

        @Override
        public StackTraceElementProxy[] getStackTraceElementProxyArray() {
            return thrown.getStackTraceElementProxyArray();
        }

        @Override
        public int getCommonFrames() {
            return thrown.getCommonFrames();
        }

        @Override
        public @Nullable IThrowableProxy getCause() {
            return thrown.getCause() == null ? null : new QuotedThrowable(thrown.getCause());
        }

        @Override
        public IThrowableProxy[] getSuppressed() {
            IThrowableProxy[] suppressed = thrown.getSuppressed();
            IThrowableProxy[] quoted = new IThrowableProxy[suppressed == null ? 0 : suppressed.length];
            for (int i = 0; i < quoted.length; i++) {
                quoted[i] = new QuotedThrowable(suppressed[i]);
            }
            return quoted;
        }

        @Override
        public boolean isCyclic() {
            return thrown.isCyclic();
        }
    }
}
