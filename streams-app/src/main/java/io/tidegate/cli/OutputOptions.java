package io.tidegate.cli;

import picocli.CommandLine.Option;

/** In which form a command prints its data. */
final class OutputOptions {
    enum Format {
        TABLE,
        JSON
    }

    @Option(
            names = {"-o", "--output"},
            paramLabel = "FORMAT",
            defaultValue = "table",
            description = "table or json. Default: ${DEFAULT-VALUE}.")
    private Format format = Format.TABLE;

    boolean json() {
        return format == Format.JSON;
    }
}
