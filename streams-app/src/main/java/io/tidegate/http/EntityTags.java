package io.tidegate.http;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/** The conditions If-Match and If-None-Match of RFC 9110, section 13.1. */
public final class EntityTags {
    private static final String TAG = "(?:W/)?\"[^\"]*\"|\\*";
    private static final Pattern ITEM = Pattern.compile(TAG);
    private static final Pattern ITEMS = Pattern.compile("(?:%1$s)(?:\\s*,\\s*(?:%1$s))*".formatted(TAG));
    private static final Pattern WEAK = Pattern.compile("^W/(?=\")");

    private EntityTags() {}

    /** Returns the items of a header. A list that is not of tags or {@code *} becomes one tag that matches nothing. */
    public static List<String> of(HttpFields headers, HttpHeader header) {
        List<String> items = new ArrayList<>();
        for (String value : headers.getValuesList(header)) {
            if (!ITEMS.matcher(value.strip()).matches()) {
                items.add(value);
                continue;
            }
            Matcher item = ITEM.matcher(value);
            while (item.find()) {
                items.add(item.group());
            }
        }
        return items;
    }

    /**
     * Returns whether If-Match holds.
     *
     * @param condition the items of the header; empty = no condition
     * @param tag the tag of the resource; empty = it does not exist
     */
    public static boolean isMatch(List<String> condition, String tag) {
        return condition.isEmpty() || (!tag.isEmpty() && (condition.contains("*") || condition.contains(tag)));
    }

    /** Returns whether If-None-Match holds, by weak comparison. */
    public static boolean isNoneMatch(List<String> condition, String tag) {
        return condition.isEmpty()
                || tag.isEmpty()
                || (!condition.contains("*")
                        && condition.stream().map(EntityTags::strong).noneMatch(strong(tag)::equals));
    }

    private static String strong(String tag) {
        return WEAK.matcher(tag).replaceFirst("");
    }
}
