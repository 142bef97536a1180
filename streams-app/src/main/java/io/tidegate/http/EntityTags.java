package io.tidegate.http;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/** The conditions If-Match and If-None-Match, as RFC 9110 section 13.1 has them. */
public final class EntityTags {
    private static final Pattern ITEM = Pattern.compile("(?:W/)?\"[^\"]*\"|\\*");
    private static final Pattern WEAK = Pattern.compile("^W/(?=\")");

    private EntityTags() {}

    /** The items of a header. What is neither a tag nor {@code *} is a tag that nothing has. */
    public static List<String> of(HttpFields headers, HttpHeader header) {
        List<String> items = new ArrayList<>();
        for (String value : headers.getValuesList(header)) {
            Matcher item = ITEM.matcher(value);
            while (item.find()) {
                items.add(item.group());
            }
            if (items.isEmpty()) {
                items.add(value);
            }
        }
        return items;
    }

    /**
     * Whether If-Match holds.
     *
     * @param condition the items of the header; none = no condition
     * @param tag of what there is; empty = there is nothing
     */
    public static boolean isMatch(List<String> condition, String tag) {
        return condition.isEmpty() || (!tag.isEmpty() && (condition.contains("*") || condition.contains(tag)));
    }

    /** Whether If-None-Match holds: the comparison is a weak one. */
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
