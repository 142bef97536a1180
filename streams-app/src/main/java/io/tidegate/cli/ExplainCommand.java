package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "explain",
        mixinStandardHelpOptions = true,
        description = "Says what a reason means: its cause, what the producer does, and what changes it.")
final class ExplainCommand implements Callable<Integer> {
    private static final Pattern SECTION = Pattern.compile("(?ms)^### ([a-z_]+)\\n\\n(.*?)(?=^##|\\z)");
    private static final Pattern LINK = Pattern.compile("\\[([^]]+)]\\([^)]+\\)");

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(paramLabel = "REASON", description = "As in the header tidegate.reason, such as rate_limited.")
    private String reason = "";

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Map<String, String> sections = sections();
        String text = sections.get(reason);
        if (text == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "'%s' is not a reason; these are: %s".formatted(reason, String.join(", ", sections.keySet())));
        }
        var out = spec.commandLine().getOut();
        if (output.json()) {
            ObjectNode json = Json.object();
            json.put("reason", reason);
            json.put("text", text);
            out.println(Json.line(json));
        } else {
            out.println(reason);
            out.println();
            out.println(text);
        }
        out.flush();
        return ExitCodes.OK;
    }

    /** By reason, in the order of the page {@code docs/reasons.md}, which the program carries. */
    static Map<String, String> sections() throws IOException {
        Map<String, String> sections = new LinkedHashMap<>();
        Matcher section = SECTION.matcher(source());
        while (section.find()) {
            String plain = LINK.matcher(section.group(2)).replaceAll("$1").replace("**", "");
            sections.put(section.group(1), plain.strip());
        }
        return sections;
    }

    private static String source() throws IOException {
        try (InputStream in = ExplainCommand.class.getResourceAsStream("reasons.md")) {
            if (in == null) {
                throw new IOException("the program lacks its text about reasons");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
