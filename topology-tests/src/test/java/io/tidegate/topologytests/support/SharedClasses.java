package io.tidegate.topologytests.support;

import io.tidegate.demo.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/**
 * Lets all JVMs that tests start share one archive of parsed classes (AppCDS), because a short command spends most of its CPU
 * time on loading classes. The first test JVM of a build records the archive while it runs a demo; the others wait for it.
 *
 * <p>Class paths with directories, such as those of an IDE, cannot be archived; tests then run without an archive.
 */
public final class SharedClasses implements LauncherSessionListener {
    private static final long WITHIN_MINUTES = 3;

    @Override
    public void launcherSessionOpened(LauncherSession session) {
        List<String> archivable = ChildJvm.classPath().stream()
                .takeWhile(entry -> entry.endsWith(".jar"))
                .toList();
        if (archivable.stream().noneMatch(jar -> jar.endsWith("tidegate.jar"))) {
            return;
        }
        Path archive = Path.of("target", "shared-classes.jsa").toAbsolutePath();
        try (FileChannel lock = FileChannel.open(
                archive.resolveSibling("shared-classes.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            var unused = lock.lock();
            if (Files.notExists(archive)) {
                record(archive, archivable);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        // Short-lived programs gain nothing from the optimising compiler.
        // A JVM that the archive does not fit would report this on stdout, in the middle of a command's output.
        System.setProperty(
                ChildJvm.OPTIONS,
                String.join(
                        "\n",
                        "-XX:TieredStopAtLevel=1",
                        "-Xshare:auto",
                        "-Xlog:disable",
                        "-XX:SharedArchiveFile=" + archive));
    }

    private static void record(Path archive, List<String> classPath) throws IOException, InterruptedException {
        Path recorded = archive.resolveSibling("shared-classes.recorded");
        Path log = archive.resolveSibling("shared-classes.log");
        Process demo = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:ArchiveClassesAtExit=" + recorded,
                        "-cp",
                        String.join(File.pathSeparator, classPath),
                        "io.tidegate.cli.Tidegate",
                        "demo",
                        "--duration",
                        "5s",
                        "--http-port",
                        "0")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        if (!demo.waitFor(WITHIN_MINUTES, TimeUnit.MINUTES) || demo.exitValue() != 0) {
            demo.destroyForcibly();
            throw new IOException("the demo that records an archive of classes failed; see " + log);
        }
        Files.move(recorded, archive, StandardCopyOption.ATOMIC_MOVE);
    }
}
