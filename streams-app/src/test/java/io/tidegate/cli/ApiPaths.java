package io.tidegate.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The methods and paths of {@code openapi.yaml}, parsed by its indentation. */
final class ApiPaths {
    private static final Pattern PATH = Pattern.compile("  (/\\S*):");
    private static final Pattern METHOD = Pattern.compile("    (get|put|post|patch|delete):");

    private record Operation(String method, Pattern path) {}

    private final List<Operation> operations = new ArrayList<>();

    private ApiPaths() {}

    static ApiPaths read() throws IOException {
        ApiPaths paths = new ApiPaths();
        Pattern path = null;
        for (String line : Files.readAllLines(Path.of("src/main/resources/openapi.yaml"))) {
            Matcher aPath = PATH.matcher(line);
            Matcher aMethod = METHOD.matcher(line);
            if (aPath.matches()) {
                path = Pattern.compile(aPath.group(1).replace(".", "\\.").replaceAll("\\{\\w+}", "[^/]+"));
            } else if (aMethod.matches() && path != null) {
                paths.operations.add(new Operation(aMethod.group(1).toUpperCase(Locale.ROOT), path));
            }
        }
        return paths;
    }

    boolean has(String method, String path) {
        return operations.stream()
                .anyMatch(one ->
                        one.method().equals(method) && one.path().matcher(path).matches());
    }

    int size() {
        return operations.size();
    }
}
