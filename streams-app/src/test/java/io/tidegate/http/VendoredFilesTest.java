package io.tidegate.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Third-party files in this repository are unchanged and match their notes, with their licences. */
final class VendoredFilesTest {
    private static final Pattern LINE = Pattern.compile("sha256 ([0-9a-f]{64})  (\\S+)");

    @Test
    void areWhatTheNoteSays() throws Exception {
        String note = new String(read("vendored.txt"), StandardCharsets.UTF_8);
        assertThat(note).contains("uPlot 1.", "The MIT License (MIT)", "Copyright (c)");
        List<Matcher> lines =
                note.lines().map(LINE::matcher).filter(Matcher::matches).toList();
        assertThat(lines).extracting(line -> line.group(2)).containsExactly("uplot.js", "uplot.css");
        for (Matcher line : lines) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(read(line.group(2)));
            assertThat(HexFormat.of().formatHex(digest)).as(line.group(2)).isEqualTo(line.group(1));
        }
    }

    private static byte[] read(String name) throws Exception {
        try (InputStream in = VendoredFilesTest.class.getResourceAsStream("/dashboard/" + name)) {
            assertThat(in).as(name).isNotNull();
            return in.readAllBytes();
        }
    }
}
