package io.tidegate.streams;

import java.util.Map;
import java.util.Properties;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;

/**
 * The memory that RocksDB takes for all state stores of an instance, outside the heap. By default, Kafka Streams allows
 * up to 100 MB for each store, so the total would grow with the number of shards.
 *
 * <p>Half of it is one cache of blocks, indexes and filters, which all stores share. The other half is divided equally among
 * the write buffers of all stores that the instance can get. A budget that they share would be worse: stores without
 * changes would keep their part of it, and the others would then flush at each write.
 *
 * <p>Close it after the stores. Thread-safe.
 */
public final class StateMemory implements AutoCloseable {
    /** Kafka Streams' default. */
    private static final long WRITE_BUFFER_BYTES_MAX = 16 << 20;

    /** One is being filled while another is flushed, and a third one avoids waiting for a slow disk. */
    private static final int WRITE_BUFFERS = 3;

    private static final String KEY = "tidegate.state.memory";
    private static final int PARTS = 2;

    private final Cache cache;
    private final long writeBufferBytes;

    /**
     * @param bytes the memory of all stores
     * @param stores the number of stores that the instance can get, each with at least 384 KiB: RocksDB uses no smaller
     *     write buffers than 64 KiB
     */
    public StateMemory(long bytes, int stores) {
        RocksDB.loadLibrary();
        cache = new LRUCache(bytes / PARTS);
        writeBufferBytes = Math.min(WRITE_BUFFER_BYTES_MAX, bytes / PARTS / stores / WRITE_BUFFERS);
    }

    /** Makes the stores of an instance use this memory, unless its settings name another class that configures RocksDB. */
    public void applyTo(Properties streams) {
        streams.putIfAbsent(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, Setter.class.getName());
        streams.put(KEY, this);
    }

    @Override
    public void close() {
        cache.close();
    }

    /** Created by Kafka Streams for each store. */
    public static final class Setter implements RocksDBConfigSetter {
        @Override
        public void setConfig(String storeName, Options options, Map<String, Object> configs) {
            StateMemory memory = (StateMemory) configs.get(KEY);
            BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
            table.setBlockCache(memory.cache);
            // Otherwise they are outside the cache, as many as there are files.
            table.setCacheIndexAndFilterBlocks(true);
            table.setPinL0FilterAndIndexBlocksInCache(true);
            options.setTableFormatConfig(table);
            options.setWriteBufferSize(memory.writeBufferBytes);
            options.setMaxWriteBufferNumber(WRITE_BUFFERS);
        }

        @Override
        public void close(String storeName, Options options) {
            // The instance closes the cache, which all stores share.
        }
    }
}
