package io.tidegate.contract;

import io.tidegate.signal.Defect;
import io.tidegate.signal.FieldSource;
import io.tidegate.signal.HeaderValues;
import io.tidegate.signal.ParseResult;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.Signal;
import io.tidegate.signal.SignalReader;
import io.tidegate.tenant.TenantId;
import io.tidegate.tenant.TenantNames;
import io.tidegate.tenant.TenantRef;
import java.util.ArrayList;
import java.util.List;
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
         * @param signal the parsed value
         */
        record ToTenant(TenantId tenant, Signal signal) implements Route {}

        /**
         * The record is a signal that refers to its tenant by a name that no tenant has, or several.
         *
         * @param name the normalized name
         */
        record ToUnknown(String name) implements Route {
            /** The reason for the rejection. */
            public static final String MESSAGE = "no tenant has this name, or several do";
        }

        /**
         * The record cannot be judged.
         *
         * @param tenant the tenant that it claims, if known
         * @param defect the kind of defect
         * @param message a description for people
         */
        record ToDeadLetter(@Nullable TenantId tenant, Defect defect, String message) implements Route {}
    }

    private final TenantSource source;
    private final SignalReader reader;
    private final TenantNames names;

    /** Creates a router that knows no names. */
    public Router(TenantSource source, SignalReader reader) {
        this(source, reader, TenantNames.NONE);
    }

    /**
     * Creates a router.
     *
     * @param source the trusted place of the tenant; with {@link TenantSource#VALUE}, the reader finds it
     * @param names resolves the names by which signals refer to tenants
     */
    public Router(TenantSource source, SignalReader reader, TenantNames names) {
        this.source = source;
        this.reader = reader;
        this.names = names;
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
            case KEY -> key == null ? Claim.MISSING : Claim.of(TenantRef.tryParse(key));
            case TOPIC -> {
                TenantId id = inTopic(topic);
                yield Claim.of(id == null ? null : TenantRef.of(id));
            }
        };
        if (claim.state == ClaimState.MISSING) {
            if (!missingIsDefault) {
                return missing();
            }
            claim = Claim.of(TenantRef.of(TenantId.DEFAULT));
        }
        if (claim.state == ClaimState.INVALID) {
            return new Route.ToDeadLetter(
                    null,
                    Defect.TENANT_INVALID,
                    "the %s does not name a tenant: %s"
                            .formatted(
                                    place(),
                                    source == TenantSource.TOPIC
                                            ? "a decimal from 0 to 2^64-1 is expected"
                                            : SignalReader.TENANT_EXPECTED));
        }
        TenantRef trusted = claim.tenant;
        TenantId tenant = trusted == null ? null : trusted.in(names);
        ParseResult result = reader.read(key, value, values(headers));
        if (result instanceof Defective bad) {
            return new Route.ToDeadLetter(tenant, bad.defect(), bad.message());
        }
        Signal signal = ((Parsed) result).signal();
        if (trusted != null) {
            return combine(trusted, tenant, signal);
        }
        if (signal.tenantId() != null) {
            return new Route.ToTenant(signal.tenantId(), signal);
        }
        if (signal.tenantName() != null) {
            return routed(names.named(signal.tenantName()), signal.tenantName(), signal);
        }
        return missingIsDefault ? new Route.ToTenant(TenantId.DEFAULT, signal) : missing();
    }

    private static Route routed(@Nullable TenantId tenant, String name, Signal signal) {
        return tenant == null ? new Route.ToUnknown(name) : new Route.ToTenant(tenant, signal);
    }

    private Route missing() {
        String what = switch (source) {
            case VALUE -> notRead();
            case HEADER, KEY, TOPIC -> "the %s is missing".formatted(place());
        };
        return new Route.ToDeadLetter(
                null,
                Defect.TENANT_MISSING,
                what + "; a signal must name its tenant as soon as a tenant other than 0 is configured");
    }

    private String notRead() {
        FieldSource named = reader.tenantSource();
        if (named == null) {
            return "signals name no tenant: signal.tenant is empty";
        }
        return named instanceof FieldSource.Pointer pointer
                ? "the value has no field "
                        + (pointer.tokens().size() == 1 ? pointer.tokens().get(0) : pointer.text())
                : "the %s is missing".formatted(named.place());
    }

    /** Adapts the headers of a record for {@link SignalReader}. */
    public static HeaderValues values(Headers headers) {
        return name -> {
            List<byte @Nullable []> values = new ArrayList<>(1);
            for (Header header : headers.headers(name)) {
                values.add(header.value());
            }
            return values;
        };
    }

    private Route combine(TenantRef trusted, @Nullable TenantId tenant, Signal signal) {
        TenantRef inValue = signal.tenant();
        if (inValue != null && !inValue.equals(trusted)) {
            TenantId other = inValue.in(names);
            if (other == null || !other.equals(tenant)) {
                return new Route.ToDeadLetter(
                        tenant,
                        Defect.TENANT_MISMATCH,
                        "the value names tenant %s, the %s names %s".formatted(inValue, place(), trusted));
            }
        }
        return routed(tenant, String.valueOf(trusted.name()), signal);
    }

    private static Claim inHeader(Headers headers) {
        TenantRef found = null;
        for (Header header : headers.headers(TidegateHeaders.TENANT_CLAIM)) {
            TenantRef ref = TenantRef.tryParse(header.value());
            if (ref == null || (found != null && !found.equals(ref))) {
                return Claim.of(null);
            }
            found = ref;
        }
        return found == null ? Claim.MISSING : Claim.of(found);
    }

    /**
     * Returns the tenant of an ingress topic {@code <anything>.<id>}; null if its name does not end with an id. Names
     * are not supported here.
     */
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
        /** Only the value is read. */
        NONE,
        /** The place is empty. */
        MISSING,
        /** The content of the place does not name a tenant. */
        INVALID
    }

    /** The content of a trusted place. The tenant is null in all states except {@link ClaimState#TENANT}. */
    private record Claim(@Nullable TenantRef tenant, ClaimState state) {
        static final Claim NONE = new Claim(null, ClaimState.NONE);
        static final Claim MISSING = new Claim(null, ClaimState.MISSING);

        static Claim of(@Nullable TenantRef tenant) {
            return new Claim(tenant, tenant == null ? ClaimState.INVALID : ClaimState.TENANT);
        }
    }
}
