package io.tidegate.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How far `undo` goes back. */
final class UndoOptions {
    @Option(
            names = "--to",
            paramLabel = "OFFSET",
            description = "The oldest change to take back, by its offset in `history`. Default: the newest.")
    private @Nullable Long to;

    /** The offset of the oldest change to take back; null = the newest change alone. */
    @Nullable
    Long to() {
        return to;
    }
}
