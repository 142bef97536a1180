package io.tidegate.admin;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The explanation of each reason for people: its cause, what the producer can do, and how to change it. Read from the page
 * {@code docs/reasons.md}, which is a resource of the program.
 */
public final class Reasons {
    private static final Pattern SECTION = Pattern.compile("(?ms)^### ([a-z_]+)\\n\\n(.*?)(?=^##|\\z)");
    private static final String FENCE = "```";
    /** A link that refers to more, and says nothing itself. */
    private static final Pattern REFERENCE = Pattern.compile("\\s\\(\\[[^]]+]\\([^)]+\\)\\)");

    private static final Pattern LINK = Pattern.compile("\\[([^]]+)]\\([^)]+\\)");

    private Reasons() {}

    /**
     * Returns the explanations by reason, in the order of the page, without markup. Each paragraph is one line; the lines of an
     * example begin with a space.
     */
    public static Map<String, String> sections() throws IOException {
        Map<String, String> sections = new LinkedHashMap<>();
        Matcher section = SECTION.matcher(source());
        while (section.find()) {
            String text = REFERENCE.matcher(section.group(2)).replaceAll("");
            String plain = LINK.matcher(text).replaceAll("$1").replace("**", "");
            sections.put(section.group(1), unwrapped(plain.strip()));
        }
        return sections;
    }

    private static String unwrapped(String text) {
        return Stream.of(text.split("\n\n"))
                .map(block -> block.startsWith(FENCE)
                        ? block.lines()
                                .filter(line -> !line.startsWith(FENCE))
                                .collect(Collectors.joining("\n  ", "  ", ""))
                        : block.replace('\n', ' '))
                .collect(Collectors.joining("\n\n"));
    }

    private static String source() throws IOException {
        try (InputStream in = Reasons.class.getResourceAsStream("reasons.md")) {
            if (in == null) {
                throw new IOException("the program lacks its text about reasons");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
