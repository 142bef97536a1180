package io.tidegate.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The fields of the objects that commands print, for {@code -o help} and for the documentation. */
final class OutputFields {
    /** @param name with dots for fields of objects, and {@code []} for the elements of a list */
    record Field(String name, String type, String meaning) {}

    private static final String RESOURCE = "output-fields.txt";

    /** The prefix of a line that stands for all fields of another command. */
    private static final String SAME_AS = "= ";

    private OutputFields() {}

    /** Returns the fields by command, without the program's name. */
    static Map<String, List<Field>> all() {
        Map<String, List<Field>> all = new TreeMap<>();
        List<Field> fields = new ArrayList<>();
        for (String line : source().lines().toList()) {
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            if (!line.startsWith(" ")) {
                fields = new ArrayList<>();
                all.put(line, fields);
            } else if (line.strip().startsWith(SAME_AS)) {
                fields.addAll(all.get(line.strip().substring(SAME_AS.length())));
            } else {
                String[] parts = line.strip().split("  ", 3);
                fields.add(new Field(parts[0], parts[1], parts[2]));
            }
        }
        return all;
    }

    private static String source() {
        try (InputStream in = OutputFields.class.getResourceAsStream(RESOURCE)) {
            if (in == null) {
                throw new IllegalStateException("the program lacks " + RESOURCE);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("reading " + RESOURCE, e);
        }
    }

    /** Returns whether the command was called with {@code -o help}. */
    static boolean isAskedFor(CommandSpec command) {
        OptionSpec option = command.findOption("--output");
        Object value = option == null ? null : option.getValue();
        return value != null && value.toString().equals("HELP");
    }

    /** Describes the fields of a command. */
    static void print(CommandSpec command, PrintWriter out) {
        Table table = new Table("FIELD", "TYPE", "MEANING");
        all().getOrDefault(name(command), List.of())
                .forEach(field -> table.row(field.name(), field.type(), field.meaning()));
        table.print(out);
    }

    /** Returns the words of a command after the program's name. */
    static String name(CommandSpec command) {
        return command.qualifiedName().replaceFirst("^\\S+ ?", "");
    }

    /** Returns the documentation page. */
    static String markdown() {
        StringBuilder page = new StringBuilder("""
                # Output of commands

                With `-o json`, a command prints JSON objects: one per line if there can be several, or one indented document for
                `config show`, `plans get`, `status` and `tenants get`. With `-o yaml`, each object is a YAML document. `-o help` prints
                a command's table from this page. Data goes to stdout, everything else to stderr.

                - **Tenants** are always identified by `tenant_id`, an integer from 0 to 2^64-1: here, in signals, configs and events, and in the
                  HTTP API. JavaScript loses digits above 2^53, so the HTTP API also has the id as text, in `id`.
                - **Times** are text in UTC, such as `2026-11-25T14:30:00.123Z`.
                - **Records** use Kafka's terms: `timestamp`, `key`, `value`, `headers`. kcat prints the time as `ts` (a number of ms) and the value
                  as `payload`. Headers are a list of `name` and `value`, because Kafka keeps their order and allows duplicate names.
                - **Stability**: within a major version, fields are added, but not renamed or removed. Programs must ignore unknown fields.

                `tidegate config outputs` prints this page.
                """);
        all().forEach((command, fields) -> {
            page.append("\n## tidegate %s\n\n| field | type | meaning |\n| --- | --- | --- |\n".formatted(command));
            fields.forEach(field ->
                    page.append("| `%s` | %s | %s |\n".formatted(field.name(), field.type(), field.meaning())));
        });
        return page.toString();
    }
}
