package io.tidegate.topologytests.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The package of this build, unpacked in another directory: it is complete, and its commands work without Maven and the checkout.
 * {@code deploy/tests/test-package} also runs a demo from it in a container and compares a second build.
 */
final class PackageTest {
    private static final int SECONDS_MAX = 120;

    @TempDir
    private static Path dir;

    private static Path tar;
    private static Path home;

    private record Result(int exit, String out) {}

    @BeforeAll
    static void unpack() throws Exception {
        Optional<Path> newest;
        try (Stream<Path> files = Files.list(Path.of("../streams-app/target"))) {
            newest = files.filter(file -> file.getFileName().toString().matches("tidegate-.*\\.tar\\.gz"))
                    .max(Comparator.comparingLong(file -> file.toFile().lastModified()));
        }
        assumeTrue(newest.isPresent(), "only the phase `package` builds the package");
        tar = newest.get().toAbsolutePath();
        assertThat(run("tar", "xzf", tar.toString(), "-C", dir.toString()).exit())
                .isZero();
        home = dir.resolve(tar.getFileName().toString().replace(".tar.gz", ""));
        assertThat(run("chmod", "-R", "a-w", home.toString()).exit()).isZero();
    }

    private static Result run(String... command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("XDG_CACHE_HOME", dir.resolve("cache").toString());
        builder.environment().remove("JAVA_TOOL_OPTIONS"); // Java prints a line about it.
        Process process = builder.start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)).isTrue();
        return new Result(process.exitValue(), out);
    }

    private static Result tidegate(String... arguments) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(home.resolve("bin/tidegate").toString()));
        command.addAll(List.of(arguments));
        return run(command.toArray(String[]::new));
    }

    private static List<String> libraries() throws IOException {
        try (Stream<Path> files = Files.list(home.resolve("lib"))) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void theLinksOfItsPagesLeadToItsFiles() throws IOException {
        Pattern link = Pattern.compile("\\]\\(([^)#\\s]+)(#[^)]*)?\\)");
        List<String> dead = new ArrayList<>();
        int found = 0;
        try (Stream<Path> files = Files.walk(home)) {
            for (Path page :
                    files.filter(file -> file.toString().endsWith(".md")).toList()) {
                for (MatchResult one :
                        link.matcher(Files.readString(page)).results().toList()) {
                    found++;
                    boolean isElsewhere = one.group(1).contains(":");
                    if (!isElsewhere && Files.notExists(page.resolveSibling(one.group(1)))) {
                        dead.add("%s: %s".formatted(home.relativize(page), one.group(1)));
                    }
                }
            }
        }
        assertThat(dead).isEmpty();
        assertThat(found).isGreaterThan(100);
        assertThat(home.resolve("examples/python/client.py")).isExecutable();
        // A checkout in which the example was run has its libraries.
        assertThat(home.resolve("examples/node/node_modules")).doesNotExist();
    }

    @Test
    void saysItsVersionAndTheCommitOfItsBuild() throws Exception {
        String version = home.getFileName().toString().replace("tidegate-", "");

        Result result = tidegate("--version");

        assertThat(result.exit()).isZero();
        assertThat(result.out().lines())
                .satisfiesExactly(
                        line -> assertThat(line).isEqualTo("tidegate " + version),
                        line -> assertThat(line)
                                .matches("commit (unknown|[0-9a-f]{12,40}( with uncommitted changes)?)"),
                        line -> assertThat(line).startsWith("Java "),
                        line -> assertThat(line).matches("Kafka client \\d+\\.\\d+\\.\\d+"));
    }

    @Test
    void helpsAndReadsFilesWithoutAWriteIntoItsDirectory() throws Exception {
        assertThat(tidegate("help").out()).startsWith("Usage: tidegate");
        Result ls = tidegate(
                "wal",
                "ls",
                "--data-dir",
                Files.createDirectories(dir.resolve("data/tenants")).getParent().toString());

        assertThat(ls.exit()).as(ls.out()).isZero();
        assertThat(run("find", home.toString(), "-newer", tar.toString(), "-type", "f")
                        .out())
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"bash,tidegate.bash", "zsh,_tidegate", "fish,tidegate.fish"})
    void hasTheCompletionOfItsCommands(String shell, String file) throws Exception {
        assertThat(home.resolve("completion").resolve(file))
                .hasContent(tidegate("completion", shell).out());
    }

    @Test
    void listsTheLicenceOfEachLibrary() throws Exception {
        String licences = Files.readString(home.resolve("THIRD-PARTY.txt"));

        assertThat(libraries()).hasSizeGreaterThan(20).allSatisfy(jar -> {
            String artifact = jar.replaceFirst("-\\d.*", "");
            String version = jar.substring(artifact.length() + 1).replace(".jar", "");
            assertThat(licences).contains(":" + artifact + ":" + version);
        });
        assertThat(home).isDirectoryContaining(file -> file.endsWith("LICENSE"));
        assertThat(home).isDirectoryContaining(file -> file.endsWith("NOTICE"));
    }

    @Test
    void hasABillOfMaterialsOfItsLibrariesWithoutATimeOfTheBuild() throws Exception {
        JsonNode bom = new ObjectMapper().readTree(home.resolve("sbom.json").toFile());
        List<String> components = new ArrayList<>();
        for (JsonNode component : bom.path("components")) {
            components.add("%s-%s.jar"
                    .formatted(
                            component.path("name").asText(),
                            component.path("version").asText()));
        }

        assertThat(bom.path("bomFormat").asText()).isEqualTo("CycloneDX");
        assertThat(components).containsAll(libraries());
        assertThat(bom.at("/metadata/timestamp").asText("2026-01-01T00:00:00Z")).startsWith("2026-01-01T00:00:00");
    }

    /** The package contains nothing that depends on the machine, its user or the time. */
    @Test
    void hasSortedEntriesOfRootWithFixedTimesAndModes() throws Exception {
        List<String> names = run("tar", "tzf", tar.toString()).out().lines().toList();
        Result verbose = run("env", "TZ=UTC", "tar", "tvzf", tar.toString(), "--numeric-owner", "--full-time");

        Map<String, String> modes = Map.of("d", "drwxr-xr-x", "-", "-rw-r--r--");
        TreeSet<String> times = new TreeSet<>();
        assertThat(verbose.out().lines()).hasSizeGreaterThan(40).allSatisfy(line -> {
            String[] columns = line.split(" +", -1);
            boolean isProgram = columns[5].matches(".*/(bin/tidegate|examples/.*/client\\.(sh|js|py))");
            String mode = isProgram ? "-rwxr-xr-x" : modes.get(line.substring(0, 1));
            assertThat(columns[0]).as(line).isEqualTo(mode);
            assertThat(columns[1]).as(line).isEqualTo("0/0");
            times.add(columns[3] + " " + columns[4]);
        });
        assertThat(times).containsExactly("2026-01-01 00:00:00");
        assertThat(names).doesNotHaveDuplicates();
        assertThat(names.stream().filter(name -> name.contains("/lib/") && name.endsWith(".jar")))
                .isSorted();
    }

    @Test
    void hasTheUnitThePagesAndTheFilesForMonitoringAndKubernetes() {
        assertThat(List.of(
                        "systemd/tidegate.service",
                        "systemd/tidegate.sysusers.conf",
                        "systemd/tidegate.tmpfiles.conf",
                        "systemd/tidegate.properties",
                        "deploy/prometheus/rules.yml",
                        "deploy/grafana/dashboards/tidegate.json",
                        "deploy/kubernetes/tidegate.yaml",
                        "README.md",
                        "docs/install.md",
                        "docs/reasons.md"))
                .allSatisfy(file -> assertThat(home.resolve(file)).isRegularFile());
    }
}
