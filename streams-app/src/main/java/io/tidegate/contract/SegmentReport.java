package io.tidegate.contract;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tidegate.wal.SealedSegment;
import java.io.IOException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A value of {@code wal-segments}: a sealed segment. The key is {@code <tenant>:<first seq>}.
 *
 * @param bytes the own bytes of the records, which the storage quota is charged
 * @param records the number of its records
 * @param firstSeq the first record's sequence number
 * @param lastSeq the last record's sequence number
 * @param crc content checksum, the same for every copy of the segment, as eight hexadecimal digits
 * @param sealedAt the record time at which it was sealed, ISO
 * @param instance the instance that sealed it
 * @param region the region of that instance, or null
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record SegmentReport(
        @JsonProperty("bytes") long bytes,
        @JsonProperty("records") long records,
        @JsonProperty("first_seq") long firstSeq,
        @JsonProperty("last_seq") long lastSeq,
        @JsonProperty("crc") String crc,
        @JsonProperty("sealed_at") String sealedAt,
        @JsonProperty("instance") String instance,
        @JsonProperty("region") @Nullable String region) {
    private static final JsonMapper JSON = new JsonMapper();

    public SegmentReport {
        if (bytes < 0) {
            throw new IllegalArgumentException("a segment of %d bytes".formatted(bytes));
        }
    }

    public static SegmentReport of(SealedSegment segment, String instance, @Nullable String region) {
        return new SegmentReport(
                segment.bytes(),
                segment.records(),
                segment.firstSeq(),
                segment.lastSeq(),
                "%08x".formatted(segment.crc()),
                Instant.ofEpochMilli(segment.sealedAtMs()).toString(),
                instance,
                region);
    }

    public byte[] json() {
        try {
            return JSON.writeValueAsBytes(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a report is always writable", e);
        }
    }

    /** @throws IllegalArgumentException if the bytes are not a report */
    public static SegmentReport parse(byte[] json) {
        try {
            SegmentReport report = JSON.readValue(json, SegmentReport.class);
            if (report == null) {
                throw new IllegalArgumentException("a segment report is JSON null");
            }
            return report;
        } catch (IOException e) {
            throw new IllegalArgumentException("not a segment report", e);
        }
    }
}
