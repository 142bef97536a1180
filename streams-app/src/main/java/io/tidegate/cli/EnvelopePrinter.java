package io.tidegate.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.RecordJson;
import io.tidegate.contract.Envelope;
import io.tidegate.contract.RoutedSignal;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantId;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/**
 * Prints the signals in records of {@code signals-by-tenant}, each with its position: partition, offset, and index in the
 * envelope. Reports records that are not envelopes, and continues.
 */
final class EnvelopePrinter {
    private static final String ROW = "%9s  %10s  %5s  %-24s  %8s  %-24s  %s";

    private final OutputOptions output;
    private final @Nullable TenantId tenant;
    private final long max;
    private final PrintWriter out;
    private final PrintWriter err;
    private long printed;
    private long damaged;

    /**
     * @param tenant the tenant whose signals to print; null for all
     * @param max the maximum number of signals to print
     */
    EnvelopePrinter(OutputOptions output, @Nullable TenantId tenant, long max, PrintWriter out, PrintWriter err) {
        this.output = output;
        this.tenant = tenant;
        this.max = max;
        this.out = out;
        this.err = err;
    }

    void begin() {
        if (output.isTable()) {
            out.println(ROW.formatted("PARTITION", "OFFSET", "INDEX", "TIME", "TENANT", "SOURCE", "VALUE"));
        }
    }

    boolean isFull() {
        return printed >= max;
    }

    void print(ConsumerRecord<byte[], byte[]> record) {
        if (isFull()) {
            return;
        }
        List<RoutedSignal> signals;
        try {
            signals = Envelope.read(record.value());
        } catch (IllegalArgumentException e) {
            damage(record, String.valueOf(e.getMessage()));
            return;
        }
        for (int index = 0; index < signals.size() && !isFull(); index++) {
            RoutedSignal signal = signals.get(index);
            if (tenant == null || tenant.equals(signal.tenant())) {
                printed++;
                out.println(output.isTable() ? row(record, index, signal) : output.line(json(record, index, signal)));
            }
        }
    }

    /** Ends the output and returns the command's exit code. */
    int end() {
        return ExitCodes.afterPrinting(damaged == 0 ? ExitCodes.OK : ExitCodes.DAMAGE, out::flush);
    }

    private void damage(ConsumerRecord<byte[], byte[]> record, String what) {
        damaged++;
        err.println("DAMAGE topic %s, partition %d, offset %d: %s"
                .formatted(record.topic(), record.partition(), record.offset(), Table.printable(what)));
        if (output.asObjects()) {
            out.println(output.line(place(record).put("damage", what)));
        }
    }

    private static String row(ConsumerRecord<byte[], byte[]> record, int index, RoutedSignal signal) {
        String value = RecordJson.utf8(signal.value());
        return ROW.formatted(
                record.partition(),
                record.offset(),
                index,
                Instant.ofEpochMilli(signal.timestampMs()),
                signal.tenant().decimal(),
                Table.printable(signal.source().toString()),
                value == null ? "(not UTF-8)" : Table.printable(value));
    }

    private static ObjectNode json(ConsumerRecord<byte[], byte[]> record, int index, RoutedSignal signal) {
        ObjectNode node = place(record);
        node.put("index", index);
        Json.putTenant(node, signal.tenant());
        node.put("timestamp", Instant.ofEpochMilli(signal.timestampMs()).toString());
        node.put("source", signal.source().toString());
        Signal parsed = signal.signal();
        node.put("parsed", parsed != null);
        if (parsed != null) {
            node.put("type", parsed.type());
            parsed.items().forEach(node.putArray("items")::add);
            parsed.users().forEach(node.putArray("users")::add);
            parsed.creators().forEach(node.putArray("creators")::add);
        }
        RecordJson.putBytes(node, "key", signal.key());
        RecordJson.putBytes(node, "value", signal.value());
        RecordJson.putHeaders(node, Arrays.asList(signal.headers()));
        return node;
    }

    private static ObjectNode place(ConsumerRecord<byte[], byte[]> record) {
        return Json.object()
                .put("topic", record.topic())
                .put("partition", record.partition())
                .put("offset", record.offset());
    }
}
