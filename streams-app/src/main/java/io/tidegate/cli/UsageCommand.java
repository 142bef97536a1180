package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantDirectory.ConfigRecord;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.PeriodLimit.Per;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.io.PrintWriter;
import java.time.DateTimeException;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The commands on tenants' usage. */
@Command(
        name = "usage",
        mixinStandardHelpOptions = true,
        description = "Prints the usage of tenants, for billing.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = UsageCommand.Export.class)
final class UsageCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing: export");
    }

    /** The output format of a month's numbers. */
    enum Format {
        CSV,
        JSON,
        YAML,
        HELP
    }

    /** The values in the case in which users write them. */
    static final class Candidates implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return List.of("csv", "json", "yaml", "help").iterator();
        }
    }

    @Command(
            name = "export",
            mixinStandardHelpOptions = true,
            description =
                    "Prints each tenant's use in a calendar month (UTC, by record time): accepted signals, rejected signals,"
                            + " and the bytes of the accepted values. The numbers are exact, even after crashes; signals that"
                            + " arrive late still change them. The last four months in which a tenant had signals"
                            + " are kept. Signals of unknown tenants are not counted.",
            exitCodeListHeading = "%nExit status:%n",
            exitCodeList = {
                "0:success",
                "1:failed, or the counts of the month are no longer kept for some tenants; those of the others are printed",
                "2:invalid usage or settings"
            })
    static final class Export extends OnTenants {
        /** Tenants without counts that are named; further ones are only counted. */
        private static final int NAMED_MAX = 10;

        /** A separator that no tenant's name can contain. */
        private static final String BETWEEN_NAMES = ";";

        @Option(
                names = "--month",
                paramLabel = "YYYY-MM",
                description = "The month, such as 2026-11. Default: the current one.")
        private String month = YearMonth.now(ZoneOffset.UTC).toString();

        @Option(
                names = {"-o", "--output"},
                paramLabel = "FORMAT",
                defaultValue = "csv",
                completionCandidates = Candidates.class,
                description = "csv, json (one object per line), yaml, or help to describe the fields."
                        + " Default: ${DEFAULT-VALUE}.")
        private Format format = Format.CSV;

        @Override
        public Integer call() {
            YearMonth wanted = parsed();
            long index = Per.MONTH.indexOf(
                    wanted.atDay(1).atStartOfDay(ZoneOffset.UTC).toInstant().toEpochMilli());
            TenantDirectory directory = directory();
            Map<TenantId, TenantUsage> usages = new TreeMap<>(directory.usages());
            List<TenantId> forgotten = usages.entrySet().stream()
                    .filter(one -> one.getValue().isForgotten(index))
                    .map(Map.Entry::getKey)
                    .toList();
            usages.keySet().removeAll(Set.copyOf(forgotten));
            Map<TenantId, ConfigRecord> configs = directory.snapshot().tenants();
            int exit = ExitCodes.afterPrinting(
                    forgotten.isEmpty() ? ExitCodes.OK : ExitCodes.FAILED, () -> print(wanted, index, usages, configs));
            if (!forgotten.isEmpty()) {
                hint(
                        ("the output omits %d %s whose counts of %s are no longer kept: %s; export a month before four later months"
                                        + " have signals")
                                .formatted(
                                        forgotten.size(),
                                        forgotten.size() == 1 ? "tenant" : "tenants",
                                        wanted,
                                        named(forgotten)));
            }
            return exit;
        }

        private void print(
                YearMonth wanted, long index, Map<TenantId, TenantUsage> usages, Map<TenantId, ConfigRecord> configs) {
            PrintWriter out = out();
            if (format == Format.CSV) {
                out.println("month,tenant_id,label,accepted,rejected,accepted_bytes,external_ids");
            }
            usages.forEach((tenant, usage) -> {
                if (usage.acceptedIn(index) + usage.rejectedIn(index) > 0) {
                    ConfigRecord stored = configs.get(tenant);
                    Line line = new Line(wanted, tenant, stored == null ? null : stored.config(), usage, index);
                    out.println(format == Format.CSV ? line.csv() : text(line.json()));
                }
            });
            out.flush();
        }

        private static String named(List<TenantId> tenants) {
            String first =
                    tenants.stream().limit(NAMED_MAX).map(TenantId::toString).collect(Collectors.joining(", "));
            return tenants.size() > NAMED_MAX ? "%s and %d more".formatted(first, tenants.size() - NAMED_MAX) : first;
        }

        private String text(ObjectNode json) {
            return format == Format.YAML ? Json.yaml(json) : Json.line(json);
        }

        private YearMonth parsed() {
            try {
                YearMonth parsed = YearMonth.parse(month);
                if (parsed.getYear() >= 1970 && parsed.getYear() <= 9999) {
                    return parsed;
                }
            } catch (DateTimeException e) {
                // reported below
            }
            throw new ParameterException(
                    spec.commandLine(), "--month: '%s' is not a month such as 2026-11".formatted(month));
        }

        /**
         * The signals of a tenant in a month.
         *
         * @param config its own config; null if it has none
         * @param index the number of the month
         */
        private record Line(
                YearMonth month, TenantId tenant, @Nullable TenantConfig config, TenantUsage usage, long index) {
            private static final String FORMULA_STARTS = "=+-@\t\r";

            private List<String> names() {
                return config == null ? List.of() : config.externalIds();
            }

            String csv() {
                return String.join(
                        ",",
                        month.toString(),
                        tenant.decimal(),
                        config == null ? "" : quoted(config.label()),
                        Long.toString(usage.acceptedIn(index)),
                        Long.toString(usage.rejectedIn(index)),
                        Long.toString(usage.acceptedBytesIn(index)),
                        names().isEmpty() ? "" : quoted(String.join(BETWEEN_NAMES, names())));
            }

            /** Quotes a text as in RFC 4180. Spreadsheets would calculate a text that begins like a formula, even if it is quoted. */
            private static String quoted(String text) {
                String inert = !text.isEmpty() && FORMULA_STARTS.indexOf(text.charAt(0)) >= 0 ? "'" + text : text;
                return '"' + inert.replace("\"", "\"\"") + '"';
            }

            ObjectNode json() {
                ObjectNode json = Json.object();
                json.put("month", month.toString());
                Json.putTenant(json, tenant);
                json.put("label", config == null ? null : config.label());
                names().forEach(json.putArray("external_ids")::add);
                json.put("accepted", usage.acceptedIn(index));
                json.put("rejected", usage.rejectedIn(index));
                json.put("accepted_bytes", usage.acceptedBytesIn(index));
                return json;
            }
        }
    }
}
