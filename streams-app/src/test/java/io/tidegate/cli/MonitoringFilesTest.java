package io.tidegate.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The Grafana dashboard works with any Grafana, and every alert links to a page that explains the remedy. */
class MonitoringFilesTest {
    private static final Path ROOT = Path.of("..");
    private static final Path DASHBOARD = ROOT.resolve("deploy/grafana/dashboards/tidegate.json");
    private static final Path RULES = ROOT.resolve("deploy/prometheus/rules.yml");
    private static final String DOCS_URL = "{{ $externalLabels.docs_url }}";
    private static final Pattern RUNBOOK = Pattern.compile("(docs/[a-z-]+\\.md)#([a-z0-9-]+)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");
    private static final Pattern ANCHOR = Pattern.compile("<a id=\"([^\"]+)\">");

    private static JsonNode dashboard() throws IOException {
        return new ObjectMapper().readTree(DASHBOARD.toFile());
    }

    private static List<JsonNode> alerts() throws IOException {
        List<JsonNode> alerts = new ArrayList<>();
        for (JsonNode group : new YAMLMapper().readTree(RULES.toFile()).path("groups")) {
            group.path("rules").forEach(rule -> {
                if (rule.has("alert")) {
                    alerts.add(rule);
                }
            });
        }
        assertThat(alerts).hasSizeGreaterThan(15);
        return alerts;
    }

    /** The valid targets of a link into a page of the docs: its headings and its own anchors. */
    private static List<String> anchors(Path page) throws IOException {
        String text = Files.readString(page);
        List<String> anchors = HEADING.matcher(text)
                .results()
                .map(heading -> heading.group(1)
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^a-z0-9 _-]", "")
                        .replace(' ', '-'))
                .collect(Collectors.toCollection(ArrayList::new));
        ANCHOR.matcher(text).results().forEach(anchor -> anchors.add(anchor.group(1)));
        return anchors;
    }

    @Test
    void theDatasourceOfEveryQueryIsChosenWhereTheDashboardIsImported() throws IOException {
        JsonNode dashboard = dashboard();
        JsonNode first = dashboard.at("/templating/list/0");

        assertThat(first.path("name").asText()).isEqualTo("datasource");
        assertThat(first.path("type").asText()).isEqualTo("datasource");
        assertThat(first.path("query").asText()).isEqualTo("prometheus");
        assertThat(dashboard.findValues("datasource"))
                .hasSizeGreaterThan(50)
                .allSatisfy(datasource ->
                        assertThat(datasource.path("uid").asText()).isEqualTo("${datasource}"));
        for (JsonNode panel : dashboard.path("panels")) {
            for (JsonNode target : panel.path("targets")) {
                assertThat(target.has("datasource"))
                        .as(panel.path("title").asText())
                        .isTrue();
            }
        }
        assertThat(dashboard.has("id")).as("an id of another Grafana").isFalse();
    }

    @Test
    void everyPanelHasATitleOfItsOwnAndADescription() throws IOException {
        List<String> titles = new ArrayList<>();
        for (JsonNode panel : dashboard().path("panels")) {
            String title = panel.path("title").asText();
            titles.add(title);
            assertThat(panel.path("description").asText()).as(title).matches("[A-Z0-9_].{10,}[.]");
        }
        assertThat(titles).hasSizeGreaterThan(30).doesNotHaveDuplicates();
    }

    @Test
    void aChangeOfAConfigIsMarkedInEveryPanel() throws IOException {
        JsonNode annotation = dashboard().at("/annotations/list/0");

        assertThat(annotation.path("name").asText()).isEqualTo("Config changes");
        assertThat(annotation.path("enable").asBoolean()).isTrue();
        assertThat(annotation.path("expr").asText()).contains("tidegate_config_timestamp_seconds", "* 1000");
        assertThat(annotation.path("useValueForTime").asBoolean()).isTrue();
    }

    @Test
    void theRunbookOfEveryAlertIsAPlaceInTheDocsThatNamesIt() throws IOException {
        for (JsonNode alert : alerts()) {
            String name = alert.path("alert").asText();
            String url = alert.at("/annotations/runbook_url").asText();
            assertThat(url).as(name).startsWith(DOCS_URL);
            Matcher matcher = RUNBOOK.matcher(url.substring(DOCS_URL.length()));
            assertThat(matcher.matches()).as("%s: %s", name, url).isTrue();
            Path page = ROOT.resolve(matcher.group(1));
            assertThat(page).exists();
            assertThat(anchors(page)).as(name).contains(matcher.group(2));
            assertThat(Files.readString(page)).contains("`" + name + "`");
        }
    }

    /** People who are paged must not have to open the docs to learn the meaning of an alert. */
    @Test
    void everyAlertHasADescriptionThatIsNotItsSummary() throws IOException {
        List<String> descriptions = new ArrayList<>();
        for (JsonNode alert : alerts()) {
            String description = alert.at("/annotations/description").asText();
            assertThat(description)
                    .as(alert.path("alert").asText())
                    .matches("[A-Z].{40,}[.]")
                    .isNotEqualTo(alert.at("/annotations/summary").asText());
            descriptions.add(description);
        }
        assertThat(descriptions).doesNotHaveDuplicates();
    }

    @Test
    void theDashboardLinksToTheDashboardOfTidegateAndToTheDocs() throws IOException {
        JsonNode dashboard = dashboard();
        List<String> urls = new ArrayList<>();
        for (JsonNode link : dashboard.path("links")) {
            assertThat(link.path("type").asText()).isEqualTo("link");
            urls.add(link.path("url").asText());
        }
        assertThat(urls).containsExactly("${dashboard_url}", "${docs_url}docs/operations.md");
        for (String name : List.of("dashboard_url", "docs_url")) {
            assertThat(dashboard.at("/templating/list")).as(name).anySatisfy(variable -> {
                assertThat(variable.path("name").asText()).isEqualTo(name);
                assertThat(variable.path("type").asText()).isEqualTo("textbox");
            });
        }
    }

    /** An alert without the tenant could not be routed to the people who know the tenant. */
    @Test
    void anAlertAboutTenantsKeepsTheTenantAndShowsItsLabel() throws IOException {
        List<String> aboutTenants = new ArrayList<>();
        for (JsonNode alert : alerts()) {
            String expression = alert.path("expr").asText();
            String summary = alert.at("/annotations/summary").asText();
            if (expression.contains("tidegate_rejections_total") || expression.contains("tenant_quota_used")) {
                aboutTenants.add(alert.path("alert").asText());
                assertThat(summary)
                        .contains("{{ $labels.tenant }}", "tidegate_tenant_label", "label \"label\"")
                        .doesNotContain("\n");
                if (expression.contains(" by (")) {
                    assertThat(expression).containsPattern("by \\([^)]*\\btenant\\b");
                }
            }
        }
        assertThat(aboutTenants)
                .containsExactly("TidegateRejecting", "TidegateTenantOver80Percent", "TidegateTenantOver90Percent");
        for (JsonNode rule : new YAMLMapper().readTree(RULES.toFile()).at("/groups/0/rules")) {
            if (rule.has("record")) {
                assertThat(rule.path("expr").asText()).contains("by (job, tenant");
            }
        }
    }
}
