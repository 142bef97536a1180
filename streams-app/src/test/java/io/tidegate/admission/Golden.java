package io.tidegate.admission;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Golden files of stored formats: hex, with blanks and a comment to the end of a line after {@code #}. */
final class Golden {
    private Golden() {}

    static String hex(String name) throws IOException {
        try (InputStream in = Golden.class.getResourceAsStream("/golden/" + name)) {
            assertThat(in).as("golden file %s", name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .replaceAll("#.*", "")
                    .replaceAll("\\s", "");
        }
    }
}
