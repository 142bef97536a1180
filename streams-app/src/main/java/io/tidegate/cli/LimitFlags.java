package io.tidegate.cli;

import io.tidegate.tenant.TenantConfig;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Option;

/** The options that name the fields to remove from a config of a tenant or a plan. */
final class LimitFlags {
    @Option(names = "--rate", description = "Remove the rate limit.")
    private boolean rate;

    @Option(names = "--burst", description = "Remove the burst: the bucket holds 2 × the rate.")
    private boolean burst;

    @Option(names = "--byte-rate", description = "Remove the byte rate limit.")
    private boolean byteRate;

    @Option(names = "--byte-burst", description = "Remove the byte burst: the bucket holds 2 × the byte rate.")
    private boolean byteBurst;

    @Option(names = "--signal-size", description = "Remove the size limit.")
    private boolean signalSize;

    @Option(names = "--period", description = "Remove the limits of hours, days and months.")
    private boolean periods;

    @Option(names = "--signal", description = "Remove the limits of single types.")
    private boolean signals;

    @Option(names = "--entities", description = "Remove the limit of entities.")
    private boolean entities;

    @Option(names = "--items", description = "Remove the limit of items.")
    private boolean items;

    @Option(names = "--users", description = "Remove the limit of users.")
    private boolean users;

    @Option(names = "--creators", description = "Remove the limit of creators.")
    private boolean creators;

    @Option(names = "--entity-idle-ttl", description = "Remove the time after which entities expire.")
    private boolean entityIdleTtl;

    @Option(names = "--storage", description = "Remove the limit of storage.")
    private boolean storage;

    @Option(names = "--region", description = "Remove the region restriction.")
    private boolean region;

    @Option(names = "--label", description = "Remove the label.")
    private boolean label;

    @Option(names = "--mode", description = "Remove the mode: enforce, or that of the plan.")
    private boolean mode;

    @Option(names = "--blocked-until", description = "Remove the block.")
    private boolean blockedUntil;

    boolean namesAny() {
        boolean rates = rate || burst || byteRate || byteBurst || signalSize;
        boolean counts = periods || signals || entities || items || users || creators || entityIdleTtl || storage;
        return rates || counts || region || label || mode || blockedUntil;
    }

    /** Returns the config without the named fields. */
    TenantConfig without(TenantConfig base) {
        return base.toBuilder()
                .maxSignalsPerSec(rate ? null : base.maxSignalsPerSec())
                .burstSignals(burst ? null : base.burstSignals())
                .maxBytesPerSec(byteRate ? null : base.maxBytesPerSec())
                .burstBytes(byteBurst ? null : base.burstBytes())
                .maxSignalBytes(signalSize ? null : base.maxSignalBytes())
                .periods(periods ? List.of() : base.periods())
                .signals(signals ? Map.of() : base.signals())
                .maxEntities(entities ? null : base.maxEntities())
                .maxItems(items ? null : base.maxItems())
                .maxUsers(users ? null : base.maxUsers())
                .maxCreators(creators ? null : base.maxCreators())
                .entityIdleTtl(entityIdleTtl ? null : base.entityIdleTtl())
                .maxStorageBytes(storage ? null : base.maxStorageBytes())
                .requiredRegions(region ? List.of() : base.requiredRegions())
                .label(label ? "" : base.label())
                .mode(mode ? null : base.mode())
                .blockedUntil(blockedUntil ? null : base.blockedUntil())
                .unlimited(base.unlimited().stream()
                        .filter(field -> !named().contains(field))
                        .toList())
                .build();
    }

    /** Returns the named limits by their JSON names. */
    private Set<String> named() {
        Set<String> named = new HashSet<>();
        note(named, "max_signals_per_sec", rate);
        note(named, "max_bytes_per_sec", byteRate);
        note(named, "max_signal_bytes", signalSize);
        note(named, "periods", periods);
        note(named, "signals", signals);
        note(named, "max_entities", entities);
        note(named, "max_items", items);
        note(named, "max_users", users);
        note(named, "max_creators", creators);
        note(named, TenantConfig.ENTITY_IDLE_TTL, entityIdleTtl);
        note(named, "max_storage_bytes", storage);
        return named;
    }

    private static void note(Set<String> named, String field, boolean isNamed) {
        if (isNamed) {
            named.add(field);
        }
    }
}
