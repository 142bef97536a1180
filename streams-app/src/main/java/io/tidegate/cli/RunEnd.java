package io.tidegate.cli;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.KafkaAnswers;
import io.tidegate.streams.DamagedStateException;
import io.tidegate.streams.RepeatedFailureException;
import io.tidegate.wal.WalException;

/**
 * The report of an instance that ended by itself: one line with the cause, its place and the remedy, and the process's exit
 * code.
 */
record RunEnd(int exitCode, String sentence) {
    static RunEnd of(Throwable failure) {
        String what = ErrorText.of(failure);
        if (failure instanceof WalException wal) {
            // The message contains the place and the remedy. A restart alone meets the same files and records.
            int exitCode = switch (wal.kind()) {
                case DAMAGE, GAP, DIFFERS -> ExitCodes.DAMAGE;
                case IO, REJECTED -> ExitCodes.FAILED;
            };
            return new RunEnd(exitCode, "stopped: " + what);
        }
        if (failure instanceof DamagedStateException) {
            return new RunEnd(ExitCodes.DAMAGE, "stopped: " + what);
        }
        if (failure instanceof RepeatedFailureException) {
            return new RunEnd(ExitCodes.FAILED, "stopped: " + what);
        }
        if (failure instanceof AdminException) {
            return new RunEnd(
                    ExitCodes.FAILED,
                    "stopped because of the topics: %s. When that is fixed, start the instance again".formatted(what));
        }
        if (KafkaAnswers.isCausedBy(failure, OutOfMemoryError.class)) {
            return new RunEnd(ExitCodes.FAILED, "stopped: " + what);
        }
        return new RunEnd(
                ExitCodes.FAILED,
                "stopped: %s. The log has the details. Start the instance again: it continues at the committed offsets; if it stops again, report it with the log"
                        .formatted(what));
    }
}
