package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.config.SettingsReference;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ConfigCommandTest {
    @TempDir
    private Path directory;

    @Test
    void acceptsValidSettings() throws IOException {
        Path file = Files.writeString(directory.resolve("tidegate.properties"), "shards=3\n");

        Cli run = Cli.run("config", "validate", "--config", file.toString());

        assertThat(run).isEqualTo(new Cli(ExitCodes.OK, "the settings are valid%n".formatted(), ""));
    }

    @Test
    void showsValuesAndWhereTheyComeFrom() throws IOException {
        Path file = Files.writeString(directory.resolve("tidegate.properties"), "shards=3\n");

        Cli run = Cli.run("config", "show", "--config", file.toString(), "--data-dir", "/d", "--set", "threads=2");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.err()).isEmpty();
        assertThat(run.out().lines())
                .anyMatch(line -> line.matches("shards +3 +file"))
                .anyMatch(line -> line.matches("data\\.dir +/d +flag"))
                .anyMatch(line -> line.matches("threads +2 +flag"))
                .anyMatch(line -> line.matches("wal\\.compression +none +default"));
    }

    @Test
    void showsThemAsJsonWithSecretsHidden() throws IOException {
        Path clients = Files.writeString(
                directory.resolve("client.properties"),
                "ssl.keystore.key=s3cret\nclient.id=me\nbootstrap.servers=other:1\n");

        Cli run = Cli.run("config", "show", "-o", "json", "--command-config", clients.toString());

        JsonNode json = Json.tree(run.out().getBytes(StandardCharsets.UTF_8));
        assertThat(json.at("/kafka.ssl.keystore.key/value").asText()).isEqualTo("[hidden]");
        assertThat(json.at("/kafka.client.id/value").asText()).isEqualTo("me");
        assertThat(json.at("/kafka.client.id/origin").asText()).isEqualTo("flag");
        assertThat(json.at("/bootstrap.servers/value").asText()).isEqualTo("other:1");
        assertThat(run.out()).doesNotContain("s3cret");
    }

    @Test
    void aCommandPropertyComesBeforeTheFile() throws IOException {
        Path clients = Files.writeString(directory.resolve("client.properties"), "client.id=file\nlinger.ms=7\n");

        Cli run = Cli.run(
                "config",
                "show",
                "-o",
                "json",
                "--command-config",
                clients.toString(),
                "--command-property",
                "client.id=flag",
                "--command-property=bootstrap.servers=other:1");

        JsonNode json = Json.tree(run.out().getBytes(StandardCharsets.UTF_8));
        assertThat(json.at("/kafka.client.id/value").asText()).isEqualTo("flag");
        assertThat(json.at("/kafka.linger.ms/value").asText()).isEqualTo("7");
        assertThat(json.has("kafka.bootstrap.servers")).isFalse();
    }

    @Test
    void showsNoControlCharactersInTheTable() {
        Cli run = Cli.run("config", "show", "--set", "kafka.client.id=a\u001b[2Jb");

        assertThat(run.out()).contains("a·[2Jb").doesNotContain("\u001b");
    }

    @Test
    void printsTheReference() {
        assertThat(Cli.run("config", "reference")).isEqualTo(new Cli(ExitCodes.OK, SettingsReference.markdown(), ""));
    }

    @Test
    void quotesPathsForAShell() {
        assertThat(ShellText.quoted(Path.of("/tmp/a-b_c.1"))).isEqualTo("/tmp/a-b_c.1");
        assertThat(ShellText.quoted(Path.of("/tmp/a b"))).isEqualTo("'/tmp/a b'");
        assertThat(ShellText.quoted(Path.of("/tmp/it's"))).isEqualTo("'/tmp/it'\\''s'");
    }

    @Test
    void theServersOfTheFileForClientsApplyUnlessAnythingElseNamesThem() throws IOException {
        Path clients = Files.writeString(directory.resolve("client.properties"), "bootstrap.servers=of-the-file:1\n");
        for (String[] named :
                new String[][] {{"--bootstrap-server", "other:1"}, {"--set", "bootstrap.servers=other:1"}}) {
            Cli run =
                    Cli.run("config", "show", "-o", "json", "--command-config", clients.toString(), named[0], named[1]);

            assertThat(run.out()).contains("other:1").doesNotContain("of-the-file");
        }
    }
}
