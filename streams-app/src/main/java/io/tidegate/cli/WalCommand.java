package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import io.tidegate.tools.WalRepairs;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.LastVerify;
import io.tidegate.wal.SegmentName;
import io.tidegate.wal.WalException;
import io.tidegate.wal.WalExport;
import io.tidegate.wal.WalRepair.Outcome;
import io.tidegate.wal.WalVerifier;
import io.tidegate.wal.WalVerifier.Damage;
import io.tidegate.wal.WalVerifier.TenantReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "wal",
        mixinStandardHelpOptions = true,
        description =
                "Reads the WAL files of an instance, running or stopped. Only verify --repair and prune change them.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            WalCommand.Ls.class,
            WalCatCommand.class,
            WalCommand.Verify.class,
            WalCommand.Export.class,
            WalPruneCommand.class
        })
final class WalCommand implements Runnable {
    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing: ls, cat, verify, export or prune");
    }

    /** The arguments of a command on the files of one or all tenants. */
    abstract static class OfTenants implements Callable<Integer> {
        @Mixin
        DataDirOptions options = new DataDirOptions();

        @Mixin
        OutputOptions output = new OutputOptions();

        @Parameters(
                arity = "0..1",
                paramLabel = "TENANT",
                converter = Amounts.TenantConverter.class,
                description = "Only this tenant: its id, or one of its names. Default: all tenants.")
        private @Nullable TenantRef named;

        @Nullable
        TenantId tenant;

        @Spec
        @Nullable
        CommandSpec spec;

        @Override
        public final Integer call() throws IOException {
            tenant = options.tenant(named);
            return execute();
        }

        abstract Integer execute() throws IOException;
    }

    @Command(name = "ls", aliases = "list", mixinStandardHelpOptions = true, description = "Lists segments.")
    static final class Ls extends OfTenants {
        @Override
        Integer execute() throws IOException {
            DataDir dir = options.existingDataDir();
            if (WalPresence.isAbsent(spec, dir, tenant)) {
                return ExitCodes.FAILED;
            }
            PrintWriter out = spec.commandLine().getOut();
            Table table = new Table("TENANT>", "SEGMENT", "FIRST SEQ>", "SHARD>", "SIZE>", "STATE");
            List<Damage> damage = new ArrayList<>(tenant == null ? new WalVerifier(dir, null).strays() : List.of());
            for (TenantId id : tenant == null ? dir.tenants() : List.of(tenant)) {
                var segments = dir.segments(id);
                for (SegmentName name : segments) {
                    Path path = dir.walOf(id).resolve(name.fileName());
                    boolean last = name.equals(segments.last());
                    BasicFileAttributes file;
                    try {
                        file = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
                    } catch (NoSuchFileException e) {
                        continue; // pruned after the directory was read
                    }
                    long bytes = file.size();
                    if (!file.isRegularFile()) {
                        damage.add(new Damage(id, path, 0, "a regular file is expected, not a link or a directory"));
                        continue;
                    }
                    if (output.asObjects()) {
                        ObjectNode json = Json.object();
                        Json.putTenant(json, id);
                        json.put("path", path.toString());
                        json.put("first_seq", name.firstSeq());
                        json.put("shard", name.shard());
                        json.put("bytes", bytes);
                        json.put("last", last);
                        out.println(output.line(json));
                    } else {
                        table.row(
                                id.decimal(),
                                name.fileName(),
                                name.firstSeq(),
                                name.shard(),
                                Amounts.size(bytes),
                                last ? "last" : "sealed");
                    }
                }
            }
            int result = damage.isEmpty() ? ExitCodes.OK : ExitCodes.DAMAGE;
            ExitCodes.afterPrinting(result, () -> {
                if (output.isTable()) {
                    table.print(out);
                }
                out.flush();
            });
            PrintWriter err = spec.commandLine().getErr();
            damage.forEach(one -> err.println(line(one)));
            return result;
        }
    }

    private static String line(Damage one) {
        return "DAMAGE tenant %s, %s, byte %d: %s"
                .formatted(
                        one.tenant() == null ? "?" : one.tenant(),
                        Table.printable(one.path().toString()),
                        one.position(),
                        Table.printable(one.what()));
    }

    @Command(
            name = "export",
            mixinStandardHelpOptions = true,
            description =
                    "Copies segments to an archive, which wal cat and wal verify read. Run it again to add new records."
                            + " Exit 3 on damage.")
    static final class Export extends OfTenants {
        @Option(
                names = "--to",
                paramLabel = "DIR",
                description = "The directory of the archive; not that of an instance.")
        private @Nullable Path to;

        @Override
        Integer execute() throws IOException {
            if (to == null) {
                throw new ParameterException(spec.commandLine(), "name the directory of the archive with --to");
            }
            DataDir dir = options.existingDataDir();
            if (WalPresence.isAbsent(spec, dir, tenant)) {
                return ExitCodes.FAILED;
            }
            PrintWriter out = spec.commandLine().getOut();
            Progress progress = new Progress(spec.commandLine().getErr(), "exporting");
            WalExport export = new WalExport(dir, new DataDir(to));
            Table table = new Table("TENANT>", "SEGMENTS>", "WRITTEN>", "RECORDS>", "FIRST SEQ>", "LAST SEQ>", "SIZE>");
            List<WalException> failures = new ArrayList<>();
            for (TenantId id : tenant == null ? dir.tenants() : List.of(tenant)) {
                WalExport.Report report;
                try {
                    report = export.export(id, progress::bytes);
                } catch (WalException e) {
                    failures.add(e);
                    if (e.kind() == WalException.Kind.IO) {
                        break; // the next tenant would fail in the same way
                    }
                    continue; // the others' records are not worth less
                }
                if (output.asObjects()) {
                    ObjectNode json = Json.object();
                    Json.putTenant(json, id);
                    json.put("segments", report.segments());
                    json.put("written", report.written());
                    json.put("records", report.records());
                    json.put("first_seq", report.firstSeq() < 0 ? null : report.firstSeq());
                    json.put("last_seq", report.lastSeq() < 0 ? null : report.lastSeq());
                    json.put("bytes", report.bytes());
                    out.println(output.line(json));
                } else {
                    table.row(
                            id.decimal(),
                            report.segments(),
                            report.written(),
                            report.records(),
                            report.firstSeq() < 0 ? null : report.firstSeq(),
                            report.lastSeq() < 0 ? null : report.lastSeq(),
                            Amounts.size(report.bytes()));
                }
            }
            progress.done();
            int result = failures.stream().mapToInt(ExitCodes::of).max().orElse(ExitCodes.OK);
            ExitCodes.afterPrinting(result, () -> {
                if (output.isTable()) {
                    table.print(out);
                }
                out.flush();
            });
            PrintWriter err = spec.commandLine().getErr();
            failures.forEach(failure -> err.println("tidegate: " + Table.printableLines(ErrorText.of(failure))));
            return result;
        }
    }

    @Command(
            name = "verify",
            mixinStandardHelpOptions = true,
            description =
                    "Checks the CRC of every batch, the sequence numbers for gaps, segments and shards. Exit 3 on damage.")
    static final class Verify extends OfTenants {
        @Option(
                names = "--repair",
                description = "Rebuild damaged segments from signals-accepted. The instance must be stopped.")
        private boolean repair;

        @Override
        Integer execute() throws IOException {
            DataDir dir = options.existingDataDir();
            if (!repair && WalPresence.isAbsent(spec, dir, tenant)) {
                return ExitCodes.FAILED;
            }
            PrintWriter out = spec.commandLine().getOut();
            boolean allRepaired = !repair || repair(dir);
            Progress progress = new Progress(spec.commandLine().getErr(), "verifying");
            WalVerifier verifier = new WalVerifier(dir, null);
            List<Damage> damage = new ArrayList<>(tenant == null ? verifier.strays() : List.of());
            long records = 0;
            long segments = 0;
            long bytes = 0;
            Table table = new Table("TENANT>", "SEGMENTS>", "RECORDS>", "FIRST SEQ>", "LAST SEQ>", "SIZE>", "STATE");
            for (TenantId id : tenant == null ? verifier.tenants() : List.of(tenant)) {
                TenantReport report = verifier.verify(id, progress::bytes);
                records += report.records();
                segments += report.segments();
                bytes += report.bytes();
                damage.addAll(report.damage());
                String state = report.damage().isEmpty() ? "clean" : "DAMAGED";
                table.row(
                        id.decimal(),
                        report.segments(),
                        report.records(),
                        report.firstSeq() < 0 ? null : report.firstSeq(),
                        report.lastSeq() < 0 ? null : report.lastSeq(),
                        Amounts.size(report.bytes()),
                        report.unfinishedBytes() > 0
                                ? state + ", %d unfinished bytes at the end".formatted(report.unfinishedBytes())
                                : state);
            }
            progress.done();
            if (tenant == null) {
                new LastVerify(Instant.now().truncatedTo(ChronoUnit.SECONDS), records, damage.size()).write(dir);
            }
            Totals totals = new Totals(segments, records, bytes);
            return ExitCodes.afterPrinting(
                    damage.isEmpty() && allRepaired ? ExitCodes.OK : ExitCodes.DAMAGE,
                    () -> print(damage, totals, table, out));
        }

        private record Totals(long segments, long records, long bytes) {}

        private void print(List<Damage> damage, Totals totals, Table table, PrintWriter out) {
            if (output.asObjects()) {
                ObjectNode json = Json.object();
                json.put("clean", damage.isEmpty());
                json.put("segments", totals.segments());
                json.put("records", totals.records());
                json.put("bytes", totals.bytes());
                json.putArray("damage");
                for (Damage one : damage) {
                    ObjectNode node = json.withArray("damage").addObject();
                    Json.putTenant(node, one.tenant());
                    node.put(
                            "tenant", one.tenant() == null ? null : one.tenant().decimal());
                    node.put("segment", one.path().toString());
                    node.put("byte", one.position());
                    node.put("what", one.what());
                }
                out.println(output.line(json));
            } else {
                table.print(out);
                damage.forEach(one -> out.println(line(one)));
                out.println(damage.isEmpty() ? "clean" : "%d damaged".formatted(damage.size()));
            }
            out.flush();
        }

        /** Makes the possible repairs. Returns false if something could not be repaired. */
        private boolean repair(DataDir dir) throws IOException {
            PrintWriter err = spec.commandLine().getErr();
            Progress progress = new Progress(err, "repairing");
            NavigableSet<TenantId> tenants =
                    tenant == null ? new WalVerifier(dir, null).tenants() : new TreeSet<>(List.of(tenant));
            List<Outcome> outcomes = WalRepairs.repair(options.loadConnected(), dir, tenants, progress::show);
            progress.done();
            for (Outcome outcome : outcomes) {
                String range = outcome.lastSeq() < outcome.firstSeq()
                        ? ""
                        : ", sequence numbers %d to %d".formatted(outcome.firstSeq(), outcome.lastSeq());
                String became = outcome.repaired() ? "REPAIRED" : range.isEmpty() ? "NOT REPAIRED" : "LOST";
                err.println("%s tenant %s%s: %s"
                        .formatted(became, outcome.tenant(), range, Table.printable(outcome.what())));
            }
            err.flush();
            return outcomes.stream().allMatch(Outcome::repaired);
        }
    }
}
