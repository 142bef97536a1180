package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.tidegate.config.Settings;
import io.tidegate.config.SettingsLoader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The files of {@code deploy/package}, from which the package is built. */
class PackageFilesTest {
    private static final Path FILES = Path.of("../deploy/package");
    private static final Path UNIT = FILES.resolve("tidegate.service");
    private static final int SECONDS_MAX = 30;

    @TempDir
    private Path dir;

    @Test
    void theUnitRunsTheInstanceWithoutPrivileges() throws IOException {
        assertThat(Files.readString(UNIT).lines())
                .contains(
                        "User=tidegate",
                        "ExecStart=/opt/tidegate/bin/tidegate run --config /etc/tidegate/tidegate.properties",
                        "NoNewPrivileges=yes",
                        "CapabilityBoundingSet=",
                        "ProtectSystem=strict",
                        "ProtectHome=yes",
                        "PrivateTmp=yes",
                        "SystemCallFilter=@system-service");
    }

    @Test
    void theUnitDoesNotRestartWhatARestartCannotRepair() throws IOException {
        assertThat(Files.readString(UNIT).lines())
                .contains(
                        "Restart=on-failure",
                        "RestartPreventExitStatus=%d %d".formatted(ExitCodes.USAGE, ExitCodes.DAMAGE),
                        "SuccessExitStatus=143");
    }

    @Test
    void systemdReadsTheUnitAndFindsLittleExposed() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/systemd-analyze")), "systemd is not installed");
        Path unit = dir.resolve("tidegate.service");
        Files.writeString(unit, Files.readString(UNIT).replace("/opt/tidegate/bin/tidegate", "/bin/true"));

        assertThat(output("systemd-analyze", "verify", "--man=no", unit.toString()))
                .isEmpty();
        // From 0 to 100; most services have 96.
        output("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit.toString());
    }

    @Test
    void theUserAndTheDirectoriesOfTheUnitAreCreated() throws IOException {
        assertThat(FILES.resolve("tidegate.sysusers.conf")).content().contains("\nu tidegate - ");
        assertThat(FILES.resolve("tidegate.tmpfiles.conf"))
                .content()
                .contains("\nd /etc/tidegate 0750 root tidegate\n");
        assertThat(Files.readString(UNIT)).contains("StateDirectory=tidegate\n");
    }

    @Test
    void theSettingsOfThePackageAreValidAndInTheDirectoryOfTheUnit() {
        Settings settings = SettingsLoader.load(FILES.resolve("tidegate.properties"), Map.of(), Map.of());

        assertThat(settings.dataDir()).isEqualTo(Path.of("/var/lib/tidegate"));
    }

    @Test
    void theSettingsThatThePackageProposesExist() throws IOException {
        Path proposed = dir.resolve("tidegate.properties");
        Path tokens = Files.writeString(dir.resolve("tokens"), "ops admin 0123456789abcdef\n");
        Files.writeString(
                proposed,
                Files.readString(FILES.resolve("tidegate.properties"))
                        .replaceAll("(?m)^#(?=\\S+=)", "")
                        .replace("/etc/tidegate/tokens", tokens.toString()));

        assertThat(SettingsLoader.load(proposed, Map.of(), Map.of()).dataDir()).isEqualTo(Path.of("/var/lib/tidegate"));
    }

    private static String output(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(out).isZero();
        return out;
    }
}
