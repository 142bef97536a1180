package io.tidegate.topology;

import io.tidegate.signal.Defect;
import io.tidegate.signal.ParseResult;
import io.tidegate.signal.ParseResult.Defective;
import io.tidegate.signal.ParseResult.Parsed;
import io.tidegate.signal.SignalParser;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/** Finds a record's tenant, or says why it has none. Pure; thread-safe. */
public final class Router {
    /** The outcome of {@link #route}. */
    public sealed interface Route {
        /** The record is a signal of this tenant. */
        record ToTenant(TenantId tenant) implements Route {}

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

    public Route route(String topic, byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
        Claim claim = switch (source) {
            case VALUE -> new Claim(null, true);
            case HEADER -> inHeader(headers);
            case KEY -> key == null ? Claim.of(TenantId.DEFAULT) : Claim.of(TenantId.tryParse(key));
            case TOPIC -> Claim.of(inTopic(topic));
        };
        if (!claim.valid) {
            return new Route.ToDeadLetter(
                    null,
                    Defect.TENANT_INVALID,
                    "the %s does not name a tenant: a decimal from 0 to 2^64-1 is expected".formatted(place()));
        }
        ParseResult result = parser.parse(value);
        if (result instanceof Defective bad) {
            return new Route.ToDeadLetter(claim.tenant, bad.defect(), bad.message());
        }
        return combine(claim.tenant, ((Parsed) result).signal().tenantId());
    }

    private Route combine(@Nullable TenantId trusted, @Nullable TenantId inValue) {
        if (trusted == null) {
            return new Route.ToTenant(inValue == null ? TenantId.DEFAULT : inValue);
        }
        if (inValue != null && !inValue.equals(trusted)) {
            return new Route.ToDeadLetter(
                    trusted,
                    Defect.TENANT_MISMATCH,
                    "the value names tenant %s, the %s names %s".formatted(inValue, place(), trusted));
        }
        return new Route.ToTenant(trusted);
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
        return Claim.of(found == null ? TenantId.DEFAULT : found);
    }

    /** The tenant of an ingress topic {@code <anything>.<id>}; null where its name does not end so. */
    public static @Nullable TenantId inTopic(String topic) {
        int dot = topic.lastIndexOf('.');
        return dot < 0 ? null : TenantId.tryParse(topic.substring(dot + 1).getBytes(StandardCharsets.UTF_8));
    }

    private String place() {
        return switch (source) {
            case VALUE -> "value";
            case HEADER -> "header " + TidegateHeaders.TENANT_CLAIM;
            case KEY -> "key";
            case TOPIC -> "topic";
        };
    }

    /** What a trusted place says: a tenant; nothing, where the value alone counts; or something invalid. */
    private record Claim(@Nullable TenantId tenant, boolean valid) {
        static Claim of(@Nullable TenantId tenant) {
            return new Claim(tenant, tenant != null);
        }
    }
}
