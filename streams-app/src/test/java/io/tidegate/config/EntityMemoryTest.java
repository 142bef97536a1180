package io.tidegate.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidegate.admission.Admission;
import io.tidegate.admission.Decision;
import io.tidegate.admission.HistoryBounds;
import io.tidegate.admission.TenantUsage;
import io.tidegate.signal.Signal;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One tenant on every shard names new entities without end: the heap holds all of them up to its derived bound. */
class EntityMemoryTest {
    /** The child process: adds entities to one tenant for each shard until they are rejected, and keeps all of them. */
    static final class Fill {
        public static void main(String[] args) throws Exception {
            Settings settings = SettingsLoader.load(null, Map.of(), Map.of("shards", args[0]));
            Admission admission = new Admission(null, settings.entitiesMax(), HistoryBounds.DEFAULT);
            TenantConfig config = TenantConfig.unlimited(TenantId.of(1), "").toBuilder()
                    .entityIdleTtl(args[1].isEmpty() ? null : Duration.parse(args[1]))
                    .build();
            List<TenantUsage> all = new ArrayList<>();
            for (int shard = 0; shard < settings.shards(); shard++) {
                TenantUsage usage = TenantUsage.fresh(shard, 1);
                long id = 0;
                while (admission.admit(config, usage, new Signal(TenantId.of(1), "i" + id++, null, null), 100, 1000)
                        instanceof Decision.Accepted) {
                    usage.entities().release();
                }
                all.add(usage);
            }
            System.out.println(settings.entitiesMax() + " "
                    + all.stream().mapToLong(TenantUsage::entityCount).sum());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "P30D"})
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void aHeapHoldsATenantAtTheBoundOnEveryShard(String idleTtl) throws Exception {
        for (int shards : new int[] {1, 8}) {
            Process child = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-Xmx64m",
                            "-XX:+UseSerialGC",
                            "-cp",
                            System.getProperty("java.class.path"),
                            Fill.class.getName(),
                            Integer.toString(shards),
                            idleTtl)
                    .redirectErrorStream(true)
                    .start();
            String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

            assertThat(child.waitFor(1, TimeUnit.MINUTES)).isTrue();
            assertThat(said).matches("\\d+ \\d+\\R");
            String[] counts = said.trim().split(" ", 2);
            assertThat(Long.parseLong(counts[1])).isEqualTo(shards * Long.parseLong(counts[0]));
        }
    }
}
