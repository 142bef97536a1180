package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.Reasons;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
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
            out.println(text);
        }
        out.flush();
        return ExitCodes.OK;
    }
}
