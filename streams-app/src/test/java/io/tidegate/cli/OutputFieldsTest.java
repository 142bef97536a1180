package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.Shard;
import io.tidegate.wal.WalRecord;
import io.tidegate.wal.WalSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** The output of commands that programs can rely on: its fields, its forms, and the representation of a tenant. */
class OutputFieldsTest {
    private static final TenantId LARGEST = TenantId.parse("18446744073709551615");
    private static final String LARGEST_JSON = "18446744073709551615";

    @TempDir
    private Path temporary;

    private Path root;

    @BeforeEach
    void writeWal() {
        root = temporary.resolve("data");
        WalSettings settings = WalSettings.of(1 << 20, Duration.ofHours(1), 8, Compression.NONE);
        try (Shard shard = new Shard(new DataDir(root), 3, settings)) {
            for (int seq = 0; seq < 2; seq++) {
                byte[] value = "{\"when\": \"2026-11-25\", \"no\": \u001b}".getBytes(StandardCharsets.UTF_8);
                shard.append(LARGEST, new WalRecord(seq, 1000, null, value, new Header[0]));
            }
            shard.checkpoint(100);
        }
    }

    static Stream<CommandSpec> commandsWithOutput() {
        List<CommandSpec> found = new ArrayList<>();
        collect(Tidegate.commandLine(), found);
        return found.stream();
    }

    private static void collect(CommandLine command, List<CommandSpec> into) {
        if (command.getCommandSpec().findOption("--output") != null && !into.contains(command.getCommandSpec())) {
            into.add(command.getCommandSpec());
        }
        command.getSubcommands().values().forEach(sub -> collect(sub, into));
    }

    @Test
    void thePageInTheDocumentationIsCurrent() throws IOException {
        assertThat(Files.readString(Path.of("../docs/output.md")))
                .as("write it with: ./tidegate config outputs > docs/output.md")
                .isEqualTo(OutputFields.markdown());
        assertThat(Cli.run("config", "outputs").out()).isEqualTo(OutputFields.markdown());
    }

    @Test
    void everyCommandWithObjectsIsDescribedAndNoOther() {
        assertThat(OutputFields.all().keySet())
                .containsExactlyInAnyOrderElementsOf(
                        commandsWithOutput().map(OutputFields::name).collect(Collectors.toSet()));
    }

    @ParameterizedTest
    @MethodSource("commandsWithOutput")
    void everyCommandDescribesItsFieldsWithoutItsOtherArguments(CommandSpec command) {
        List<String> words = new ArrayList<>(List.of(OutputFields.name(command).split(" ", -1)));
        words.addAll(List.of("-o", "help"));

        Cli run = Cli.run(words.toArray(String[]::new));

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.err()).isEmpty();
        assertThat(run.out())
                .startsWith("FIELD")
                .hasLineCount(
                        1 + OutputFields.all().get(OutputFields.name(command)).size());
    }

    @ParameterizedTest
    @MethodSource("commandsWithOutput")
    void everyCommandHasTheSameForms(CommandSpec command) {
        List<String> forms = new ArrayList<>();
        command.findOption("--output").completionCandidates().forEach(forms::add);

        assertThat(forms).contains("json", "yaml", "help");
    }

    private Cli run(String command, String format) {
        return Cli.run((command.replace("DIR", root.toString()) + " -o " + format).split(" ", -1));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "wal ls --data-dir DIR",
                "wal cat 18446744073709551615 --data-dir DIR",
                "wal verify --data-dir DIR",
                "config show",
                "config validate",
                "rejections explain rate_limited"
            })
    void yamlHasTheSameContentAsJson(String command) throws IOException {
        Cli json = run(command, "json");
        Cli yaml = run(command, "yaml");

        assertThat(yaml.exitCode()).isEqualTo(json.exitCode());
        List<JsonNode> objects = new ArrayList<>();
        try (var values = new com.fasterxml.jackson.databind.json.JsonMapper()
                .readerFor(JsonNode.class)
                .<JsonNode>readValues(json.out())) {
            values.forEachRemaining(objects::add);
        }
        List<JsonNode> documents = new ArrayList<>();
        try (var values = new YAMLMapper().readerFor(JsonNode.class).<JsonNode>readValues(yaml.out())) {
            values.forEachRemaining(documents::add);
        }
        assertThat(documents).isNotEmpty().isEqualTo(objects);
        assertThat(yaml.out()).startsWith("---\n").doesNotContain("\u001b");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "wal ls --data-dir DIR",
                "wal cat 18446744073709551615 --data-dir DIR",
                "wal verify --data-dir DIR",
                "wal export --to DIR-archive --data-dir DIR",
                "config validate",
                "rejections explain rate_limited"
            })
    void everyFieldThatIsPrintedIsDescribed(String command) {
        String name = command.replaceFirst(" (-|\\d|rate_limited).*", "");
        Set<String> described = OutputFields.all().get(name).stream()
                .map(OutputFields.Field::name)
                .collect(Collectors.toSet());

        for (String line : run(command, "json").out().lines().toList()) {
            Json.tree(line.getBytes(StandardCharsets.UTF_8))
                    .fieldNames()
                    .forEachRemaining(field -> assertThat(described).contains(field));
        }
    }

    @Test
    void theFormsAreNamedAsTheyAreGiven() {
        Cli run = Cli.run("config", "validate", "-o", "xml");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("expected one of [table, json, yaml, help]");
    }

    @Test
    void aTenantIsANumberOfAllItsDigits() throws IOException {
        DataDir dir = new DataDir(root);
        Path segment = dir.walOf(LARGEST).resolve(dir.segments(LARGEST).first().fileName());
        byte[] bytes = Files.readAllBytes(segment);
        bytes[bytes.length / 2] ^= 1;
        Files.write(segment, bytes);

        assertThat(run("wal ls --data-dir DIR", "json").out()).contains("\"tenant_id\":" + LARGEST_JSON + ",");
        assertThat(run("wal ls --data-dir DIR", "yaml").out()).contains("tenant_id: " + LARGEST_JSON + "\n");
        assertThat(run("wal verify --data-dir DIR", "json").out()).contains("\"tenant_id\":" + LARGEST_JSON + ",");
    }
}
