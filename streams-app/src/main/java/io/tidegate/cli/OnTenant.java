package io.tidegate.cli;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.ConfigEdit;
import io.tidegate.admin.TenantDirectory;
import io.tidegate.admin.TenantOperations;
import io.tidegate.tenant.ConfigWarnings.Warning;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantRef;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** A command on one tenant. */
abstract class OnTenant extends OnTenants {
    @Parameters(
            index = "0",
            paramLabel = "TENANT",
            converter = Amounts.TenantConverter.class,
            description = "The tenant's id, or one of its names.")
    private TenantRef named = TenantRef.of(TenantId.DEFAULT);

    /** The tenant that the arguments refer to. */
    TenantId tenant = TenantId.DEFAULT;

    @Override
    public final Integer call() {
        tenant = named.id() != null ? named.id() : directory().resolve(named);
        return execute();
    }

    /** Runs the command on {@link #tenant} and returns its exit code. */
    abstract Integer execute();

    /**
     * Returns the tenant's stored config; null if it has none.
     *
     * @throws AdminException if the record is not a config: its limits must not be lost silently
     */
    @Nullable
    TenantConfig stored(TenantDirectory.Snapshot snapshot) {
        TenantDirectory.ConfigRecord found = snapshot.tenants().get(tenant);
        if (found != null && found.config() == null) {
            throw new AdminException(TenantOperations.notAConfig(tenant, found.offset()));
        }
        return found == null ? null : found.config();
    }

    /** Runs one operation. */
    TenantOperations.Outcome operate(
            BiFunction<TenantOperations, TenantOperations.Caller, TenantOperations.Outcome> operation) {
        try (TenantOperations operations = new TenantOperations(options.loadConnected())) {
            return operation.apply(operations, TenantOperations.Caller.ofCommandLine());
        }
    }

    /** Reports why an operation was rejected. */
    int rejected(ConfigEdit.Rejection rejection) {
        if (rejection.kind() == ConfigEdit.Kind.INVALID_CONFIG) {
            throw new ParameterException(spec.commandLine(), rejection.message());
        }
        hint(Table.printable(rejection.message()));
        switch (rejection.kind()) {
            case TENANT_UNKNOWN ->
                hint("give it one with: tidegate tenants set %s --rate 100/s".formatted(tenant.decimal()));
            case NOT_A_CONFIG ->
                hint("replace it with: tidegate tenants set %1$s --from FILE; remove it with: tidegate tenants rm %1$s"
                        .formatted(tenant.decimal()));
            default -> {
                // the message is sufficient
            }
        }
        return ExitCodes.FAILED;
    }

    void warn(List<Warning> warnings) {
        warnings.forEach(warning -> hint("warning: " + Table.printable(warning.message())));
    }
}
