package io.tidegate.wal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * The place of a data directory in its file system, which distinguishes a copy from the original: the number that the file system
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

    boolean exists() {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    /** Returns whether the stored place is that of the directory. Without numbers in the file system, all places are the same. */
    boolean isStored() throws IOException {
        return exists() && Files.readString(path).strip().equals(number());
    }

    void store() throws IOException {
        files.replace(path, (number() + "\n").getBytes(StandardCharsets.UTF_8));
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
