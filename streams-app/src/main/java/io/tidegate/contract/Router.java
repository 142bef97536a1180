package io.tidegate.contract;

import io.tidegate.signal.Defect;
import io.tidegate.signal.ParseResult;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.TenantId;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/** Finds a record's tenant, or reports why it has none. Pure; thread-safe. */
public final class Router {
    /** The outcome of {@link #route}. */
    public sealed interface Route {
        /**
         * The record is a signal of this tenant.
         *
         * @param signal what its value says
         */
        record ToTenant(TenantId tenant, Signal signal) implements Route {}

        /**
         * The record cannot be judged.
         *
         * @param tenant the tenant that it claims, where that much can be told
         * @param defect what is wrong
         * @param message for people
         */
        record ToDeadLetter(@Nullable TenantId tenant, Defect defect, String message) implements Route {}
    }

    private final TenantSource source;
    private final SignalParser parser;

    public Router(TenantSource source, SignalParser parser) {
        this.source = source;
        this.parser = parser;
    }

    /**
     * Routes one record.
     *
     * @param missingIsDefault whether a record that names no tenant belongs to the default tenant; otherwise it is a dead
     *     letter
     */
    public Route route(
            String topic, byte @Nullable [] key, byte @Nullable [] value, Headers headers, boolean missingIsDefault) {
        Claim claim = switch (source) {
            case VALUE -> Claim.NONE;
            case HEADER -> inHeader(headers);
            case KEY -> key == null ? Claim.MISSING : Claim.of(TenantId.tryParse(key));
            case TOPIC -> Claim.of(inTopic(topic));
        };
        if (claim.state == ClaimState.MISSING) {
            if (!missingIsDefault) {
                return missing();
            }
            claim = Claim.of(TenantId.DEFAULT);
        }
        if (claim.state == ClaimState.INVALID) {
            return new Route.ToDeadLetter(
                    null,
                    Defect.TENANT_INVALID,
                    "the %s does not name a tenant: a decimal from 0 to 2^64-1 is expected".formatted(place()));
        }
        ParseResult result = parser.parse(value);
        if (result instanceof Defective bad) {
            return new Route.ToDeadLetter(claim.tenant, bad.defect(), bad.message());
        }
        Signal signal = ((Parsed) result).signal();
        if (claim.tenant != null) {
            return combine(claim.tenant, signal);
        }
        if (signal.tenantId() != null) {
            return new Route.ToTenant(signal.tenantId(), signal);
        }
        return missingIsDefault ? new Route.ToTenant(TenantId.DEFAULT, signal) : missing();
    }

    private Route missing() {
        String what = switch (source) {
            case VALUE -> "the value has no field tenant_id";
            case HEADER, KEY, TOPIC -> "the %s is missing".formatted(place());
        };
        return new Route.ToDeadLetter(
                null,
                Defect.TENANT_MISSING,
                what + "; a signal must name its tenant as soon as a tenant other than 0 is configured");
    }

    private Route combine(TenantId trusted, Signal signal) {
        TenantId inValue = signal.tenantId();
        if (inValue != null && !inValue.equals(trusted)) {
            return new Route.ToDeadLetter(
                    trusted,
                    Defect.TENANT_MISMATCH,
                    "the value names tenant %s, the %s names %s".formatted(inValue, place(), trusted));
        }
        return new Route.ToTenant(trusted, signal);
    }

    private static Claim inHeader(Headers headers) {
        TenantId found = null;
        for (Header header : headers.headers(TidegateHeaders.TENANT_CLAIM)) {
            TenantId id = header.value() == null ? null : TenantId.tryParse(header.value());
            if (id == null || (found != null && !found.equals(id))) {
                return Claim.of(null);
            }
            found = id;
        }
        return found == null ? Claim.MISSING : Claim.of(found);
    }

    /** The tenant of an ingress topic {@code <anything>.<id>}; null where its name does not end so. */
    public static @Nullable TenantId inTopic(String topic) {
        int dot = topic.lastIndexOf('.');
        return dot < 0 ? null : TenantId.tryParse(topic.substring(dot + 1));
    }

    private String place() {
        return switch (source) {
            case VALUE -> "value";
            case HEADER -> "header " + TidegateHeaders.TENANT_CLAIM;
            case KEY -> "key";
            case TOPIC -> "topic";
        };
    }

    private enum ClaimState {
        /** The place names a tenant. */
        TENANT,
        /** No place but the value counts. */
        NONE,
        /** The place is empty. */
        MISSING,
        /** The place says something that is not a tenant. */
        INVALID
    }

    /** What a trusted place says; the tenant is null in all states but one. */
    private record Claim(@Nullable TenantId tenant, ClaimState state) {
        static final Claim NONE = new Claim(null, ClaimState.NONE);
        static final Claim MISSING = new Claim(null, ClaimState.MISSING);

        static Claim of(@Nullable TenantId tenant) {
            return new Claim(tenant, tenant == null ? ClaimState.INVALID : ClaimState.TENANT);
        }
    }
}
