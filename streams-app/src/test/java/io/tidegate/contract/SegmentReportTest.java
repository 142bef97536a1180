package io.tidegate.contract;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import io.tidegate.wal.SealedSegment;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class SegmentReportTest {
    private static final SealedSegment SEALED = new SealedSegment(
            TenantId.of(42),
            3,
            81_920,
            81_922,
            67_109_120,
            0xc0ffee,
            Instant.parse("2026-01-31T12:00:00Z").toEpochMilli());

    @Test
    void writesTheGoldenReport() throws IOException {
        assertThat(new String(SegmentReport.of(SEALED, "a", null).json(), StandardCharsets.UTF_8))
                .isEqualTo(golden());
    }

    @Test
    void readsTheGoldenReport() throws IOException {
        assertThat(SegmentReport.parse(golden().getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(SegmentReport.of(SEALED, "a", null));
    }

    private static String golden() throws IOException {
        try (InputStream in = SegmentReportTest.class.getResourceAsStream("/golden/segment-report.json")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).trim();
        }
    }
}
