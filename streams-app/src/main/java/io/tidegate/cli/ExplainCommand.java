package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.Reasons;
import java.io.IOException;
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
        description = "Explains a reason: its cause, what the producer can do, and how to change it.")
final class ExplainCommand implements Callable<Integer> {
    private static final int COLUMNS_MAX = 80;
    private static final Pattern WORD = Pattern.compile("(`[^`]*`|[^\\s`])+");

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(
            paramLabel = "REASON",
            completionCandidates = ReasonCandidates.class,
            description = "The value of the header tidegate.reason, such as rate_limited.")
    private String reason = "";

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Map<String, String> sections = Reasons.sections();
        String text = sections.get(reason);
        if (text == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "'%s' is not a reason; the reasons are: %s"
                            .formatted(reason, String.join(", ", sections.keySet())));
        }
        var out = spec.commandLine().getOut();
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            json.put("reason", reason);
            json.put("text", text);
            out.println(output.line(json));
        } else {
            out.println(reason);
            out.println();
            text.lines().map(ExplainCommand::wrapped).forEach(out::println);
        }
        out.flush();
        return ExitCodes.OK;
    }

    /** Breaks a paragraph into lines of at most {@value #COLUMNS_MAX} columns, but not within a command or an example. */
    private static String wrapped(String paragraph) {
        if (paragraph.startsWith(" ")) {
            return paragraph;
        }
        StringBuilder text = new StringBuilder();
        int used = 0;
        Matcher word = WORD.matcher(paragraph);
        while (word.find()) {
            int width = LiveTable.width(word.group());
            boolean fits = used + 1 + width <= COLUMNS_MAX;
            if (used > 0) {
                text.append(fits ? ' ' : '\n');
            }
            text.append(word.group());
            used = used > 0 && fits ? used + 1 + width : width;
        }
        return text.toString();
    }
}
