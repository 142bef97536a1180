package io.tidegate.signal;

import io.tidegate.tenant.TenantRef;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Signals in the form that the fuzz tests compare: sorted, because a tree has no order of pointers and fields. */
final class FuzzedSignals {
    private FuzzedSignals() {}

    /** @param ids items, users and creators, each sorted */
    static Signal of(@Nullable TenantRef tenant, @Nullable String type, List<List<String>> ids) {
        return new Signal(
                tenant == null ? null : tenant.id(),
                tenant == null ? null : tenant.name(),
                type,
                ids.get(0),
                ids.get(1),
                ids.get(2));
    }

    static Signal sorted(Signal signal) {
        return new Signal(
                signal.tenantId(),
                signal.tenantName(),
                signal.type(),
                signal.items().stream().sorted().toList(),
                signal.users().stream().sorted().toList(),
                signal.creators().stream().sorted().toList());
    }
}
