package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Copies of removed bytes: exact, and bounded whatever the size of the file. */
@Timeout(600)
class QuarantineTest {
    private static final TenantId TENANT = TenantId.of(42);
    private static final long TIB = 1L << 40;

    @TempDir(factory = MemoryDir.class)
    Path root;

    private DataDir dir;
    private Path segment;

    @BeforeEach
    void writeSegment() throws IOException {
        dir = new DataDir(root);
        segment = dir.walOf(TENANT).resolve("00000000000000000000.shard-00003.log");
        Files.createDirectories(segment.getParent());
        Files.writeString(segment, "0123456789");
    }

    private void grow(long size) throws IOException {
        try (var file = new RandomAccessFile(segment.toFile(), "rw")) {
            file.setLength(size);
        }
    }

    private Path theCopy() throws IOException {
        try (Stream<Path> copies = Files.list(dir.quarantine().directory())) {
            return copies.reduce((one, two) -> {
                        throw new AssertionError(one + " and " + two);
                    })
                    .orElseThrow();
        }
    }

    /** The disk space of a file, in KiB. */
    private static long kibibytes(Path file) throws IOException {
        Process du = new ProcessBuilder("du", "-k", file.toString()).start();
        String line = new String(du.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return Long.parseLong(line.substring(0, line.indexOf('\t')));
    }

    @Test
    void aTornTailIsCopiedExactly() throws IOException {
        dir.quarantine().truncate(TENANT, segment, 4, "torn");

        assertThat(segment).hasContent("0123");
        assertThat(theCopy()).hasContent("456789");
    }

    @Test
    void aCopyThatFailsIsRemoved(@TempDir(factory = MemoryDir.class) Path base) throws IOException {
        FaultyDisk disk = new FaultyDisk(base);
        DataDir faulty = new DataDir(disk.root());
        Path torn = faulty.walOf(TENANT).resolve(segment.getFileName().toString());
        Files.createDirectories(torn.getParent());
        Files.writeString(torn, "0123456789");
        int failures = 0;

        for (int step = 1; Files.size(torn) > 4; step++) {
            disk.breakAt(step, false);
            try {
                faulty.quarantine().truncate(TENANT, torn, 4, "torn");
            } catch (IOException e) {
                failures++;
            }
            disk.breakAt(0, false);
            if (Files.isDirectory(faulty.quarantine().directory())) {
                try (Stream<Path> copies = Files.list(faulty.quarantine().directory())) {
                    assertThat(copies)
                            .allSatisfy(
                                    copy -> assertThat(Files.readString(copy)).isEqualTo("456789"));
                }
            }
        }

        assertThat(failures).isGreaterThan(3);
    }

    @Test
    void aTailOfOneTebibyteOfHolesIsTruncatedAndTakesNoRoom() throws IOException {
        grow(TIB);

        dir.quarantine().truncate(TENANT, segment, 4, "crafted");

        assertThat(segment).hasContent("0123");
        assertThat(Files.size(theCopy())).isEqualTo(Quarantine.KEPT_BYTES_MAX);
        assertThat(kibibytes(theCopy())).isLessThan(1024);
    }

    @Test
    void aWholeSegmentOfOneTebibyteOfHolesIsCopiedBounded() throws IOException {
        grow(TIB);

        dir.quarantine().copy(TENANT, segment);

        assertThat(Files.size(theCopy())).isEqualTo(Quarantine.KEPT_BYTES_MAX);
        assertThat(kibibytes(theCopy())).isLessThan(1024);
    }
}
