package io.tidegate.metrics;

/**
 * The name of every metric, in Prometheus' form. Each is documented in {@code docs/metrics.md}. Dashboards and alerts depend on
 * the names, so they do not change.
 */
public final class MetricNames {
    public static final String INSTANCE = "tidegate_instance";

    public static final String SIGNALS = "tidegate_signals_total";
    public static final String DEAD_LETTERS = "tidegate_dead_letters_total";
    public static final String REJECTIONS = "tidegate_rejections_total";
    public static final String LATE_SIGNALS = "tidegate_late_signals_total";
    public static final String HISTORY_BYTES = "tidegate_history_bytes";
    public static final String HISTORY_FULL = "tidegate_history_full_total";
    public static final String REJECTED_TENANTS_FOLDED = "tidegate_rejected_tenants_folded";

    public static final String TENANT_ACCEPTED = "tidegate_tenant_accepted_signals_total";
    public static final String TENANT_OBSERVED = "tidegate_tenant_observed_signals_total";
    public static final String TENANT_LABEL = "tidegate_tenant_label";
    public static final String TENANT_RATE_LIMIT = "tidegate_tenant_rate_limit";
    public static final String TENANT_BURST_LIMIT = "tidegate_tenant_burst_limit";
    public static final String TENANT_TOKENS = "tidegate_tenant_tokens";
    public static final String TENANT_ACCEPTED_BYTES = "tidegate_tenant_accepted_bytes_total";
    public static final String TENANT_BYTE_RATE_LIMIT = "tidegate_tenant_byte_rate_limit";
    public static final String TENANT_BYTE_BURST_LIMIT = "tidegate_tenant_byte_burst_limit";
    public static final String TENANT_SIGNAL_RATE_LIMIT = "tidegate_tenant_signal_rate_limit";
    public static final String TENANT_SIGNAL_LEVEL = "tidegate_tenant_signal_level_percent";
    public static final String TENANT_SIGNAL_TOKENS = "tidegate_tenant_signal_tokens";
    public static final String TENANT_BYTE_TOKENS = "tidegate_tenant_byte_tokens";
    public static final String TENANT_SIGNAL_BYTES_LIMIT = "tidegate_tenant_signal_bytes_limit";
    public static final String TENANT_ITEMS = "tidegate_tenant_items";
    public static final String TENANT_ITEMS_LIMIT = "tidegate_tenant_items_limit";
    public static final String TENANT_USERS = "tidegate_tenant_users";
    public static final String TENANT_USERS_LIMIT = "tidegate_tenant_users_limit";
    public static final String TENANT_CREATORS = "tidegate_tenant_creators";
    public static final String TENANT_CREATORS_LIMIT = "tidegate_tenant_creators_limit";
    public static final String TENANT_ENTITIES = "tidegate_tenant_entities";
    public static final String TENANT_ENTITIES_LIMIT = "tidegate_tenant_entities_limit";
    public static final String TENANT_PERIOD_PERCENT = "tidegate_tenant_period_used_percent";
    public static final String TENANT_PERIOD_USED = "tidegate_tenant_period_used";
    public static final String TENANT_PERIOD_LIMIT = "tidegate_tenant_period_limit";
    public static final String TENANT_STORAGE = "tidegate_tenant_storage_bytes";
    public static final String TENANT_STORAGE_LIMIT = "tidegate_tenant_storage_limit_bytes";
    public static final String TENANTS_FOLDED = "tidegate_tenants_folded";

    public static final String CONFIGS = "tidegate_configs";
    public static final String CONFIG_OFFSET = "tidegate_config_offset";
    public static final String CONFIG_TIMESTAMP = "tidegate_config_timestamp_seconds";
    public static final String NAME_CONFLICTS = "tidegate_tenant_name_conflicts";
    public static final String CONFIGS_REJECTED = "tidegate_configs_rejected_total";

    public static final String MISSING_TENANTS_REJECTED = "tidegate_missing_tenants_rejected";

    public static final String SKIPPED_RECORDS = "tidegate_skipped_records_total";

    public static final String SCHEMA_LOOKUPS = "tidegate_schema_lookups_total";
    public static final String SCHEMAS_CACHED = "tidegate_schemas_cached";
    public static final String SCHEMA_REGISTRY_WAITED_FOR = "tidegate_schema_registry_waited_for";

    public static final String WAL_WRITTEN = "tidegate_wal_written_bytes_total";
    public static final String WAL_SEALED_SEGMENTS = "tidegate_wal_sealed_segments_total";
    public static final String WAL_SEALED_BYTES = "tidegate_wal_sealed_bytes_total";
    public static final String WAL_FSYNC = "tidegate_wal_fsync_seconds";
    public static final String WAL_FSYNC_MAX = "tidegate_wal_fsync_seconds_max";
    public static final String WAL_CHECKPOINT = "tidegate_wal_checkpoint_seconds";
    public static final String WAL_CHECKPOINT_MAX = "tidegate_wal_checkpoint_seconds_max";
    public static final String WAL_CUTS = "tidegate_wal_cuts_total";
    public static final String WAL_CUT_BYTES = "tidegate_wal_cut_bytes_total";
    public static final String WAL_VERIFY_DAMAGED = "tidegate_wal_verify_damaged";
    public static final String DISK_FREE = "tidegate_disk_free_bytes";
    public static final String DISK_MIN_FREE = "tidegate_disk_min_free_bytes";

    public static final String LOST_RECORDS = "tidegate_lost_records_total";
    public static final String TOPIC_FINDINGS = "tidegate_topic_findings";

    public static final String RESTORED_RECORDS = "tidegate_restored_records_total";
    public static final String RESTORE_REMAINING = "tidegate_restore_remaining_records";
    public static final String INGRESS_TRANSACTIONS = "tidegate_ingress_transactions_open";
    public static final String LAG_RECORDS = "tidegate_lag_records";
    public static final String GROUP_LAG_RECORDS = "tidegate_group_lag_records";
    public static final String OWNERLESS_PARTITIONS = "tidegate_ownerless_partitions";
    public static final String LAG_SECONDS = "tidegate_lag_seconds";
    public static final String PARTITION_SKEW = "tidegate_partition_skew_seconds";
    public static final String PARTITIONS_WITHHELD = "tidegate_partitions_withheld";
    public static final String PARTITIONS_IGNORED = "tidegate_partitions_ignored";
    public static final String TASKS = "tidegate_tasks";

    public static final String RUNNING = "tidegate_running";
    public static final String PAUSED = "tidegate_paused";
    public static final String THREAD_FAILURES = "tidegate_thread_failures_total";
    public static final String THREADS_REPLACED = "tidegate_threads_replaced_total";

    public static final String STREAMS_THREADS = "tidegate_streams_threads";
    public static final String STREAMS_COMMIT_AVG = "tidegate_streams_commit_latency_avg_seconds";
    public static final String STREAMS_COMMIT_MAX = "tidegate_streams_commit_latency_max_seconds";
    public static final String STREAMS_COMMITS = "tidegate_streams_commits_total";
    public static final String STREAMS_PROCESSED = "tidegate_streams_processed_records_total";
    public static final String STREAMS_REBALANCES = "tidegate_streams_rebalances_total";
    public static final String STREAMS_REBALANCE_MAX = "tidegate_streams_rebalance_latency_max_seconds";
    public static final String STREAMS_TASK_STARTS = "tidegate_streams_task_starts_total";
    public static final String STREAMS_TASK_ENDS = "tidegate_streams_task_ends_total";
    public static final String STATE_CACHE_BYTES = "tidegate_state_cache_bytes";
    public static final String STATE_CACHE_LIMIT_BYTES = "tidegate_state_cache_limit_bytes";
    public static final String STATE_WRITE_BUFFER_BYTES = "tidegate_state_write_buffer_bytes";
    public static final String CLIENT_SENT_BYTES = "tidegate_client_sent_bytes_total";
    public static final String CLIENT_RECEIVED_BYTES = "tidegate_client_received_bytes_total";
    public static final String CLIENT_CONNECTIONS = "tidegate_client_connections";
    public static final String CLIENT_SEND_ERRORS = "tidegate_client_send_errors_total";

    private MetricNames() {}
}
