package io.tidegate.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that limit an undo. */
final class UndoOptions {
    @Option(
            names = "--to",
            paramLabel = "OFFSET",
            description = "The oldest change to revert, by its offset in `history`. Default: the newest.")
    private @Nullable Long to;

    /** Returns the offset of the oldest change to revert; null = only the newest change. */
    @Nullable
    Long to() {
        return to;
    }
}
