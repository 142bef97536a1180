package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admin.DeclaredConfigs;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** The expected effects of the image and the compose files in Docker. deploy/tests/test-cluster runs the containers. */
class ComposeFilesTest {
    private static final Path ROOT = Path.of("..");
    private static final List<String> FILES = List.of("docker-compose.yml", "deploy/compose.regions.yml");
    private static final int DOWN_WITHIN_S = 15;

    /** The part of those 15 seconds for the removal of containers and the network. */
    private static final int REMOVAL_S = 2;

    private static final int REACHED_WITHIN_S = 60;

    private static ObjectNode services(String file) throws IOException {
        Map<String, Object> merged = new Yaml().load(Files.readString(ROOT.resolve(file)));
        return (ObjectNode) new ObjectMapper().valueToTree(merged).path("services");
    }

    private static boolean isTidegate(JsonNode service) {
        return service.path("image").asText().startsWith("tidegate:");
    }

    /** A service is an instance if it has neither another entry point nor a profile for commands. */
    private static boolean isInstance(JsonNode service) {
        return isTidegate(service) && !service.has("entrypoint") && !service.has("profiles");
    }

    private static int graceSeconds(JsonNode service) {
        return service.has("stop_grace_period")
                ? Integer.parseInt(service.path("stop_grace_period").asText().replace("s", ""))
                : 10;
    }

    @Test
    void onlyInstancesHaveTheImagesHealthCheck() throws IOException {
        for (String file : FILES) {
            List<String> instances = new ArrayList<>();
            services(file).properties().forEach(service -> {
                if (isInstance(service.getValue())) {
                    instances.add(service.getKey());
                } else if (isTidegate(service.getValue())) {
                    assertThat(service.getValue().at("/healthcheck/disable").asBoolean())
                            .as("%s %s", file, service.getKey())
                            .isTrue();
                }
            });
            assertThat(instances).as(file).hasSizeGreaterThan(1);
        }
    }

    @Test
    void everythingStopsWithinFifteenSecondsAndInstancesBeforeTheirBrokers() throws IOException {
        for (String file : FILES) {
            ObjectNode services = services(file);
            int instanceS = 0;
            int brokerS = 0;
            for (Map.Entry<String, JsonNode> service : services.properties()) {
                if (isInstance(service.getValue())) {
                    instanceS = Math.max(instanceS, graceSeconds(service.getValue()));
                    services.fieldNames().forEachRemaining(name -> {
                        if (name.startsWith("kafka")) {
                            assertThat(service.getValue()
                                            .at("/depends_on/%s/condition".formatted(name))
                                            .asText())
                                    .as("%s %s", file, service.getKey())
                                    .isEqualTo("service_healthy");
                        }
                    });
                } else if (service.getKey().startsWith("kafka")) {
                    brokerS = Math.max(brokerS, graceSeconds(service.getValue()));
                }
                assertThat(graceSeconds(service.getValue())).isLessThan(DOWN_WITHIN_S);
            }
            assertThat(instanceS + brokerS).as(file).isLessThanOrEqualTo(DOWN_WITHIN_S - REMOVAL_S);
        }
    }

    /** A shell as process 1 ignores SIGTERM, and Docker waits until it kills the shell. */
    @Test
    void everyContainerOfTidegateHasAnInitProcess() throws IOException {
        for (String file : FILES) {
            services(file).properties().forEach(service -> {
                if (isTidegate(service.getValue())) {
                    assertThat(service.getValue().path("init").asBoolean())
                            .as("%s %s", file, service.getKey())
                            .isTrue();
                }
            });
        }
    }

    @Test
    void aCommandFindsAnInstanceAndMayWriteWhereCommandsWrite() throws IOException {
        for (String file : FILES) {
            services(file).properties().forEach(service -> {
                if (service.getKey().endsWith("cli")) {
                    JsonNode cli = service.getValue();
                    boolean isInside = cli.path("network_mode").asText().startsWith("service:");
                    assertThat(cli.at("/environment/TIDEGATE_URL").asText())
                            .as(file)
                            .matches(isInside ? "http://127\\.0\\.0\\.1:8080" : "http://[a-z0-9-]+:8080");
                    assertThat(cli.path("volumes").toString())
                            .as("doctor, wal verify and wal verify --repair write to the data directory")
                            .doesNotContainPattern("/(data/\\d|var/lib/tidegate):ro");
                }
            });
        }
        JsonNode cli = services("docker-compose.yml").path("cli");
        String tokenFile = cli.at("/environment/TIDEGATE_TOKEN_FILE").asText();
        assertThat(cli.path("volumes").toString()).contains("\"tokens:/etc/tidegate:ro\"");
        assertThat(services("docker-compose.yml").at("/setup/command/0").asText())
                .contains(
                        "cd " + Path.of(tokenFile).getParent(),
                        ">" + Path.of(tokenFile).getFileName());
    }

    /** The image declares a volume, so each run of a command without a mount would leave an anonymous one behind. */
    @Test
    void noCommandLeavesAVolumeBehind() throws IOException {
        for (String file : FILES) {
            services(file).properties().forEach(service -> {
                String mounts = "%s%s"
                        .formatted(
                                service.getValue().path("volumes"),
                                service.getValue().path("tmpfs"));
                if (isTidegate(service.getValue())) {
                    assertThat(mounts).as("%s %s", file, service.getKey()).contains("/var/lib/tidegate");
                }
            });
        }
    }

    private static String demo() throws IOException {
        return services("docker-compose.yml").at("/demo/command/0").asText();
    }

    private static double option(String name) throws IOException {
        Matcher matcher =
                Pattern.compile("tidegate load .*--" + name + " ([0-9.]+)").matcher(demo());
        assertThat(matcher.find()).as(name).isTrue();
        return Double.parseDouble(matcher.group(1));
    }

    /** The signals per second that the load generator sends for a tenant. */
    private static double perSecond(int tenant) throws IOException {
        double sum = 0;
        for (int other = 1; other <= option("tenants"); other++) {
            sum += Math.pow(other, -option("skew"));
        }
        return option("rate") * Math.pow(tenant, -option("skew")) / sum;
    }

    @Test
    void theDemosTenantsReachEachOfTheirLimitsWithinAMinute() throws IOException {
        Matcher declared =
                Pattern.compile("(?s)apply -f - <<'END'\n(.*?)\nEND\n").matcher(demo());
        assertThat(declared.find()).isTrue();
        DeclaredConfigs configs = DeclaredConfigs.parse(declared.group(1).getBytes(StandardCharsets.UTF_8));
        Map<TenantId, TenantConfig> tenants = configs.tenants();
        double bytes = option("size");
        double entitiesOfEachKind = option("entities");
        long segmentBytes = Long.parseLong(services("docker-compose.yml")
                .at("/demo/environment/TIDEGATE_WAL_SEGMENT_BYTES")
                .asText()
                .replaceAll("\\D", ""));

        assertThat(tenants.get(TenantId.of(1)).maxSignalsPerSec()).isGreaterThan((long) perSecond(1));
        assertThat((double) tenants.get(TenantId.of(2)).maxSignalsPerSec()).isLessThan(perSecond(2) / 1.5);
        assertThat(tenants.get(TenantId.of(3)).entityLimit()).isLessThan((long) (2 * entitiesOfEachKind) + 1);
        assertThat(tenants.get(TenantId.of(4)).entityLimit())
                .isBetween((long) (3 * entitiesOfEachKind), (long) (3 * entitiesOfEachKind / 0.8));
        // Only whole segments count.
        long storage = tenants.get(TenantId.of(5)).storageLimit();
        double segments = Math.ceil((double) storage / segmentBytes);
        assertThat(segments * segmentBytes / (perSecond(5) * bytes)).isLessThan(REACHED_WITHIN_S);
        assertThat(tenants.get(TenantId.of(6)).maxBytesPerSec())
                .isLessThan(BigInteger.valueOf((long) (perSecond(6) * bytes)));
        assertThat(tenants.get(TenantId.of(7)).periods().get(0).maxSignals())
                .isLessThan(BigInteger.valueOf((long) (perSecond(7) * REACHED_WITHIN_S)));
        assertThat((double) tenants.get(TenantId.of(8)).signals().get("view").maxSignalsPerSec())
                .isLessThan(perSecond(8));
        assertThat((double) tenants.get(TenantId.of(9)).signalBytesLimit()).isLessThan(bytes);
        assertThat(tenants.get(TenantId.of(10)).blockedUntil()).isNotNull();
        assertThat(tenants).doesNotContainKey(TenantId.of((long) option("tenants")));
    }

    /** Some platforms choose the user of a container, always in group 0. */
    @Test
    void theImagesDirectoriesAreWritableForGroupZeroAndAnyOtherUserGetsAnError() throws IOException {
        assertThat(Files.readString(ROOT.resolve("Dockerfile")))
                .contains("chown tidegate:0 /etc/tidegate /var/lib/tidegate")
                .contains("chmod g=u /etc/tidegate /var/lib/tidegate");
        assertThat(Files.readString(ROOT.resolve("tidegate")))
                .contains("cannot write to $dir: run the image in group 0 (--user $(id -u):0)");
    }

    @Test
    void imagesHaveAVersionAndPortsAreOfLoopback() throws IOException {
        for (String file : FILES) {
            services(file).forEach(service -> {
                assertThat(service.path("image").asText()).as(file).matches("[^:]+:v?\\d[\\d.]+");
                service.path("ports")
                        .forEach(port -> assertThat(port.asText()).as(file).startsWith("127.0.0.1:"));
            });
        }
    }
}
