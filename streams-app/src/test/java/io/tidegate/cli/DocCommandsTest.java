package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.MarkdownPage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/**
 * Every command in the documentation can be typed as shown: its words, options and arguments exist, and requests to the HTTP API
 * are in {@code openapi.yaml}. {@code DocumentedCommandsTest} runs the commands.
 */
final class DocCommandsTest {
    private static final JsonMapper JSON = new JsonMapper();

    private static final Set<String> SHELL = Set.of("sh", "bash", "console", "shell");

    /** In a transcript, typed commands follow a prompt. */
    private static final Pattern PROMPT = Pattern.compile("(?m)^ *\\$ (.*)$");

    /** Placeholders for a number. */
    private static final Set<String> NUMBERS = Set.of("N", "OFFSET", "ID", "SEQ");

    /** Commands with subcommands. In a text, these are recognised without the program's name. */
    private static final Pattern COMMAND = Pattern.compile(
            "(?:\\./)?tidegate [a-z].*|(?:tenants|plans|rejections|wal|signals|usage|config) [a-z]+\\b.*");

    /** The errors in the commands of a shell script. */
    private static List<String> problems(String script, ApiPaths api) {
        List<String> problems = new ArrayList<>();
        for (List<String> words : ShellLines.commands(script)) {
            String problem = problem(words, api);
            if (problem != null) {
                problems.add(String.join(" ", words) + ": " + problem);
            }
        }
        return problems;
    }

    private static @Nullable String problem(List<String> words, ApiPaths api) {
        String program = words.get(0);
        if (program.equals("tidegate") || program.equals("./tidegate")) {
            return unparsable(words.subList(1, words.size()));
        }
        if (program.equals("sudo")) {
            int command = words.size() > 1 && words.get(1).equals("-u") ? 3 : 1;
            return command < words.size() ? problem(words.subList(command, words.size()), api) : "no command";
        }
        if (program.startsWith("docker") && words.contains("run") && words.contains("cli")) {
            return unparsable(words.subList(words.indexOf("cli") + 1, words.size()));
        }
        return program.equals("curl") ? notInApi(words, api) : null;
    }

    private static @Nullable String unparsable(List<String> words) {
        String[] arguments =
                words.stream().map(word -> NUMBERS.contains(word) ? "1" : word).toArray(String[]::new);
        try {
            Tidegate.commandLine().parseArgs(arguments);
            return null;
        } catch (CommandLine.ParameterException e) {
            return e.getMessage();
        }
    }

    private static @Nullable String notInApi(List<String> words, ApiPaths api) {
        String method = null;
        String path = null;
        for (int i = 1; i < words.size(); i++) {
            String word = words.get(i);
            if (word.equals("-X")) {
                method = words.get(++i);
            } else if (word.equals("-d")) {
                method = method == null ? "POST" : method;
                String body = words.get(++i);
                if (!isJson(body)) {
                    return "the body is not JSON: " + body;
                }
            } else if (word.equals("-H")) {
                i++;
            } else if (!word.startsWith("-")) {
                path = word.replaceFirst("^(https?://)?[^/]+", "")
                        .replaceFirst("[?#].*", "")
                        // The prefix that a proxy adds to an instance's paths.
                        .replaceFirst("^/tidegate/", "/");
            }
        }
        String wanted = method == null ? "GET" : method;
        return path != null && api.has(wanted, path) ? null : "%s %s is not in openapi.yaml".formatted(wanted, path);
    }

    private static boolean isJson(String body) {
        try {
            return JSON.readTree(body).isObject();
        } catch (JsonProcessingException e) {
            return false;
        }
    }

    /** Commands in a text may be incomplete, but their parts must exist. Returns the first unknown one. */
    private static @Nullable String unknownPart(String code) {
        List<String> words = ShellLines.commands(code.replace("…", " ")).get(0);
        CommandLine command = Tidegate.commandLine();
        for (String word : words) {
            CommandLine next = command.getSubcommands().get(word);
            if (next != null) {
                command = next;
            } else if (word.startsWith("-")) {
                String option = word.replaceFirst("=.*", "");
                if (command.getCommandSpec().findOption(option) == null) {
                    return "%s has no option %s"
                            .formatted(command.getCommandSpec().qualifiedName(), option);
                }
            } else if (!word.equals("tidegate")
                    && !word.equals("./tidegate")
                    && !command.getSubcommands().isEmpty()) {
                return "%s has no command %s".formatted(command.getCommandSpec().qualifiedName(), word);
            }
        }
        return null;
    }

    @Test
    void everyCommandInABlockCanBeTypedAsPrinted() throws IOException {
        ApiPaths api = ApiPaths.read();
        List<String> problems = new ArrayList<>();
        int blocks = 0;
        for (MarkdownPage page : MarkdownPage.all()) {
            for (MarkdownPage.Block block : page.blocks()) {
                List<String> scripts = SHELL.contains(block.language())
                        ? List.of(block.text())
                        : PROMPT.matcher(block.text())
                                .results()
                                .map(match -> match.group(1))
                                .toList();
                blocks += scripts.size();
                for (String script : scripts) {
                    problems(script, api).forEach(problem -> problems.add(page.path() + ": " + problem));
                }
            }
        }
        assertThat(api.size()).isGreaterThan(30);
        assertThat(blocks).isGreaterThan(30);
        assertThat(problems).isEmpty();
    }

    @Test
    void everyCommandInTheTextExistsWithItsOptions() throws IOException {
        List<String> problems = new ArrayList<>();
        int commands = 0;
        for (MarkdownPage page : MarkdownPage.all()) {
            for (String code : page.inlineCode()) {
                if (COMMAND.matcher(code).matches()) {
                    commands++;
                    String unknown = unknownPart(code);
                    if (unknown != null) {
                        problems.add("%s: `%s`: %s".formatted(page.path(), code, unknown));
                    }
                }
            }
        }
        assertThat(commands).isGreaterThan(100);
        assertThat(problems).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '>',
            quoteCharacter = '"',
            value = {
                "tidegate tenants st 42 > st",
                "./tidegate tenants set 42 --rte 100/s > --rte",
                "tidegate wal cat > TENANT",
                "tidegate tenants get 42 | tidegate tenants set --from - > TENANT",
                "docker compose run --rm cli tenants lst > lst",
                "sudo -u tidegate tidegate doctr > doctr",
                "curl -X POST http://127.0.0.1:8080/v1/tenants/42 > POST /v1/tenants/42",
                "curl localhost:8080/v1/tenant > GET /v1/tenant",
                "curl -H 'A: b' localhost:8080/v1/tenants/42/block -d '{' > not JSON",
            })
    void aCommandThatCannotWorkIsFound(String script, String found) throws IOException {
        assertThat(problems(script, ApiPaths.read())).singleElement().asString().contains(found);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"tidegate explain", "tenants set 42 --entites 5", "tidegate wal purge 42", "wal verify --fix"})
    void aPartOfACommandThatDoesNotExistIsFound(String code) {
        assertThat(COMMAND.matcher(code).matches()).isTrue();
        assertThat(unknownPart(code)).isNotNull();
    }

    @Test
    void aScriptIsSplitIntoItsCommands() {
        assertThat(ShellLines.commands("""
                        A=1 tidegate wal cat 42 -o json > out.json 2>&1   # a comment
                        echo '{"a": "#;|"}' |
                          kcat -P \\
                            -t "my topic"; true && source <(tidegate completion)
                        """))
                .containsExactly(
                        List.of("tidegate", "wal", "cat", "42", "-o", "json"),
                        List.of("echo", "{\"a\": \"#;|\"}"),
                        List.of("kcat", "-P", "-t", "my topic"),
                        List.of("true"),
                        List.of("source"),
                        List.of("tidegate", "completion"));
    }
}
