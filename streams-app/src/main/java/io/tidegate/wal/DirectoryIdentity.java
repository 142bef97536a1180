package io.tidegate.wal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The identity file of a data directory: the cluster, topic and application that its files belong to. */
final class DirectoryIdentity {
    private static final String FORMAT_NAME = "format";

    /**
     * The version of the layout. In version 1, a third stage wrote the WAL, and Kafka Streams' state was laid out for
     * it.
     */
    private static final String FORMAT = "2";

    private final Path root;
    private final Path path;
    private final DurableFiles files;

    /**
     * @param root the data directory
     * @param path the identity file
     */
    DirectoryIdentity(Path root, Path path, DurableFiles files) {
        this.root = root;
        this.path = path;
        this.files = files;
    }

    boolean exists() {
        return Files.exists(path);
    }

    /**
     * Writes the identity at the first start, and compares it at each later one.
     *
     * @param identity names and values, such as the ids of the cluster and the topic
     * @throws WalException naming the difference and the remedy
     */
    void bind(Map<String, String> identity) {
        Map<String, String> expected = new TreeMap<>(identity);
        expected.put(FORMAT_NAME, FORMAT);
        try {
            if (exists()) {
                compare(expected, read());
                return;
            }
            write(expected);
        } catch (IOException e) {
            throw WalException.io("reading", path, e);
        }
    }

    /** Returns the values without the format; empty if there is no identity. */
    Map<String, String> values() throws IOException {
        Map<String, String> values = exists() ? read() : new TreeMap<>();
        values.remove(FORMAT_NAME);
        return values;
    }

    void write(Map<String, String> values) throws IOException {
        StringBuilder text = new StringBuilder();
        new TreeMap<>(values)
                .forEach((name, value) ->
                        text.append(name).append('=').append(value).append('\n'));
        files.replace(path, text.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Checks a part of the identity.
     *
     * @throws WalException naming the difference, or that the directory has no identity
     */
    void require(Map<String, String> part) {
        try {
            if (!exists()) {
                throw WalException.rejected(
                        ("the directory %s has files with names such as Tidegate's, and no %s: no instance has used it. Name the data"
                                        + " directory of an instance with --data-dir")
                                .formatted(root, path));
            }
            compare(new TreeMap<>(part), read());
        } catch (IOException e) {
            throw WalException.io("reading", path, e);
        }
    }

    private Map<String, String> read() throws IOException {
        Map<String, String> found = new TreeMap<>();
        for (String line : Files.readAllLines(path)) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                found.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        return found;
    }

    private void compare(Map<String, String> expected, Map<String, String> found) {
        String format = valueOf(FORMAT_NAME, found);
        if (expected.containsKey(FORMAT_NAME) && !format.equals(FORMAT)) {
            throw WalException.rejected(
                    ("the data directory %s has format %s, and this version of Tidegate works with format"
                                    + " %s: another version wrote the state in it. Move it away, or set data.dir to an empty"
                                    + " directory: the files are rebuilt from signals-accepted, and the state from its changelogs")
                            .formatted(root, format, FORMAT));
        }
        expected.forEach((name, value) -> {
            String actual = valueOf(name, found);
            if (!value.equals(actual)) {
                throw WalException.rejected(
                        ("the data directory %s does not match the settings: its %s is %s, here it is"
                                        + " %s. Give the settings of its instance (--config), or point data.dir at the right directory or at an empty"
                                        + " one; from an empty one the files are rebuilt from signals-accepted")
                                .formatted(root, name, actual, value));
            }
        });
    }

    private String valueOf(String name, Map<String, String> found) {
        String value = found.get(name);
        if (value == null) {
            throw WalException.rejected(
                    ("the file %s is damaged: it has no %s. Move the data directory %s away (keep it), or"
                                    + " set data.dir to an empty directory: the files are rebuilt from signals-accepted, and the"
                                    + " state from its changelogs")
                            .formatted(path, name, root));
        }
        return value;
    }
}
