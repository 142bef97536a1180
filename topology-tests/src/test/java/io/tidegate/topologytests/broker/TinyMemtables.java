package io.tidegate.topologytests.broker;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.Options;

/**
 * Makes RocksDB flush all the time. After a kill -9, Kafka Streams then finds a store that is ahead of the last commit, and
 * deletes the task's whole directory.
 */
public final class TinyMemtables implements RocksDBConfigSetter {
    private static final long MEMTABLE_BYTES = 16 * 1024;

    @Override
    public void setConfig(String storeName, Options options, Map<String, Object> configs) {
        options.setWriteBufferSize(MEMTABLE_BYTES);
    }

    @Override
    public void close(String storeName, Options options) {
        // nothing to close
    }
}
