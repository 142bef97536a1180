package io.tidegate.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Rows in columns. A heading that ends in {@code >} aligns its column to the right. Control characters are shown as ·. */
final class Table {
    private static final int FREE_TEXT_MAX = 40;
    private static final int LINE_SEPARATOR = 0x2028;
    private static final int PARAGRAPH_SEPARATOR = 0x2029;

    /** Characters that make a terminal show text in another order than the stored one. */
    private static final Set<Integer> REORDERING =
            Set.of(0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069);

    private final List<String> headings = new ArrayList<>();
    private final List<Boolean> right = new ArrayList<>();
    private final List<List<String>> rows = new ArrayList<>();

    Table(String... columns) {
        for (String column : columns) {
            boolean aligned = column.endsWith(">");
            headings.add(aligned ? column.substring(0, column.length() - 1) : column);
            right.add(aligned);
        }
    }

    void row(@Nullable Object... cells) {
        List<String> row = new ArrayList<>();
        for (Object cell : cells) {
            row.add(cell == null ? "-" : printable(cell.toString()));
        }
        rows.add(row);
    }

    List<String> lines() {
        int[] widths = headings.stream().mapToInt(String::length).toArray();
        for (List<String> row : rows) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        List<String> lines = new ArrayList<>();
        lines.add(line(headings, widths));
        rows.forEach(row -> lines.add(line(row, widths)));
        return lines;
    }

    void print(PrintWriter out) {
        lines().forEach(out::println);
        out.flush();
    }

    private String line(List<String> cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String pad = " ".repeat(widths[i] - cells.get(i).length());
            line.append(i == 0 ? "" : "  ");
            line.append(right.get(i) ? pad + cells.get(i) : cells.get(i) + pad);
        }
        return line.toString().stripTrailing();
    }

    /** Replaces control characters: text from records can contain anything, including terminal commands. */
    static String printable(String text) {
        StringBuilder safe = new StringBuilder(text.length());
        text.codePoints().forEach(c -> safe.appendCodePoint(isPlain(c) ? c : '·'));
        return safe.toString();
    }

    /** Truncates a text of free length, so that one long text does not widen all rows. */
    static @Nullable String shortened(@Nullable String text) {
        if (text == null || text.codePointCount(0, text.length()) <= FREE_TEXT_MAX) {
            return text;
        }
        return text.substring(0, text.offsetByCodePoints(0, FREE_TEXT_MAX - 1)) + "…";
    }

    /** Like {@link #printable}, but keeps line ends: for messages. */
    static String printableLines(@Nullable String text) {
        return String.valueOf(text).lines().map(Table::printable).collect(Collectors.joining("\n"));
    }

    private static boolean isPlain(int c) {
        return !Character.isISOControl(c) && !REORDERING.contains(c) && c != LINE_SEPARATOR && c != PARAGRAPH_SEPARATOR;
    }
}
