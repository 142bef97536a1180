package io.tidegate.topology;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports records of internal topics that Tidegate did not write and therefore skips. Counts each one and logs the
 * first {@value #LINES_ALL}, then one at every power of two, without any content. Not thread-safe; owned by the task.
 */
final class SkippedRecords {
    private static final Logger LOG = LoggerFactory.getLogger(SkippedRecords.class);
    private static final int LINES_ALL = 10;

    private final TopologyListener listener;
    private long count;

    SkippedRecords(TopologyListener listener) {
        this.listener = listener;
    }

    void skipped(String topic, int partition, long offset, String why) {
        count++;
        listener.skipped();
        if (count <= LINES_ALL || Long.bitCount(count) == 1) {
            LOG.warn(
                    "skipped a record that Tidegate did not write; only Tidegate may write to this topic topic={}"
                            + " partition={} offset={} why=\"{}\" skipped={}",
                    topic,
                    partition,
                    offset,
                    why,
                    count);
        }
    }
}
