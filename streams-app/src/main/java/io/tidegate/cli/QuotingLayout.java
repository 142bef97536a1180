package io.tidegate.cli;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;

/** The log as text: a pattern, of {@linkplain QuotedEvent quoted} events, {@linkplain LogVolume bounded} in their number. */
public final class QuotingLayout extends PatternLayoutEncoder {
    private final LogVolume volume = new LogVolume();

    @Override
    public byte[] encode(ILoggingEvent event) {
        return volume.encode(event, (LoggerContext) getContext(), super::encode);
    }
}
