package io.tidegate.http;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Chooses the representation of an answer by the names and qualities of an Accept header, as in RFC 9110, section 12. */
public final class Negotiation {
    private static final String OPENMETRICS = "application/openmetrics-text";
    private static final String TEXT = "text/plain";
    private static final Pattern QUALITY = Pattern.compile("\\s*[qQ]\\s*=\\s*(0(?:\\.\\d{0,3})?|1(?:\\.0{0,3})?)\\s*");
    private static final int FULL = 1000;

    private Negotiation() {}

    /** @param accepted the items of Accept-Encoding */
    static boolean takesGzip(List<String> accepted) {
        Map<String, Integer> qualities = qualities(accepted);
        int gzip = best(qualities, "gzip", "x-gzip");
        if (gzip < 0) {
            gzip = best(qualities, "*");
        }
        return gzip > 0 && gzip >= best(qualities, "identity");
    }

    /**
     * Returns the media type of the metrics, one of the two supported.
     *
     * @param accepted the items of Accept
     */
    public static String metricsType(List<String> accepted) {
        Map<String, Integer> qualities = qualities(accepted);
        int openMetrics = best(qualities, OPENMETRICS);
        int text = best(qualities, TEXT);
        if (text < 0) {
            text = best(qualities, "text/*", "*/*");
        }
        return openMetrics > 0 && openMetrics >= text ? OPENMETRICS : TEXT;
    }

    /** Returns the best of the named qualities; -1 if none is named. */
    private static int best(Map<String, Integer> qualities, String... names) {
        int best = -1;
        for (String name : names) {
            best = Math.max(best, qualities.getOrDefault(name, -1));
        }
        return best;
    }

    /** Returns the quality of each name, in thousandths; the highest if a name has several, such as one per version. */
    private static Map<String, Integer> qualities(List<String> items) {
        Map<String, Integer> qualities = new HashMap<>();
        for (String item : items) {
            String[] parts = item.split(";", -1);
            int quality = FULL;
            for (int i = 1; i < parts.length; i++) {
                Matcher matcher = QUALITY.matcher(parts[i]);
                if (matcher.matches()) {
                    quality = thousandths(matcher.group(1));
                } else if (parts[i].strip().toLowerCase(Locale.ROOT).startsWith("q=")) {
                    quality = 0; // malformed: not acceptable
                }
            }
            qualities.merge(parts[0].strip().toLowerCase(Locale.ROOT), quality, Math::max);
        }
        return qualities;
    }

    private static int thousandths(String quality) {
        String digits = quality.replace(".", "");
        return Integer.parseInt((digits + "000").substring(0, 4));
    }
}
