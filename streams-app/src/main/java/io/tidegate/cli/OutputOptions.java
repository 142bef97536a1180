package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Iterator;
import java.util.List;
import picocli.CommandLine.Option;

/** The form in which a command prints its data: a table for people, or objects for programs. */
final class OutputOptions {
    /** {@code HELP} describes the fields of the objects instead of running the command; see {@link OutputFields}. */
    enum Format {
        TABLE,
        JSON,
        YAML,
        HELP
    }

    /** The values in the case in which users write them. */
    static final class Candidates implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return List.of("table", "json", "yaml", "help").iterator();
        }
    }

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FORMAT",
            defaultValue = "table",
            completionCandidates = Candidates.class,
            description = "table, json, yaml, or help to describe the fields. Default: ${DEFAULT-VALUE}.")
    private Format format = Format.TABLE;

    static OutputOptions of(Format format) {
        OutputOptions options = new OutputOptions();
        options.format = format;
        return options;
    }

    boolean isTable() {
        return format == Format.TABLE;
    }

    boolean asObjects() {
        return !isTable();
    }

    /** Formats one of several objects: a line of JSON, or a YAML document. */
    String line(JsonNode node) {
        return format == Format.YAML ? Json.yaml(node) : Json.line(node);
    }

    /** Formats an object that is the whole output, readable for people too. */
    String document(JsonNode node) {
        return format == Format.YAML ? Json.yaml(node) : Json.pretty(node);
    }
}
