package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.CommandSender.Answer;
import io.tidegate.admin.TenantOperations;
import io.tidegate.admin.TenantOperations.Outcome.CommandRejected;
import io.tidegate.admin.TenantOperations.Outcome.Purged;
import io.tidegate.admin.TenantOperations.Outcome.Rejected;
import io.tidegate.admission.EntityKind;
import io.tidegate.contract.TenantCommand;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The commands that act on one tenant other than by its limits: block, unblock, forget, purge. */
final class TenantActions {
    private TenantActions() {}

    @Command(
            name = "block",
            mixinStandardHelpOptions = true,
            description = "Rejects all signals of a tenant until a time; its limits stay as they are.")
    static final class Block extends ConfigChange {
        @ArgGroup(multiplicity = "1")
        private End end = new End();

        static final class End {
            @Option(names = "--until", paramLabel = "TIME", description = "The end of the block (ISO, UTC).")
            private @Nullable String until;

            @Option(
                    names = "--for",
                    paramLabel = "DURATION",
                    description = "The duration from now on, such as 30m or 2h.")
            private @Nullable String duration;
        }

        @Override
        Integer execute() {
            Instant until = until();
            if (!until.isAfter(Instant.now())) {
                throw new ParameterException(
                        spec.commandLine(),
                        "the tenant would be blocked until %s, which is not in the future".formatted(until));
            }
            return print(
                    operate((operations, caller) -> operations.block(tenant, until, caller)), "blocked until " + until);
        }

        private Instant until() {
            try {
                return end.until != null
                        ? Instant.parse(end.until)
                        : Instant.now()
                                .truncatedTo(ChronoUnit.MILLIS)
                                .plus(Amounts.duration(String.valueOf(end.duration)));
            } catch (DateTimeException e) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--until: '%s' is not a time such as 2026-01-31T12:00:00Z".formatted(end.until),
                        e);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "--for: " + e.getMessage(), e);
            }
        }
    }

    @Command(name = "unblock", mixinStandardHelpOptions = true, description = "Ends the block of a tenant.")
    static final class Unblock extends ConfigChange {
        @Override
        Integer execute() {
            return print(operate((operations, caller) -> operations.unblock(tenant, caller)), "unblocked");
        }
    }

    @Command(
            name = "forget",
            mixinStandardHelpOptions = true,
            description =
                    "Removes an entity of a tenant, which makes room for another one. Its signals in the WAL stay.")
    static final class Forget extends OwnerRequest {
        @ArgGroup(multiplicity = "1")
        private Entity entity = new Entity();

        @Mixin
        private OutputOptions output = new OutputOptions();

        static final class Entity {
            @Option(names = "--item", paramLabel = "ID", description = "An item.")
            private @Nullable String item;

            @Option(names = "--user", paramLabel = "ID", description = "A user.")
            private @Nullable String user;

            @Option(names = "--creator", paramLabel = "ID", description = "A creator.")
            private @Nullable String creator;

            private TenantCommand command() {
                if (item != null) {
                    return new TenantCommand.ForgetEntity(EntityKind.ITEM, item);
                }
                return user != null
                        ? new TenantCommand.ForgetEntity(EntityKind.USER, user)
                        : new TenantCommand.ForgetEntity(EntityKind.CREATOR, String.valueOf(creator));
            }
        }

        @Override
        Integer execute() {
            TenantCommand command;
            try {
                command = entity.command();
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), e.getMessage(), e);
            }
            Answer answer = ask(options.loadConnected(), command);
            if (!answer.done()) {
                return rejected(answer.last().path("message").asText());
            }
            boolean found = answer.last().path("found").asBoolean();
            if (output.asObjects()) {
                ObjectNode json = Json.object();
                Json.putTenant(json, tenant);
                print(output.line(json.put("found", found)));
            } else if (found) {
                print("removed the entity of tenant %s".formatted(tenant));
            }
            if (!found) {
                hint("tenant %s has no such entity".formatted(tenant));
            }
            return found ? ExitCodes.OK : ExitCodes.FAILED;
        }
    }

    @Command(
            name = "purge",
            mixinStandardHelpOptions = true,
            description = "Deletes everything of a tenant: config, counters, entities, and its WAL in every copy."
                    + " Only its next sequence number stays.")
    static final class Purge extends OwnerRequest {
        @Option(names = "--yes", description = "Confirm the deletion, which cannot be undone.")
        private boolean yes;

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        Integer execute() {
            if (!yes) {
                throw new ParameterException(
                        spec.commandLine(),
                        "this permanently deletes all data of tenant %s: add --yes".formatted(tenant));
            }
            TenantOperations.Outcome outcome =
                    operate((operations, caller) -> operations.purge(tenant, timeout(), caller));
            if (outcome instanceof Rejected rejected) {
                return rejected(rejected.rejection());
            }
            if (outcome instanceof CommandRejected rejected) {
                return rejected(rejected.message());
            }
            JsonNode report = ((Purged) outcome).report();
            if (output.asObjects()) {
                print(output.line(report));
            } else {
                print("tenant %s deleted: %s accepted, %s, %s of %s; the next sequence number stays %d"
                        .formatted(
                                tenant,
                                Amounts.counted(report.path("accepted").asLong(), "signal", "signals"),
                                Amounts.counted(
                                        report.path("entities")
                                                .valueStream()
                                                .mapToLong(JsonNode::asLong)
                                                .sum(),
                                        "entity",
                                        "entities"),
                                Amounts.counted(report.path("segments").asLong(), "segment", "segments"),
                                Amounts.size(report.path("bytes").asLong()),
                                report.path("next_seq").asLong()));
            }
            return ExitCodes.OK;
        }
    }
}
