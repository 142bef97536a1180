package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.tidegate.admission.EntityKind;
import io.tidegate.contract.TenantCommand.DeleteTenant;
import io.tidegate.contract.TenantCommand.ForgetEntity;
import io.tidegate.contract.TenantCommand.PruneWal;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TenantCommandTest {
    static Stream<TenantCommand> commands() {
        return Stream.of(
                new PruneWal(0),
                new PruneWal(Long.MAX_VALUE),
                new ForgetEntity(EntityKind.ITEM, "7"),
                new ForgetEntity(EntityKind.USER, "zoë \"x\""),
                new ForgetEntity(EntityKind.CREATOR, "c".repeat(512)),
                new DeleteTenant());
    }

    @ParameterizedTest
    @MethodSource("commands")
    void readsWhatItWrites(TenantCommand command) {
        assertThat(TenantCommand.parse(command.json())).isEqualTo(command);
    }

    @Test
    void writesTheDocumentedForm() {
        assertThat(new String(new PruneWal(1000).json(), StandardCharsets.UTF_8))
                .isEqualTo("{\"command\":\"prune-wal\",\"below_seq\":1000}");
        assertThat(new String(new ForgetEntity(EntityKind.ITEM, "sku-1").json(), StandardCharsets.UTF_8))
                .isEqualTo("{\"command\":\"forget-entity\",\"kind\":\"item\",\"id\":\"sku-1\"}");
        assertThat(new String(new DeleteTenant().json(), StandardCharsets.UTF_8))
                .isEqualTo("{\"command\":\"delete-tenant\"}");
    }

    @Test
    void rejectsEntitiesThatNoSignalCanName() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ForgetEntity(EntityKind.ITEM, ""));
        assertThatIllegalArgumentException().isThrownBy(() -> new ForgetEntity(EntityKind.ITEM, "a\nb"));
        assertThatIllegalArgumentException().isThrownBy(() -> new ForgetEntity(EntityKind.ITEM, "c".repeat(513)));
        assertThatIllegalArgumentException().isThrownBy(() -> TenantCommand.parse(null));
        assertThatIllegalArgumentException().isThrownBy(() -> TenantCommand.parse(new byte[0]));
        assertThatIllegalArgumentException().isThrownBy(() -> TenantCommand.parse(new byte[20_000]));
    }
}
