package io.tidegate.wal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class FileFaultTest {
    @Test
    void explainsTheCauseInWordsAndNamesNoClass() {
        assertThat(FileFault.describe(new AccessDeniedException("/data"))).isEqualTo("permission denied");
        assertThat(FileFault.describe(new NoSuchFileException("/data"))).isEqualTo("it does not exist");
        assertThat(FileFault.describe(new MalformedInputException(1))).isEqualTo("it is not UTF-8");
        assertThat(FileFault.describe(new FileSystemException("/data", null, "Read-only file system")))
                .isEqualTo("Read-only file system");
        assertThat(FileFault.describe(new IOException("Is a directory"))).isEqualTo("Is a directory");
        assertThat(FileFault.describe(new IOException())).doesNotContain("java");
    }

    @Test
    void aFailureOfTheWalSaysPermissionDeniedWithItsPath() {
        assertThat(WalException.io("locking", Path.of("/data/lock"), new AccessDeniedException("/data/lock")))
                .hasMessage("locking /data/lock failed: permission denied");
    }
}
