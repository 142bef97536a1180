package io.tidegate.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.ChangeWarnings;
import io.tidegate.admin.ConfigApply;
import io.tidegate.admin.ConfigApply.Change;
import io.tidegate.admin.ConfigFile;
import io.tidegate.admin.ConfigWriter;
import io.tidegate.admin.DeclaredConfigs;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantOperations.Caller;
import io.tidegate.config.Settings;
import io.tidegate.tenant.ConfigKey;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.StoredConfig;
import io.tidegate.tenant.TenantConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The commands that apply a file of declared configs and plans, and write such a file: apply, export. */
final class TenantDeclarations {
    private TenantDeclarations() {}

    @Command(
            name = "apply",
            mixinStandardHelpOptions = true,
            description =
                    "Changes configs and plans to those that a file declares, in YAML or JSON, and shows the difference. Entries"
                            + " that the file does not declare stay, unless --prune is given.",
            exitCodeListHeading = "%nExit status:%n",
            exitCodeList = {
                "0:everything is as declared",
                "1:failed",
                "2:the file breaks a rule; nothing was changed",
                "4:with --dry-run, changes are pending"
            })
    static final class Apply extends OnTenants {
        private static final int WARNINGS_MAX = 20;

        @Mixin
        private OutputOptions output = new OutputOptions();

        @Option(
                names = {"-f", "--file"},
                paramLabel = "FILE",
                description = "The file, - for standard input. `tidegate tenants export` writes one.")
        private @Nullable String file;

        @Option(names = "--dry-run", description = "Change nothing; exit 4 if changes are pending.")
        private boolean dryRun;

        @Option(
                names = "--prune",
                description = "Remove tenants and plans that the file does not declare. A file without a section"
                        + " `tenants` or `plans` keeps all of them.")
        private boolean prune;

        @Override
        public Integer call() {
            if (file == null) {
                throw new ParameterException(spec.commandLine(), "give the file with -f FILE, or - for standard input");
            }
            DeclaredConfigs declared = read(file);
            Settings settings = options.loadConnected();
            TenantDirectory.Snapshot stored = new TenantDirectory(settings).snapshot();
            ConfigApply.Pending pending;
            try {
                pending = ConfigApply.compare(declared, stored, prune);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "-f %s: %s".formatted(file, e.getMessage()), e);
            }
            if (!dryRun && !pending.changes().isEmpty()) {
                try (ConfigWriter writer = new ConfigWriter(settings)) {
                    ConfigApply.apply(
                            writer, pending.changes(), Caller.ofCommandLine().name());
                }
            }
            int exit = dryRun && !pending.changes().isEmpty() ? ExitCodes.PENDING : ExitCodes.OK;
            int unused = ExitCodes.afterPrinting(exit, () -> {
                pending.changes().forEach(this::print);
                out().flush();
            });
            warn(ChangeWarnings.of(pending.changes(), stored, settings));
            summary(pending);
            return exit;
        }

        private void warn(List<Warning> warnings) {
            warnings.stream()
                    .limit(WARNINGS_MAX)
                    .forEach(warning -> hint("warning: " + Table.printable(warning.message())));
            if (warnings.size() > WARNINGS_MAX) {
                hint("%d more warnings".formatted(warnings.size() - WARNINGS_MAX));
            }
        }

        private DeclaredConfigs read(String file) {
            try (InputStream in = file.equals("-") ? System.in : Files.newInputStream(Path.of(file))) {
                return DeclaredConfigs.parse(in.readNBytes(ConfigFile.BYTES_MAX + 1));
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "-f %s: %s".formatted(file, e.getMessage()), e);
            } catch (IOException e) {
                throw new ParameterException(
                        spec.commandLine(), "-f %s cannot be read: %s".formatted(file, ErrorText.of(e)), e);
            }
        }

        private void print(Change change) {
            if (output.asObjects()) {
                out().println(output.line(json(change)));
                return;
            }
            String name = change.key() instanceof ConfigKey.OfTenant one
                    ? "tenant " + one.tenant().decimal()
                    : "plan " + ((ConfigKey.OfPlan) change.key()).name();
            TenantConfig to = change.to();
            if (to == null) {
                out().println("- " + name);
            } else {
                String fields = String.join(", ", ConfigTexts.difference(change.from(), to));
                out().println(Table.printable(
                        "%s %s%s".formatted(change.exists() ? "~" : "+", name, fields.isEmpty() ? "" : ": " + fields)));
            }
        }

        private static ObjectNode json(Change change) {
            ObjectNode json = Json.object();
            json.put("change", change.to() == null ? "remove" : change.exists() ? "change" : "create");
            if (change.key() instanceof ConfigKey.OfTenant one) {
                Json.putTenant(json, one.tenant());
            } else {
                json.put("plan", ((ConfigKey.OfPlan) change.key()).name());
            }
            json.set("from", json(change.key(), change.from()));
            json.set("to", json(change.key(), change.to()));
            return json;
        }

        private static @Nullable JsonNode json(ConfigKey key, @Nullable TenantConfig config) {
            return config == null ? null : Json.tree(StoredConfig.write(key, config));
        }

        private void summary(ConfigApply.Pending pending) {
            List<Change> changes = pending.changes();
            long removed =
                    changes.stream().filter(change -> change.to() == null).count();
            long created = changes.stream()
                    .filter(change -> change.to() != null && !change.exists())
                    .count();
            hint("%d %s, %d %s, %d %s, %d unchanged%s"
                    .formatted(
                            created,
                            dryRun ? "to create" : "created",
                            changes.size() - created - removed,
                            dryRun ? "to change" : "changed",
                            removed,
                            dryRun ? "to remove" : "removed",
                            pending.unchanged(),
                            dryRun ? "; nothing was changed" : ""));
        }
    }

    @Command(
            name = "export",
            mixinStandardHelpOptions = true,
            description =
                    "Prints all configs and plans in the form that `tenants apply -f -` reads, without the fields that are"
                            + " not set.")
    static final class Export extends OnTenants {
        @Option(
                names = {"-o", "--output"},
                paramLabel = "FORMAT",
                defaultValue = "yaml",
                completionCandidates = Candidates.class,
                description = "yaml, json, or help to describe the fields. Default: ${DEFAULT-VALUE}.")
        private Format format = Format.YAML;

        private enum Format {
            YAML,
            JSON,
            HELP
        }

        /** The values in the case in which users write them. */
        static final class Candidates implements Iterable<String> {
            @Override
            public Iterator<String> iterator() {
                return List.of("yaml", "json", "help").iterator();
            }
        }

        @Override
        public Integer call() {
            TenantDirectory.Snapshot snapshot = directory().snapshot();
            DeclaredConfigs exported = ConfigApply.export(snapshot);
            String text = new String(format == Format.YAML ? exported.yaml() : exported.json(), StandardCharsets.UTF_8);
            long unreadable = snapshot.tenants().values().stream()
                            .filter(stored -> stored.config() == null)
                            .count()
                    + snapshot.plans().values().stream()
                            .filter(stored -> stored.config() == null)
                            .count();
            int exit = ExitCodes.afterPrinting(unreadable > 0 ? ExitCodes.FAILED : ExitCodes.OK, () -> {
                out().println(text.stripTrailing());
                out().flush();
            });
            if (unreadable > 0) {
                hint("%d records that are not configs were omitted; `tidegate doctor` lists them"
                        .formatted(unreadable));
            }
            return exit;
        }
    }
}
