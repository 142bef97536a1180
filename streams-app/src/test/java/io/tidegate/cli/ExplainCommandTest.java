package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admin.Reasons;
import io.tidegate.admission.Reason;
import io.tidegate.signal.Defect;
import java.io.IOException;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

final class ExplainCommandTest {
    @Test
    void explainsEveryReasonAndNoOther() throws IOException {
        TreeSet<String> reasons = new TreeSet<>();
        for (Reason reason : Reason.values()) {
            reasons.add(reason.id());
        }
        for (Defect defect : Defect.values()) {
            reasons.add(defect.id());
        }

        assertThat(Reasons.sections()).containsOnlyKeys(reasons);
    }

    @Test
    void endsAReasonWhereTheNextChapterBegins() throws IOException {
        assertThat(Reasons.sections().values()).noneMatch(text -> text.contains("#"));
    }

    @Test
    void printsCauseAndRemedyWithoutMarkup() {
        Cli run = Cli.run("rejections", "explain", "storage_limit");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.OK);
        assertThat(run.out())
                .startsWith("storage_limit")
                .contains("Cause. The tenant's sealed WAL segments")
                .contains("Producer.")
                .contains("Operator.")
                .doesNotContain("**")
                .doesNotContain("](")
                .doesNotContain("(why)");
    }

    @Test
    void fitsATerminalAndKeepsCommandsWhole() throws IOException {
        for (String reason : Reasons.sections().keySet()) {
            String text = Cli.run("rejections", "explain", reason).out();
            assertThat(text.lines()).as(reason).allMatch(line -> line.startsWith(" ") || line.length() <= 80);
            assertThat(text.replaceAll("\\s+", " "))
                    .contains(Reasons.sections().get(reason).replaceAll("\\s+", " "));
            assertThat(text.lines())
                    .as(reason)
                    .allMatch(line -> line.chars().filter(c -> c == '`').count() % 2 == 0);
        }
    }

    @Test
    void listsTheReasonsForAnUnknownOne() {
        Cli run = Cli.run("rejections", "explain", "bad_luck");

        assertThat(run.exitCode()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("'bad_luck' is not a reason", "rate_limited", "too_large");
    }

    @Test
    void replayRejectsUnknownReasonsAndPositions() {
        assertThat(Cli.run("rejections", "replay", "--reason", "malformed").err())
                .contains("'malformed' is not a reason");
        assertThat(Cli.run("rejections", "replay", "--source", "signals-3").err())
                .contains("'signals-3' is not a position");
    }
}
