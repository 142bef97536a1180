package io.tidegate.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class SettingsReferenceTest {
    @Test
    void isThePageInTheDocumentation() throws IOException {
        assertThat(Files.readString(Path.of("../docs/settings.md")))
                .as("make it again with: ./tidegate config reference > docs/settings.md")
                .isEqualTo(SettingsReference.markdown());
    }

    @Test
    void hasARowForEachSetting() {
        assertThat(Settings.DEFINITIONS.names())
                .isNotEmpty()
                .allSatisfy(name -> assertThat(SettingsReference.markdown()).contains("\n| `%s` | ".formatted(name)));
    }

    @Test
    void describesEachSetting() {
        assertThat(Settings.DEFINITIONS.configKeys().values())
                .allSatisfy(key -> assertThat(key.documentation).isNotBlank().endsWith("."));
    }
}
