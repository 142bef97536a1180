package io.tidegate.cli;

import io.tidegate.admission.Reason;
import io.tidegate.admission.TenantUsage;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Tenants with their limits in force, redrawn in place on a terminal. No line is wider than the terminal: a wrapped line would
 * make the next redraw start too low. If space is short, the reasons are dropped first, then the labels. Not thread-safe.
 */
final class LiveTable {
    private static final int COLUMNS_DEFAULT = 80;
    private static final int COLUMNS_MIN = 20;
    private static final int COLUMNS_MAX = 1_000;

    /** More rows would not fit the height of a terminal. */
    private static final int ROWS_MAX = 20;

    private static final int WHOLE = Integer.MAX_VALUE;
    private static final long KIB = 1024;
    private static final long EXACT_MAX = 99_999;

    private enum Reasons {
        ALL,
        MOST_FREQUENT,
        NONE
    }

    /** The text columns of a line. */
    private record Texts(int labelMax, Reasons reasons) {}

    /** Widest first. */
    private static final List<Texts> WIDTHS = List.of(
            new Texts(WHOLE, Reasons.ALL),
            new Texts(20, Reasons.ALL),
            new Texts(20, Reasons.MOST_FREQUENT),
            new Texts(20, Reasons.NONE),
            new Texts(14, Reasons.NONE),
            new Texts(8, Reasons.NONE),
            new Texts(0, Reasons.NONE));

    private record Row(TenantId tenant, TenantConfig limits, TenantUsage usage, double accepted, double rejected) {}

    private record Counts(long accepted, long rejected) {}

    private final int columns;
    private final Map<TenantId, Counts> before = new HashMap<>();
    private int linesDrawn;

    LiveTable(int columns) {
        this.columns = Math.max(COLUMNS_MIN, Math.min(COLUMNS_MAX, columns));
    }

    /** Returns the terminal's width, as the launcher determined it; 80 if unknown. */
    static int terminalColumns() {
        Integer known = Integer.getInteger("tidegate.columns");
        return known == null || known <= 0 ? COLUMNS_DEFAULT : known;
    }

    /**
     * Draws the table over the previous one.
     *
     * @param limits the limits in force; tenants without any are omitted
     * @param seconds the time since the last call
     */
    void draw(PrintWriter err, Map<TenantId, TenantUsage> usages, Map<TenantId, TenantConfig> limits, double seconds) {
        List<String> lines = lines(usages, limits, seconds);
        if (Progress.isTerminal() && linesDrawn > 0) {
            err.print("\u001b[%dA\u001b[J".formatted(linesDrawn));
        } else if (linesDrawn > 0) {
            err.println();
        }
        lines.forEach(err::println);
        linesDrawn = lines.size();
        err.flush();
    }

    List<String> lines(Map<TenantId, TenantUsage> usages, Map<TenantId, TenantConfig> limits, double seconds) {
        List<Row> rows = new ArrayList<>();
        usages.forEach((tenant, usage) -> {
            TenantConfig config = limits.get(tenant);
            if (config != null && rows.size() < ROWS_MAX) {
                rows.add(row(tenant, config, usage, seconds));
            }
        });
        for (Texts texts : WIDTHS) {
            List<String> lines = table(rows, texts).lines();
            if (lines.stream().allMatch(line -> width(line) <= columns)) {
                return lines;
            }
        }
        return table(rows, WIDTHS.get(WIDTHS.size() - 1)).lines().stream()
                .map(line -> cut(line, columns))
                .toList();
    }

    private Row row(TenantId tenant, TenantConfig config, TenantUsage usage, double seconds) {
        long rejected = 0;
        for (Reason reason : Reason.values()) {
            rejected += usage.rejectedCount(reason);
        }
        Counts now = new Counts(usage.acceptedCount(), rejected);
        Counts last = before.put(tenant, now);
        return new Row(
                tenant,
                config,
                usage,
                (now.accepted() - (last == null ? 0 : last.accepted())) / seconds,
                (now.rejected() - (last == null ? 0 : last.rejected())) / seconds);
    }

    private static Table table(List<Row> rows, Texts texts) {
        List<String> headings = new ArrayList<>(List.of("TENANT>"));
        if (texts.labelMax() > 0) {
            headings.add("LABEL");
        }
        headings.addAll(List.of("ACC/s>", "REJ/s>", "RATE>", "ENTITIES>", "STORAGE>"));
        if (texts.reasons() != Reasons.NONE) {
            headings.add("REJECTED (total)");
        }
        Table table = new Table(headings.toArray(String[]::new));
        for (Row row : rows) {
            TenantConfig limits = row.limits();
            List<@Nullable Object> cells = new ArrayList<>(List.of(row.tenant().decimal()));
            if (texts.labelMax() > 0) {
                cells.add(cut(limits.label(), texts.labelMax()));
            }
            cells.add(String.format(Locale.ROOT, "%.0f", row.accepted()));
            cells.add(String.format(Locale.ROOT, "%.0f", row.rejected()));
            Long rate = limits.maxSignalsPerSec();
            cells.add(rate == null ? null : count(rate) + "/s");
            String entities = count(row.usage().entityCountAt(row.usage().lastDecisionMs()));
            cells.add(limits.maxEntities() == null ? entities : entities + "/" + count(limits.entityLimit()));
            String storage = size(row.usage().sealedBytes());
            cells.add(limits.maxStorageBytes() == null ? storage : storage + "/" + size(limits.storageLimit()));
            if (texts.reasons() != Reasons.NONE) {
                cells.add(reasons(row.usage(), texts.reasons()));
            }
            table.row(cells.toArray());
        }
        return table;
    }

    private static String reasons(TenantUsage usage, Reasons which) {
        Map<Reason, Long> counts = new EnumMap<>(Reason.class);
        for (Reason reason : Reason.values()) {
            if (usage.rejectedCount(reason) > 0) {
                counts.put(reason, usage.rejectedCount(reason));
            }
        }
        return counts.entrySet().stream()
                .sorted(Map.Entry.<Reason, Long>comparingByValue(Comparator.reverseOrder()))
                .limit(which == Reasons.ALL ? counts.size() : 1)
                .map(entry -> entry.getKey().id() + " " + count(entry.getValue()))
                .collect(Collectors.joining(", "));
    }

    /** Formats a number in at most six characters. */
    private static String count(long number) {
        if (number <= EXACT_MAX) {
            return Long.toString(number);
        }
        double scaled = number;
        String units = "kMGTPE";
        int unit = -1;
        while (scaled >= 1000 && unit < units.length() - 1) {
            scaled /= 1000;
            unit++;
        }
        return String.format(Locale.ROOT, scaled < 10 ? "%.1f%c" : "%.0f%c", scaled, units.charAt(unit));
    }

    /** Like {@link Amounts#size}, but in at most seven characters. */
    private static String size(long bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        double amount = bytes;
        int unit = 0;
        while (amount >= KIB && unit < units.length - 1) {
            amount /= KIB;
            unit++;
        }
        return String.format(Locale.ROOT, unit == 0 || amount >= 10 ? "%.0f%s" : "%.1f%s", amount, units[unit]);
    }

    /** Returns the number of terminal columns that a text takes. */
    static int width(String text) {
        return text.codePoints().map(c -> isWide(c) ? 2 : 1).sum();
    }

    private static boolean isWide(int c) {
        return (c >= 0x1100 && c <= 0x115F)
                || (c >= 0x2E80 && c <= 0xA4CF)
                || (c >= 0xAC00 && c <= 0xD7A3)
                || (c >= 0xF900 && c <= 0xFAFF)
                || (c >= 0xFE30 && c <= 0xFE6F)
                || (c >= 0xFF00 && c <= 0xFF60)
                || (c >= 0x1F300 && c <= 0x1FAFF)
                || (c >= 0x20000 && c <= 0x3FFFD);
    }

    /** Returns the text, or as much of its beginning as fits, with an ellipsis. */
    static String cut(String text, int columns) {
        if (width(text) <= columns) {
            return text;
        }
        StringBuilder start = new StringBuilder();
        int used = 1;
        for (int c : text.codePoints().toArray()) {
            used += isWide(c) ? 2 : 1;
            if (used > columns) {
                break;
            }
            start.appendCodePoint(c);
        }
        return start.append('…').toString();
    }
}
