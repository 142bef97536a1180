package io.tidegate.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.http.Reply;
import org.junit.jupiter.api.Test;

final class RecentAnswersTest {
    private static final long T = 1_000_000_000_000L;
    private static final long GOOD_FOR = RecentAnswers.GOOD_FOR.toNanos();

    private final RecentAnswers<String> answers = new RecentAnswers<>();
    private final Reply reply = Reply.text(200, "list");

    @Test
    void theSameRequestSoonAfterwardsGetsTheSameResponse() {
        answers.put("all", reply, 7, T);
        assertThat(answers.get("all", 7, T)).isSameAs(reply);
        assertThat(answers.get("all", 7, T + GOOD_FOR - 1)).isSameAs(reply);
        assertThat(answers.get("all", 7, T + GOOD_FOR)).isNull();
        assertThat(answers.get("some", 7, T)).isNull();
    }

    @Test
    void aClientSeesItsOwnChange() {
        answers.put("all", reply, 7, T);
        assertThat(answers.get("all", 8, T)).isNull();
    }

    @Test
    void keepsTheLastFew() {
        for (int i = 0; i <= RecentAnswers.KEPT_MAX; i++) {
            answers.put("question " + i, reply, 7, T);
        }
        assertThat(answers.get("question 0", 7, T)).isNull();
        assertThat(answers.get("question 1", 7, T)).isSameAs(reply);
        assertThat(answers.get("question " + RecentAnswers.KEPT_MAX, 7, T)).isSameAs(reply);
    }
}
