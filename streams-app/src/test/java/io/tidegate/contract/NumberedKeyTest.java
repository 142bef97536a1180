package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantKey;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NumberedKeyTest {
    @Test
    void isTenantAndSequenceNumberInDecimal() {
        assertThat(TenantKey.numbered(TenantId.of(42), 1234).bytes())
                .isEqualTo("42:1234".getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void readsWhatIsWritten() {
        for (TenantId tenant : new TenantId[] {TenantId.DEFAULT, TenantId.of(42), TenantId.of(-1)}) {
            for (long seq : new long[] {0, 1, Long.MAX_VALUE}) {
                assertThat(NumberedKey.parse(TenantKey.numbered(tenant, seq).bytes()))
                        .isEqualTo(new NumberedKey(tenant, seq));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", ":", "42", "42:", ":1", "042:1", "-1:1", "x:1", "42:x", "42:1:2", "42:9223372036854775808"})
    void rejectsAnotherForm(String key) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NumberedKey.parse(key.getBytes(StandardCharsets.US_ASCII)));
    }
}
