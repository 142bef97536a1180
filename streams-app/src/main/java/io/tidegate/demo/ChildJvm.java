package io.tidegate.demo;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Starts further JVMs like this one: the same Java, the same class path. */
public final class ChildJvm {
    /** A system property: additional options for each child JVM, one per line. Default: none. */
    public static final String OPTIONS = "tidegate.child.options";

    /** From this version on, Java requires an option for native libraries, which RocksDB and the compressions use. */
    private static final int NATIVE_ACCESS_SINCE = 24;

    private ChildJvm() {}

    /**
     * Returns the beginning of a command, to which the main class and its arguments must be added.
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

    /** Returns this program's class path, jars first: an archive of parsed classes (AppCDS) requires this order. */
    public static List<String> classPath() {
        return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .sorted(Comparator.comparing(entry -> !entry.endsWith(".jar")))
                .toList();
    }
}
