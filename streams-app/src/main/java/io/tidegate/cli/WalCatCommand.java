package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.RecordJson;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import io.tidegate.wal.DataDir;
import io.tidegate.wal.WalReader;
import io.tidegate.wal.WalRecord;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "cat",
        mixinStandardHelpOptions = true,
        description = "Prints a tenant's records in order. Exit 1 if the tenant has no WAL here, 3 on damage.")
final class WalCatCommand implements Callable<Integer> {
    private static final Duration LOOK_EVERY = Duration.ofMillis(200);

    @Mixin
    private DataDirOptions options = new DataDirOptions();

    @Mixin
    private OutputOptions output = new OutputOptions();

    @Parameters(
            paramLabel = "TENANT",
            converter = Amounts.TenantConverter.class,
            description = "The tenant's id, or one of its names.")
    private TenantRef named = TenantRef.of(TenantId.DEFAULT);

    @Option(names = "--from-seq", paramLabel = "N", description = "The first sequence number. Default: 0.")
    private long fromSeq;

    @Option(
            names = {"-f", "--follow"},
            description = "After the existing records, print new ones until Ctrl-C.")
    private boolean follow;

    @Mixin
    private RecordSelection selection = new RecordSelection();

    @Option(
            names = {"-n", "--max"},
            paramLabel = "N",
            description = "Stop after N records. Default: no limit.")
    private long max = Long.MAX_VALUE;

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (fromSeq < 0 || max < 0) {
            throw new ParameterException(spec.commandLine(), "--from-seq and --max must be at least 0");
        }
        selection.check(spec.commandLine(), follow);
        DataDir dir = options.existingDataDir();
        TenantId tenant = Objects.requireNonNull(options.tenant(named));
        if (WalPresence.isAbsent(spec, dir, tenant)) {
            return ExitCodes.FAILED;
        }
        PrintWriter out = spec.commandLine().getOut();
        try (WalReader reader = WalReader.openToDurableEnd(dir, tenant, fromSeq)) {
            long printed = 0;
            while (printed < max) {
                WalRecord record = reader.next();
                if (record != null) {
                    if (isWanted(record)) {
                        print(record, out);
                        printed++;
                    }
                } else if (follow) {
                    out.flush();
                    Thread.sleep(LOOK_EVERY.toMillis());
                    reader.refresh();
                } else {
                    break;
                }
            }
        }
        out.flush();
        return ExitCodes.OK;
    }

    private boolean isWanted(WalRecord record) {
        return selection.hasTime(record.timestampMs()) && selection.hasHeaders(new RecordHeaders(record.headers()));
    }

    private void print(WalRecord record, PrintWriter out) {
        Instant time = Instant.ofEpochMilli(record.timestampMs());
        if (output.asObjects()) {
            ObjectNode json = Json.object();
            json.put("seq", record.seq());
            json.put("timestamp", time.toString());
            RecordJson.putBytes(json, "key", record.key());
            RecordJson.putBytes(json, "value", record.value());
            RecordJson.putHeaders(json, Arrays.asList(record.headers()));
            out.println(output.line(json));
        } else {
            String value = record.value() == null ? "null" : RecordJson.utf8(record.value());
            out.println(
                    "%d  %s  %s".formatted(record.seq(), time, value == null ? "(not UTF-8)" : Table.printable(value)));
        }
    }
}
