package io.tidegate.cli;

import io.tidegate.admin.CommandSender;
import io.tidegate.admin.CommandSender.Answer;
import io.tidegate.admin.TenantOperations;
import io.tidegate.config.Settings;
import io.tidegate.contract.TenantCommand;
import java.time.Duration;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** A command that sends a request to the instance that owns a tenant, and waits for its answer. */
abstract class OwnerRequest extends OnTenant {
    @Option(
            names = "--timeout",
            paramLabel = "DURATION",
            defaultValue = "30s",
            description = "How long to wait for the answer. Default: ${DEFAULT-VALUE}.")
    private String timeout = "30s";

    Duration timeout() {
        try {
            return Amounts.duration(timeout);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--timeout: " + e.getMessage(), e);
        }
    }

    void print(String text) {
        out().println(text);
        out().flush();
    }

    Answer ask(Settings settings, TenantCommand command) {
        return new CommandSender(settings)
                .send(tenant, command, TenantOperations.Caller.ofCommandLine().name(), timeout());
    }

    int rejected(String message) {
        hint("rejected: " + Table.printable(message));
        return ExitCodes.FAILED;
    }
}
