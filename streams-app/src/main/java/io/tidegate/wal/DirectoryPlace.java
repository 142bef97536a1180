package io.tidegate.wal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * The place of a data directory in its file system, by which a copy is told from the original: the number that the file system
 * gave to the directory. A renamed directory keeps it; a clone of a whole volume has it too.
 */
final class DirectoryPlace {
    private final Path directory;
    private final Path path;
    private final DurableFiles files;

    /**
     * @param directory the directory whose number counts
     * @param path the file that stores it
     */
    DirectoryPlace(Path directory, Path path, DurableFiles files) {
        this.directory = directory;
        this.path = path;
        this.files = files;
    }

    /**
     * Returns whether the directory is a copy, made since its place was {@linkplain #store stored}; false if none is stored, or if
     * the file system has no numbers.
     */
    boolean isCopy() throws IOException {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                && !Files.readString(path).strip().equals(number());
    }

    void store() throws IOException {
        String number = number() + "\n";
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)
                || !Files.readString(path).equals(number)) {
            files.replace(path, number.getBytes(StandardCharsets.UTF_8));
        }
    }

    private String number() throws IOException {
        try {
            return Files.getAttribute(directory, "unix:ino", LinkOption.NOFOLLOW_LINKS)
                    .toString();
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            return "none";
        }
    }
}
