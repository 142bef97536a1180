package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProgramNameTest {
    @Test
    void commandsInAMessageCanBePastedIntoACheckout() {
        assertThat(ProgramName.pasteable(
                        "tidegate tenants ls shows all names, tidegate init creates topics", "./tidegate"))
                .isEqualTo("./tidegate tenants ls shows all names, ./tidegate init creates topics");
        assertThat(ProgramName.pasteable("(tidegate rejections explain REASON)", "./tidegate"))
                .isEqualTo("(./tidegate rejections explain REASON)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tidegate: the file is missing",
                "the application tidegate has no topics",
                "/opt/tidegate run.sh",
                "x-tidegate run",
                "./tidegate run"
            })
    void everythingElseStaysAsItIs(String message) {
        assertThat(ProgramName.pasteable(message, "./tidegate")).isEqualTo(message);
    }

    @Test
    void theInstalledProgramIsInThePath() {
        assertThat(ProgramName.pasteable("tidegate init", "tidegate")).isEqualTo("tidegate init");
    }

    @Test
    void everyCommandIsRecognised() {
        Tidegate.commandLine().getSubcommands().forEach((name, command) -> {
            if (!command.getCommandSpec().usageMessage().hidden()) {
                assertThat(ProgramName.pasteable("tidegate " + name, "./tidegate"))
                        .isEqualTo("./tidegate " + name);
            }
        });
    }
}
