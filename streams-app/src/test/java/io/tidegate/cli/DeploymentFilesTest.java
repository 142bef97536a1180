package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidegate.metrics.MetricNames;
import io.tidegate.tools.ConservationCheck;
import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The files in {@code deploy/} contain only names that exist in the code and are explained in the documentation. */
class DeploymentFilesTest {
    private static final Path ROOT = Path.of("..");
    private static final Path DASHBOARD = ROOT.resolve("deploy/grafana/dashboards/tidegate.json");
    private static final Path RULES = ROOT.resolve("deploy/prometheus/rules.yml");
    private static final Pattern METRIC = Pattern.compile("\\btidegate_\\w+");
    private static final Pattern ALERT = Pattern.compile("alert: (\\w+)");

    private static List<String> find(Pattern pattern, String text, int group) {
        List<String> found = new ArrayList<>();
        Matcher matcher = pattern.matcher(text);
        while (matcher.find()) {
            found.add(matcher.group(group));
        }
        return found;
    }

    private static Set<String> exported() {
        Set<String> names = Arrays.stream(MetricNames.class.getDeclaredFields())
                .filter(field -> Modifier.isPublic(field.getModifiers()))
                .map(field -> {
                    try {
                        return (String) field.get(null);
                    } catch (IllegalAccessException e) {
                        throw new AssertionError(e);
                    }
                })
                .collect(Collectors.toCollection(TreeSet::new));
        for (String histogram : List.of(MetricNames.WAL_FSYNC, MetricNames.WAL_CHECKPOINT)) {
            names.addAll(List.of(histogram + "_bucket", histogram + "_count", histogram + "_sum"));
        }
        names.addAll(List.of(VerifyCommand.CONSERVATION_HOLDS, VerifyCommand.CONSERVATION_CHECKED));
        return names;
    }

    @Test
    void theDashboardAndTheAlertsNameOnlyMetricsThatAreExported() throws IOException {
        List<String> dashboard = find(METRIC, Files.readString(DASHBOARD), 0);
        List<String> rules = find(METRIC, Files.readString(RULES), 0);

        assertThat(dashboard).hasSizeGreaterThan(30);
        assertThat(exported()).containsAll(dashboard);
        assertThat(rules).hasSizeGreaterThan(15);
        assertThat(exported()).containsAll(rules);
    }

    @Test
    void everyMetricThatAnAlertUsesIsExplained() throws IOException {
        String page = Files.readString(ROOT.resolve("docs/metrics.md"));

        assertThat(find(METRIC, Files.readString(RULES), 0))
                .allSatisfy(metric -> assertThat(page).contains("`" + metric.replaceFirst("_(bucket|count|sum)$", "")));
    }

    @Test
    void everyPanelOfTheDashboardHasAPlaceAndQueries() throws IOException {
        JsonNode dashboard = new ObjectMapper().readTree(DASHBOARD.toFile());
        List<Integer> ids = new ArrayList<>();
        for (JsonNode panel : dashboard.path("panels")) {
            ids.add(panel.path("id").asInt());
            assertThat(panel.at("/gridPos/x").asInt() + panel.at("/gridPos/w").asInt())
                    .as(panel.path("title").asText())
                    .isBetween(1, 24);
            if (!panel.path("type").asText().equals("row")) {
                assertThat(panel.path("targets"))
                        .as(panel.path("title").asText())
                        .isNotEmpty()
                        .allSatisfy(target ->
                                assertThat(target.path("expr").asText()).isNotBlank());
            }
        }
        assertThat(ids).hasSizeGreaterThan(20).doesNotHaveDuplicates();
    }

    @Test
    void everyAlertIsTestedAndHasItsLineInTheGuide() throws IOException {
        String tests = Files.readString(ROOT.resolve("deploy/tests/rules.test.yml"));
        String guide = Files.readString(ROOT.resolve("docs/operations.md"));

        List<String> alerts = find(ALERT, Files.readString(RULES), 1);

        assertThat(alerts).hasSizeGreaterThan(10).doesNotHaveDuplicates().allSatisfy(alert -> {
            assertThat(tests).contains("alertname: " + alert);
            assertThat(guide).contains("`" + alert + "`");
        });
    }

    @Test
    void verifyWritesItsOutcomeForPrometheus(@TempDir Path dir) throws IOException {
        Path file = dir.resolve("tidegate.prom");

        VerifyCommand.writeMetrics(file, new ConservationCheck.Balance(Map.of(), List.of(), 0), 1_700_000_000_999L);

        assertThat(file).hasContent("""
                # TYPE tidegate_conservation_holds gauge
                tidegate_conservation_holds 1
                # TYPE tidegate_conservation_checked_timestamp_seconds gauge
                tidegate_conservation_checked_timestamp_seconds 1700000000
                """);

        VerifyCommand.writeMetrics(
                file, new ConservationCheck.Balance(Map.of(), List.of("wrong"), 1), 1_700_000_001_000L);

        assertThat(file).content().contains("tidegate_conservation_holds 0\n", "_seconds 1700000001\n");
        assertThat(dir).isDirectoryContaining(path -> path.equals(file));
    }
}
