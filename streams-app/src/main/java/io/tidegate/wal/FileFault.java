package io.tidegate.wal;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;

/** Describes file errors in words: the messages of Java's exceptions are class names and paths. */
public final class FileFault {
    private FileFault() {}

    /** Whether a file could not be created or extended because space, inodes or the user's quota are used up. */
    static boolean isFull(IOException failure) {
        String reason = describe(failure).toLowerCase(Locale.ROOT);
        return reason.contains("no space left") || reason.contains("quota exceeded");
    }

    public static String describe(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return "it does not exist";
        }
        if (failure instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (failure instanceof CharacterCodingException) {
            return "it is not UTF-8";
        }
        if (failure instanceof FileSystemException system && system.getReason() != null) {
            return system.getReason();
        }
        return failure.getMessage() == null ? "the operating system gives no reason" : failure.getMessage();
    }
}
