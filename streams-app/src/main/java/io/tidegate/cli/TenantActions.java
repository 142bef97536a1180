package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.admin.AdminException;
import io.tidegate.admin.CommandSender;
import io.tidegate.admin.CommandSender.Answer;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admission.EntityKind;
import io.tidegate.config.Settings;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.topology.TenantCommand;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The commands that act on one tenant beyond its limits: block, unblock, forget, purge. */
final class TenantActions {
    private TenantActions() {}

    /** The commands that set until when a tenant is blocked. */
    abstract static class Blocking extends TenantsCommand.Changing {
        /** @return the offset of the changed config */
        long block(@Nullable Instant until) {
            return directory()
                    .change(tenant, current -> {
                        TenantConfig base = current.config();
                        if (base == null && tenant.isDefault()) {
                            base = TenantConfig.defaultTenant();
                        }
                        if (base == null) {
                            // One made here would have no limits, and would let a tenant in that is unknown now.
                            throw new AdminException(("tenant %s has no config of its own; give it one with its limits"
                                            + " first: tidegate tenants set %s")
                                    .formatted(tenant, tenant.decimal()));
                        }
                        return base.withBlockedUntil(until);
                    })
                    .offset();
        }
    }

    /** How long to wait for the instance that owns the tenant. */
    abstract static class Asking extends TenantsCommand.OnTenant {
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
            return new CommandSender(settings).send(tenant, command, timeout());
        }

        int refused(Answer answer) {
            hint("refused: " + Table.printable(answer.last().path("message").asText()));
            return ExitCodes.FAILED;
        }
    }

    @Command(
            name = "block",
            mixinStandardHelpOptions = true,
            description = "Refuses all signals of a tenant until a time; its limits stay as they are.")
    static final class Block extends Blocking {
        @ArgGroup(multiplicity = "1")
        private End end = new End();

        static final class End {
            @Option(names = "--until", paramLabel = "TIME", description = "Until then (ISO, UTC).")
            private @Nullable String until;

            @Option(names = "--for", paramLabel = "DURATION", description = "From now on, such as 30m or 2h.")
            private @Nullable String duration;
        }

        @Override
        public Integer call() {
            Instant until = until();
            if (!until.isAfter(Instant.now())) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--until: %s is over by the clock of this machine; give a later time".formatted(until));
            }
            long offset = block(until);
            return changed("blocked until " + until, offset);
        }

        private Instant until() {
            try {
                return end.until != null
                        ? Instant.parse(end.until)
                        : Instant.now().plus(Amounts.duration(String.valueOf(end.duration)));
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

    @Command(name = "unblock", mixinStandardHelpOptions = true, description = "Lets a blocked tenant in again.")
    static final class Unblock extends Blocking {
        @Override
        public Integer call() {
            return changed("not blocked", block(null));
        }
    }

    @Command(
            name = "forget",
            mixinStandardHelpOptions = true,
            description = "Removes an entity of a tenant, so that another one has room. Its signals in the WAL stay.")
    static final class Forget extends Asking {
        @ArgGroup(multiplicity = "1")
        private Entity entity = new Entity();

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
        public Integer call() {
            TenantCommand command;
            try {
                command = entity.command();
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), e.getMessage(), e);
            }
            Answer answer = ask(options.load(), command);
            if (!answer.done()) {
                return refused(answer);
            }
            if (!answer.last().path("found").asBoolean()) {
                hint("tenant %s has no such entity".formatted(tenant));
                return ExitCodes.FAILED;
            }
            print("tenant %s has forgotten the entity".formatted(tenant));
            return ExitCodes.OK;
        }
    }

    @Command(
            name = "purge",
            mixinStandardHelpOptions = true,
            description = "Deletes everything of a tenant: config, counters, entities, and its WAL in every copy."
                    + " Only its next sequence number stays.")
    static final class Purge extends Asking {
        @Option(names = "--yes", description = "Really; there is no way back.")
        private boolean yes;

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() {
            if (!yes) {
                throw new ParameterException(
                        spec.commandLine(), "this deletes all data of tenant %s for good: add --yes".formatted(tenant));
            }
            Settings settings = options.load();
            var unused = new TenantDirectory(settings).change(tenant, current -> null);
            Answer answer = new CommandSender(settings).delete(tenant, timeout());
            if (!answer.done()) {
                return refused(answer);
            }
            JsonNode report = answer.events().get(0);
            if (output.json()) {
                print(Json.line(report));
            } else {
                print("tenant %s deleted: %d signals accepted, %d entities, %d segments of %s; the next number stays %d"
                        .formatted(
                                tenant,
                                report.path("accepted").asLong(),
                                report.path("entities").path("item").asLong()
                                        + report.path("entities").path("user").asLong()
                                        + report.path("entities")
                                                .path("creator")
                                                .asLong(),
                                report.path("segments").asLong(),
                                Amounts.size(report.path("bytes").asLong()),
                                report.path("next_seq").asLong()));
            }
            return ExitCodes.OK;
        }
    }
}
