package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The script {@code tidegate}, with stubs for Java and Maven that print their arguments. */
class LauncherTest {
    private static final int SECONDS_MAX = 60;

    @TempDir
    private Path root;

    private Path programs;

    @BeforeEach
    void replaceJava() throws IOException {
        programs = Files.createDirectories(root.resolve("programs"));
        program("java", """
                case "$*" in *-version*) echo ' java.specification.version = 17' >&2; exit 0 ;; esac
                echo "charmap $(locale charmap)"
                printf '%s\\n' "$@"
                """);
    }

    private void program(String name, String script) throws IOException {
        Path file = Files.writeString(programs.resolve(name), "#!/bin/sh\n" + script);
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    /** Lays out the files of a package; returns its launcher. */
    private Path unpacked() throws IOException {
        Path home = Files.createDirectories(root.resolve("tidegate-0.1.0"));
        addLibraries(home);
        return launcher(Files.createDirectories(home.resolve("bin")));
    }

    private Path image() throws IOException {
        Path launcher = unpacked();
        Files.writeString(launcher.resolve("../../libraries.jsa").normalize(), "archive");
        return launcher;
    }

    private Path checkout() throws IOException {
        addLibraries(Files.createDirectories(root.resolve("checkout/streams-app/target/dist")));
        return launcher(root.resolve("checkout"));
    }

    private static void addLibraries(Path dist) throws IOException {
        Files.createDirectories(dist.resolve("lib"));
        Files.writeString(dist.resolve("tidegate.jar"), "");
        Files.writeString(dist.resolve("lib/b.jar"), "");
        Files.writeString(dist.resolve("lib/a.jar"), "");
    }

    private static Path launcher(Path directory) throws IOException {
        return Files.copy(Path.of("../tidegate"), directory.resolve("tidegate"));
    }

    private record Run(int exit, String out, String err) {
        String after(String option) {
            List<String> lines = out.lines().toList();
            return lines.get(lines.indexOf(option) + 1);
        }
    }

    private Run run(Path launcher, Map<String, String> environment, String... arguments) throws Exception {
        Map<String, String> all = new HashMap<>(Map.of("PATH", programs + ":" + System.getenv("PATH")));
        all.put("XDG_CACHE_HOME", root.resolve("cache").toString());
        all.putAll(environment);
        List<String> command = new ArrayList<>(List.of("bash", launcher.toString()));
        command.addAll(List.of(arguments));
        Path err = root.resolve("stderr");
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(err.toFile());
        builder.environment().clear();
        builder.environment().putAll(all);
        Process process = builder.start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)).isTrue();
        return new Run(process.exitValue(), out, Files.readString(err));
    }

    @ParameterizedTest
    @CsvSource({
        "LANG,",
        "LANG,C",
        "LC_ALL,POSIX",
        "LANG,en_US.UTF-8-not-installed",
        "LC_CTYPE,en_US.ISO-8859-1",
        "LC_ALL,de_DE.UTF-8-not-installed"
    })
    void javaStartsWithUtf8WhateverTheLocale(String name, String value) throws Exception {
        Map<String, String> environment = Map.of(name, value == null ? "" : value);

        for (Path launcher : List.of(unpacked(), checkout())) {
            Run run = run(launcher, environment, "wal", "ls");

            assertThat(run.out()).as(run.err()).contains("charmap UTF-8\n");
            assertThat(run.exit()).isZero();
        }
    }

    /** The JVM does not start with two collectors. */
    @ParameterizedTest
    @CsvSource({
        "-XX:+UseG1GC,                false",
        "-XX:+UseZGC -Xmx1g,          false",
        "-Xmx1g -XX:+UseShenandoahGC, false",
        "-XX:+UseParallelGC,          false",
        "-XX:+UseGCOverheadLimit,     true",
        "-Xmx1g,                      true"
    })
    void theCollectorOfTheUserReplacesThatOfTheLauncher(String options, boolean isAdded) throws Exception {
        Path launcher = unpacked();
        for (String variable : List.of("TIDEGATE_JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")) {
            for (String command : List.of("run", "tenants", "verify")) {
                Run run = run(launcher, Map.of(variable, options), command);

                String collector = command.equals("run") ? "-XX:+UseParallelGC" : "-XX:+UseSerialGC";
                List<String> given = List.of(options.split(" "));
                long expected = isAdded || (given.contains(collector) && variable.equals("TIDEGATE_JAVA_OPTS")) ? 1 : 0;
                assertThat(run.out().lines().filter(collector::equals).count())
                        .as("%s=%s tidegate %s", variable, options, command)
                        .isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1.8.0_392, 8", "11.0.21, 11"})
    void anOldJavaIsNamedByItsVersion(String release, String version) throws Exception {
        Files.writeString(programs.resolveSibling("release"), "JAVA_VERSION=\"%s\"\n".formatted(release));

        Run run = run(unpacked(), Map.of(), "run");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("is Java %s: 17 or later is needed".formatted(version));
    }

    @Test
    void javaNeverTakesAFileOfItsOwnForAClosedStandardInput() throws Exception {
        program("java", """
                case "$*" in *-version*) echo ' java.specification.version = 17' >&2; exit 0 ;; esac
                readlink /proc/self/fd/0
                """);
        Path closing = Files.writeString(root.resolve("closing"), "exec bash '%s' \"$@\" <&-".formatted(unpacked()));

        Run run = run(closing, Map.of(), "tenants", "apply", "-f", "-");

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.out()).isEqualTo("/dev/null\n");
    }

    @Test
    void messagesOfACheckoutNameItsLauncher() throws Exception {
        assertThat(run(checkout(), Map.of(), "demo").out()).contains("-Dtidegate.command=./tidegate\n");
        assertThat(run(unpacked(), Map.of(), "demo").out()).doesNotContain("tidegate.command");
    }

    @Test
    void thePackageRunsThroughALinkFromAnyDirectory() throws Exception {
        Path home = unpacked().resolve("../..").normalize();
        Path link = Files.createSymbolicLink(root.resolve("linked"), home.resolve("bin/tidegate"));

        Run run = run(link, Map.of(), "wal", "ls");

        assertThat(run.after("-cp"))
                .isEqualTo("%1$s/tidegate.jar:%1$s/lib/a.jar:%1$s/lib/b.jar".formatted(home.toRealPath()));
        assertThat(run.out()).endsWith("io.tidegate.cli.Tidegate\nwal\nls\n");
        assertThat(run.err()).isEmpty();
    }

    @Test
    void theImageUsesItsArchiveAndGivesAnInstanceMostOfTheMemory() throws Exception {
        Path home = image().resolve("../..").normalize();

        Run instance = run(home.resolve("bin/tidegate"), Map.of("TIDEGATE_DATA_DIR", root.toString()), "run");
        Run command = run(home.resolve("bin/tidegate"), Map.of(), "wal", "ls");

        // The archive contains the libraries, so they come first.
        assertThat(instance.after("-cp")).endsWith("/lib/b.jar:" + home.toRealPath() + "/tidegate.jar");
        assertThat(instance.out())
                .contains("-XX:SharedArchiveFile=" + home.toRealPath() + "/libraries.jsa\n")
                .contains("-XX:MaxRAMPercentage=60\n", "-XX:+UseParallelGC\n");
        assertThat(command.out()).contains("libraries.jsa\n").doesNotContain("MaxRAMPercentage");
    }

    @Test
    void theImageNamesTheDirectoryThatItsUserCannotWriteTo() throws Exception {
        Run run = run(image(), Map.of("TIDEGATE_DATA_DIR", "/proc/none"), "run");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains("cannot write to /proc/none: run the image in group 0");
        assertThat(run.out()).isEmpty();
    }

    /** A JVM with the option for an archive that does not exist would not use its default archive either. */
    @Test
    void withoutAnArchiveNoneIsNamed() throws Exception {
        assertThat(run(unpacked(), Map.of(), "wal", "ls").out()).doesNotContain("SharedArchiveFile");
        assertThat(root.resolve("cache")).doesNotExist();
    }

    @Test
    void thePackageUsesTheArchiveInTheCacheOfItsUser() throws Exception {
        Path launcher = unpacked();
        Files.writeString(launcher.resolve("../../classes").normalize(), "java/lang/Object\n");
        program("java", """
                for argument; do
                  case $argument in -XX:SharedArchiveFile=*) echo archive >"${argument#*=}" ;; esac
                done
                printf '%s\\n' "$@"
                """);
        Files.writeString(programs.resolveSibling("release"), "JAVA_VERSION=\"21.0.1\"\n");

        // `script` provides a terminal. Without one, the launcher prepares no archive.
        Run first = run(terminal(launcher), Map.of());
        Run second = run(launcher, Map.of(), "wal", "ls");

        assertThat(first.out()).contains("preparing a class archive once");
        assertThat(second.out()).contains("-XX:SharedArchiveFile=" + root.resolve("cache/tidegate/classes-"));
        assertThat(second.err()).isEmpty();
    }

    private Path terminal(Path launcher) throws IOException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")));
        return Files.writeString(
                root.resolve("terminal"), "exec script -qec 'bash %s wal ls' /dev/null\n".formatted(launcher));
    }

    @Test
    void aPackageReportsMissingLibraries() throws Exception {
        Path launcher = unpacked();
        Path jar = launcher.getParent().resolveSibling("tidegate.jar").toRealPath();
        Files.delete(jar);

        Run run = run(launcher, Map.of(), "run");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err()).contains(jar.toString(), "unpack the package");
    }

    @Test
    void aBuildShowsItsStepsAndThatItDownloads() throws Exception {
        Path launcher = checkout();
        Path dist = root.resolve("checkout/streams-app/target/dist");
        Files.delete(dist.resolve("tidegate.jar"));
        Files.writeString(root.resolve("checkout/pom.xml"), "");
        program("mvn", """
                echo '[INFO] Scanning for projects...'
                echo '[INFO] Downloading from central: https://example.org/org/one/1/one-1.jar'
                echo '[INFO] Downloaded from central: https://example.org/org/one/1/one-1.jar (2.0 kB at 9 kB/s)'
                echo '[INFO] Downloading from central: https://example.org/org/two/2/two-2.jar'
                echo '[INFO] --- compiler:3.16.0:compile (default-compile) @ streams-app ---'
                echo jar >"%s/tidegate.jar"
                """.formatted(dist));

        Run run = run(launcher, Map.of(), "wal", "ls");

        assertThat(run.err())
                .contains("building Tidegate")
                .contains("  downloading one-1.jar (file 1)")
                .contains("  compiler:3.16.0:compile (default-compile) @ streams-app\n");
        assertThat(run.out()).endsWith("io.tidegate.cli.Tidegate\nwal\nls\n");
        assertThat(run.exit()).isZero();
    }

    @Test
    void aBuildThatFailsShowsMavensOutputWithoutDownloads() throws Exception {
        Path launcher = checkout();
        Files.delete(root.resolve("checkout/streams-app/target/dist/tidegate.jar"));
        Files.writeString(root.resolve("checkout/pom.xml"), "");
        program("mvn", """
                echo '[INFO] Downloaded from central: https://example.org/org/one/1/one-1.jar (2.0 kB at 9 kB/s)'
                echo '[ERROR] something is wrong'
                exit 1
                """);

        Run run = run(launcher, Map.of(), "wal", "ls");

        assertThat(run.exit()).isEqualTo(1);
        assertThat(run.err())
                .contains("[ERROR] something is wrong\n", "tidegate: the build failed")
                .doesNotContain("Downloaded from");
    }
}
