package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.instance.InstanceRunner;
import io.tidegate.tools.Doctor;
import io.tidegate.tools.Doctor.Finding;
import io.tidegate.tools.Doctor.Level;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description =
                "Looks for problems that keep an instance from running well: brokers, topics, permissions, disk, clock, ports, files. One"
                        + " line each, with the fix. Exit 1 if something must be fixed.")
final class DoctorCommand implements Callable<Integer> {
    @Mixin
    private DataDirOptions options = new DataDirOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        List<Finding> findings = new Doctor(options.load(), InstanceRunner::checkHttpFiles).examine();
        boolean failed = findings.stream().anyMatch(finding -> finding.level() == Level.FAIL);
        return ExitCodes.afterPrinting(
                failed ? ExitCodes.FAILED : ExitCodes.OK,
                () -> print(findings, failed, spec.commandLine().getOut()));
    }

    private void print(List<Finding> findings, boolean failed, PrintWriter out) {
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            json.put("ok", !failed);
            ArrayNode all = json.putArray("findings");
            for (Finding finding : findings) {
                all.addObject()
                        .put("level", finding.level().name().toLowerCase(Locale.ROOT))
                        .put("area", finding.area())
                        .put("text", finding.text())
                        .put("fix", finding.fix() == null ? "" : finding.fix());
            }
            out.println(output.line(json));
        } else {
            for (Finding finding : findings) {
                out.printf(
                        "%-4s  %-8s  %s%n",
                        finding.level().name().toLowerCase(Locale.ROOT),
                        finding.area(),
                        Table.printable(finding.text()));
                if (finding.fix() != null) {
                    out.printf("                fix: %s%n", ProgramName.pasteable(Table.printable(finding.fix())));
                }
            }
        }
        out.flush();
    }
}
