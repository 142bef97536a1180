package io.tidegate.demo;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** How this program starts another JVM like its own: the same Java, the same class path. */
public final class ChildJvm {
    /** A system property: more options for each child JVM, one a line. Default: none. */
    public static final String OPTIONS = "tidegate.child.options";

    /** From here on Java wants it said that native libraries are used, as RocksDB and the compressions are. */
    private static final int NATIVE_ACCESS_SINCE = 24;

    private ChildJvm() {}

    /**
     * The beginning of a command, to which the main class and its arguments are to be added.
     *
     * @param options for the JVM, such as {@code -Xmx512m}
     */
    public static List<String> command(String... options) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(options));
        if (Runtime.version().feature() >= NATIVE_ACCESS_SINCE) {
            command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"));
        }
        System.getProperty(OPTIONS, "").lines().forEach(command::add);
        command.addAll(List.of("-cp", String.join(File.pathSeparator, classPath())));
        return command;
    }

    /** This program's own class path, jars first: an archive of parsed classes (AppCDS) begins with jars. */
    public static List<String> classPath() {
        return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .sorted(Comparator.comparing(entry -> !entry.endsWith(".jar")))
                .toList();
    }
}
