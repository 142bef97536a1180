package io.tidegate.tools;

import io.tidegate.config.Settings;
import java.util.Set;
import java.util.function.LongSupplier;

/** A replay by the clock of a test. It is in this package because the clock is not public. */
public final class ClockedReplay {
    private ClockedReplay() {}

    public static Replay of(Settings settings, LongSupplier nowNanos) {
        return new Replay(settings, Replay.REPLAYS_MAX_DEFAULT, Replay.PACE_DEFAULT, Set.of(), nowNanos);
    }
}
