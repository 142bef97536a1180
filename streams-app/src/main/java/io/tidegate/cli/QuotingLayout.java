package io.tidegate.cli;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;

/**
 * The text form of the log: a pattern over {@linkplain QuotedEvent quoted} events, {@linkplain LogVolume bounded} in number.
 */
public final class QuotingLayout extends PatternLayoutEncoder {
    private final LogVolume volume = new LogVolume();

    @Override
    public byte[] encode(ILoggingEvent event) {
        return volume.encode(event, (LoggerContext) getContext(), super::encode);
    }
}
