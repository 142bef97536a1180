package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TableTest {
    @Test
    void alignsColumnsLikeTheirHeadings() {
        Table table = new Table("TENANT>", "LABEL", "SIZE>");
        table.row(1, "a", "10 B");
        table.row("18446744073709551615", "longer label", "1 B");

        assertThat(table.lines())
                .containsExactly(
                        "              TENANT  LABEL         SIZE",
                        "                   1  a             10 B",
                        "18446744073709551615  longer label   1 B");
    }

    @Test
    void writesAMinusForNothingAndNoBlanksAtTheEnd() {
        Table table = new Table("A", "B");
        table.row("x", null);
        table.row("y", "");

        assertThat(table.lines()).containsExactly("A  B", "x  -", "y");
    }

    @Test
    void printsOnlyItsHeadingsWithoutRows() {
        assertThat(new Table("A>", "B").lines()).containsExactly("A  B");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u001b[2J", "\u0007", "\r", "\n", "\u009b31m", "\u007f", "\u202e", "\u2066", "\u2028"})
    void showsADotForAControlCharacter(String steering) {
        String safe = Table.printable("a" + steering + "b");

        assertThat(safe).isEqualTo("a·" + steering.substring(1) + "b");
    }

    @Test
    void shortensATextThatIsTooLongForAColumn() {
        assertThat(Table.shortened("a".repeat(40))).isEqualTo("a".repeat(40));
        assertThat(Table.shortened("🚲".repeat(41))).isEqualTo("🚲".repeat(39) + "…");
        assertThat(Table.shortened(null)).isNull();
    }

    @Test
    void leavesTextOfAllLanguagesAsItIs() {
        String text = "Ünlü 株式会社 🚲 café\u0301";

        assertThat(Table.printable(text)).isEqualTo(text);
    }

    @Test
    void keepsTheLinesOfAMessage() {
        assertThat(Table.printableLines("a\u001b\n  b")).isEqualTo("a·\n  b");
    }
}
