package io.tidegate.topologytests.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.Route;
import com.microsoft.playwright.options.ColorScheme;
import io.tidegate.demo.EmbeddedBroker;
import io.tidegate.topologytests.support.Deployment;
import io.tidegate.topologytests.support.Http;
import io.tidegate.topologytests.support.TidegateProcess;
import java.io.InputStream;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The dashboard in a real browser on a real instance, if Chromium and Node are installed. Writes screenshots. */
@EnabledIf("browserIsThere")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Tag("long")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
final class DashboardTest {
    private static final double WITHIN_MS = 120_000;
    private static final String HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";
    private static final int ASSETS_GZIP_BYTES_MAX = 150_000;

    /** The answer to a replay: its ending, and the number of signals that were sent again. */
    private static final String REPLAY = """
            {"dry_run":false,"ending":"%s","seconds":1,"ends":{},"rejections":[{"tenant":"42","reason":"entity_limit",
            "replayed":%d,"done":0,"given_up":0,"hopeless":0,"foreign":0,"still_rejected":{}}]}
            """;

    @TempDir
    private static Path temp;

    private static EmbeddedBroker broker;
    private static Deployment deployment;
    private static Http http;
    private static Playwright playwright;
    private static Browser browser;

    private final Set<String> requested = new ConcurrentSkipListSet<>();
    private final Set<String> requestedMayBe = new ConcurrentSkipListSet<>();
    private final Set<String> errors = new ConcurrentSkipListSet<>();
    private Page page;

    static boolean browserIsThere() {
        return program("chromium") != null && program("node") != null;
    }

    private static @Nullable Path program(String name) {
        return Stream.of(System.getenv("PATH").split(java.io.File.pathSeparator, -1))
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
    }

    @BeforeAll
    static void start() throws Exception {
        broker = EmbeddedBroker.start(temp.resolve("broker"), 0, Map.of());
        deployment = new Deployment(broker.bootstrapServers(), "dashboard", temp);
        http = Http.of(deployment.start("a"));
        put("1", "{\"label\":\"Quiet Quilts\",\"max_signals_per_sec\":1000}");
        put("2", "{\"label\":\"Exploding Emporium\",\"max_entities\":20}");
        put("3", "{\"label\":%s,\"max_entities\":1}".formatted(quoted(HOSTILE)));
        deployment.send(60, i -> "{\"tenant_id\":1,\"item\":\"a%d\"}".formatted(i));
        deployment.send(60, i -> "{\"tenant_id\":2,\"item\":\"a%d\"}".formatted(i));
        awaitRejected("2", 40);
        playwright = Playwright.create(new Playwright.CreateOptions()
                .setEnv(Map.of(
                        "PLAYWRIGHT_NODEJS_PATH",
                        String.valueOf(program("node")),
                        "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD",
                        "1")));
        browser = playwright
                .chromium()
                .launch(new BrowserType.LaunchOptions()
                        .setExecutablePath(program("chromium"))
                        .setTimeout(WITHIN_MS)
                        .setArgs(List.of("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")));
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.close();
        }
        if (playwright != null) {
            playwright.close();
        }
        if (deployment != null) {
            deployment.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    private static void put(String tenant, String config) {
        var answer = http.send("PUT", "/v1/tenants/" + tenant, config);
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    private static void awaitRejected(String tenant, long count) throws Exception {
        awaitUsage(tenant, usage -> usage.path("rejected_total").asLong() >= count);
    }

    private static void awaitUsage(String tenant, Predicate<JsonNode> wanted) throws Exception {
        TidegateProcess.await(
                Duration.ofMillis((long) WITHIN_MS),
                "usage of tenant %s: ".formatted(tenant),
                () -> usage(tenant).toString(),
                () -> wanted.test(usage(tenant)));
    }

    private static JsonNode usage(String tenant) {
        return http.get("/v1/tenants/%s/usage".formatted(tenant)).json();
    }

    @BeforeEach
    void openPage() {
        requestedMayBe.add(http.url);
        page = open(1280, 900, ColorScheme.LIGHT);
    }

    private Page open(int width, int height, ColorScheme colours) {
        Page opened = browser.newContext(new Browser.NewContextOptions()
                        .setViewportSize(width, height)
                        .setColorScheme(colours))
                .newPage();
        opened.setDefaultTimeout(WITHIN_MS);
        opened.setDefaultNavigationTimeout(WITHIN_MS);
        opened.onRequest(request -> requested.add(request.url()));
        opened.onPageError(errors::add);
        return opened;
    }

    @AfterEach
    void nothingElseWasAskedAndNoScriptFailed() {
        assertThat(requested)
                .allMatch(url -> requestedMayBe.stream().anyMatch(mayBe -> url.startsWith(mayBe + "/"))
                        || url.startsWith("data:"));
        assertThat(errors).isEmpty();
        // A request that a test answers itself must not arrive while the context is closed.
        page.navigate("about:blank");
        page.context().close();
    }

    private void show(Page where, String hash) {
        where.navigate(http.url + "/" + hash);
    }

    /** Its text stays when it disappears after some seconds. */
    private void awaitToast(String text) {
        page.waitForFunction("text => document.getElementById('toast').textContent.includes(text)", text);
    }

    private void awaitText(String selector, String text) {
        page.locator(selector)
                .filter(new Locator.FilterOptions().setHasText(text))
                .first()
                .waitFor();
    }

    @Test
    void everyPageShowsTheNumbersOfTheApi() throws Exception {
        show(page, "#/");
        awaitText("#cluster", "running");
        awaitText(".row[data-tenant='2']", "20 of 20");
        awaitText(".row[data-tenant='2']", "Exploding Emporium");
        awaitText(".row[data-tenant='1']", "Quiet Quilts");
        awaitText("#tiles .tile:nth-child(4)", "1");
        show(page, "#/tenant/2");
        awaitText("h1", "Exploding Emporium");
        awaitText("#accepted", Long.toString(usage("2").path("accepted").asLong()));
        page.reload();
        awaitText("#rejected", Long.toString(usage("2").path("rejected_total").asLong()));
        show(page, "#/wal");
        awaitText("#instances-list", http.url.replaceFirst("^http://", ""));
        awaitText("#instances-list", "ready");
        awaitText("#instances-list", "never");
        JsonNode instance = http.get("/v1/status").json().at("/instances/0");
        awaitText("#instances-list", "version " + instance.path("version").asText());
        awaitText("#instances-list", "Heap");
        assertThat(instance.at("/heap/used_bytes").asLong())
                .isBetween(1L, instance.at("/heap/max_bytes").asLong());
        var verify = deployment.quick("wal", "verify", "--data-dir", deployment.dataDir("a"));
        assertThat(verify.exit()).as(verify.err()).isZero();
        awaitText("#instances-list", "clean");
    }

    @Test
    void namesAreEditedAndStandBesideIds() throws Exception {
        put("8", "{\"label\":\"Named\",\"max_entities\":0}");
        put("9", "{\"external_ids\":[\"taken-name\"]}");
        show(page, "#/tenant/8");
        awaitText("h1", "Named");
        page.fill("#f-external_ids", "taken-name");
        page.click("form.edit button.primary");
        awaitText("form.edit .error", "taken-name");
        page.fill("#f-external_ids", "acme-8\norg_8Kd");
        page.click("form.edit button.primary");
        awaitText(".badges", "t8 · acme-8 · org_8Kd");
        assertThat(http.get("/v1/tenants/8").json().at("/config/external_ids/1").asText())
                .isEqualTo("org_8Kd");
        show(page, "#/rejections?tenant=acme-8");
        awaitText("#tail-state", "live");
        for (int tries = 0; tries < 60 && page.locator("#tail li").count() == 0; tries++) {
            deployment.send(1, i -> "{\"tenant_id\":\"acme-8\",\"item\":\"a\"}");
            page.waitForTimeout(500);
        }
        awaitText("#tail .who", "Named · t8 · acme-8");
        show(page, "#/tenant/8");
        page.fill("#f-external_ids", "");
        page.click("form.edit button.primary");
        awaitText(".changes", "acme-8, org_8Kd → none");
        assertThat(http.get("/v1/tenants/8").json().at("/config/external_ids")).isEmpty();
    }

    /** A change before the config is loaded would clear every limit that the form does not show yet. */
    @Test
    void theFormWaitsForTheConfig() {
        put("85", "{\"label\":\"Slow\",\"max_entities\":7}");
        CountDownLatch arrives = new CountDownLatch(1);
        page.route("**/v1/tenants/85", route -> {
            if (arrives.getCount() == 0) {
                route.resume();
            } else {
                route.abort();
            }
        });
        show(page, "#/tenant/85");
        page.locator("#f-label").waitFor();
        assertThat(page.locator("form.edit input:enabled, form.edit button:enabled, form.edit textarea:enabled")
                        .count())
                .isZero();

        arrives.countDown();
        page.fill("#f-label", "Changed");
        page.click("form.edit button.primary");
        awaitText("h1", "Changed");
        JsonNode config = http.get("/v1/tenants/85").json().path("config");
        assertThat(config.path("label").asText()).isEqualTo("Changed");
        assertThat(config.path("max_entities").asInt()).isEqualTo(7);
    }

    @Test
    void anEditedQuotaChangesDecisionsAndIsInTheHistory() throws Exception {
        put("5", "{\"label\":\"Edited\"}");
        show(page, "#/tenant/5");
        awaitText("h1", "Edited");
        page.fill("#f-max_entities", "many");
        page.click("form.edit button.primary");
        awaitText("form.edit .error", "whole number");
        page.fill("#f-max_entities", "3");
        page.click("form.edit button.primary");
        awaitText(".changes", "max entities");
        assertThat(http.get("/v1/tenants/5").json().at("/config/max_entities").asInt())
                .isEqualTo(3);
        deployment.send(5, i -> "{\"tenant_id\":5,\"item\":\"a%d\"}".formatted(i));
        awaitRejected("5", 2);
        awaitText("#rejected", "2");
        page.click("text=What would it reject?");
        awaitText("#preview", "Would have rejected 2 of the last 5 signals");
        page.locator(".changes button").first().click();
        page.locator(".changes li:nth-child(3)").waitFor();
        assertThat(http.get("/v1/tenants/5").json().at("/config/max_entities").isNull())
                .isTrue();
    }

    @Test
    void theFormSavesNothingOverAChangeOfSomebodyElse() {
        put("86", "{\"label\":\"Before\",\"max_entities\":1000}");
        show(page, "#/tenant/86");
        awaitText("h1", "Before");
        page.fill("#f-max_signals_per_sec", "50");
        put("86", "{\"label\":\"After\",\"max_entities\":5000}");
        awaitText("h1", "After");
        page.click("form.edit button.primary");
        awaitText("#preview", "changed by someone else");
        page.waitForFunction("() => document.getElementById('f-max_entities').value === '5000'");
        assertThat(page.inputValue("#f-max_signals_per_sec")).isEmpty();
        JsonNode config = http.get("/v1/tenants/86").json().path("config");
        assertThat(config.path("max_entities").asInt()).isEqualTo(5000);
        assertThat(config.path("max_signals_per_sec").isNull()).isTrue();

        page.fill("#f-max_signals_per_sec", "50");
        page.click("form.edit button.primary");
        awaitToast("Saved");
        config = http.get("/v1/tenants/86").json().path("config");
        assertThat(config.path("label").asText()).isEqualTo("After");
        assertThat(config.path("max_entities").asInt()).isEqualTo(5000);
        assertThat(config.path("max_signals_per_sec").asInt()).isEqualTo(50);
    }

    @Test
    void anUndoRevertsNoChangeThatTheHistoryDoesNotShow() {
        put("87", "{\"label\":\"One\"}");
        put("87", "{\"label\":\"Two\"}");
        show(page, "#/tenant/87");
        page.locator(".changes li:nth-child(2)").waitFor();
        page.route("**/v1/tenants/87/history", route -> {
            // The answer never arrives.
        });
        put("87", "{\"label\":\"Three\"}");
        awaitText("h1", "Three");
        page.locator(".changes button").first().click();
        awaitToast("read it again");
        assertThat(http.get("/v1/tenants/87").json().at("/config/label").asText())
                .isEqualTo("Three");
    }

    @Test
    void aLimitThatJavaScriptRoundsStaysExact() {
        String storage = "18446744073709551615";
        String bytes = "9223372036854775807";
        put(
                "88",
                "{\"label\":\"Large\",\"max_storage_bytes\":%s,\"periods\":[{\"per\":\"day\",\"max_bytes\":%s}]}"
                        .formatted(storage, bytes));
        show(page, "#/tenant/88");
        awaitText("h1", "Large");
        page.fill("#f-label", "Larger");
        page.click("text=What would it reject?");
        awaitText("#preview", "cannot be shown exactly");
        page.click("form.edit button.primary");
        awaitText("h1", "Larger");
        page.fill("#f-day-max_signals", "5");
        page.click("form.edit button.primary");
        awaitText("#f-periods .error", "The command line sets higher ones");
        JsonNode config = http.get("/v1/tenants/88").json().path("config");
        assertThat(config.path("label").asText()).isEqualTo("Larger");
        assertThat(config.path("max_storage_bytes").asText()).isEqualTo(storage);
        assertThat(config.at("/periods/0/max_bytes").asText()).isEqualTo(bytes);
    }

    @Test
    void anIdleTtlIsADurationInTheFormAndStaysOneText() throws Exception {
        put("66", "{\"label\":\"Idle\"}");
        show(page, "#/tenant/66");
        awaitText("h1", "Idle");
        page.fill("#f-entity_idle_ttl", "30 days");
        page.click("form.edit button.primary");
        awaitText("form.edit .error", "a duration such as P30D");
        page.fill("#f-entity_idle_ttl", "P30D");
        page.click("form.edit button.primary");
        awaitText(".changes", "entity idle ttl: never → P30D");
        assertThat(http.get("/v1/tenants/66")
                        .json()
                        .at("/config/entity_idle_ttl")
                        .asText())
                .isEqualTo("P30D");
    }

    @Test
    void aRejectionAppearsAndItsContentIsInert() {
        show(page, "#/rejections?tenant=3");
        awaitText("#tail-state", "live");
        String signal = "{\"tenant_id\":3,\"item\":%s,\"user\":\"u\"}".formatted(quoted(HOSTILE));
        // The stream starts at the end of the topic once its reader knows the end, so one signal may not be enough.
        for (int tries = 0; tries < 60 && page.locator("#tail li").count() == 0; tries++) {
            deployment.sendQuietly(signal);
            page.waitForTimeout(500);
        }
        awaitText("#tail li", "entity limit");
        page.locator("#tail summary").first().click();
        awaitText("#tail .payload", HOSTILE.substring(0, 10));
        awaitText("#tail .record", "tidegate.source.offset");
        show(page, "#/");
        awaitText(".row[data-tenant='3']", HOSTILE);
        show(page, "#/tenant/3");
        awaitText("h1", HOSTILE);
        assertThat(
                        page.evaluate(
                                "() => window.hacked === undefined && document.querySelector('main img, main script') === null"))
                .isEqualTo(true);
    }

    @Test
    void rejectionsDuringAPauseAppearWhenTheListIsResumed() throws Exception {
        put("70", "{\"label\":\"Paused\",\"max_entities\":1}");
        deployment.send(2, i -> "{\"tenant_id\":70,\"item\":\"a%d\"}".formatted(i));
        awaitFound("70", 1);
        show(page, "#/rejections?tenant=70");
        awaitText("#tail-state", "live");
        page.waitForFunction("() => document.querySelectorAll('#tail li').length === 1");
        page.click("text=Pause");
        awaitText("#tail-state", "paused");
        deployment.send(2, i -> "{\"tenant_id\":70,\"item\":\"b%d\"}".formatted(i));
        awaitFound("70", 3);
        assertThat(page.locator("#tail li").count()).isEqualTo(1);
        page.click("text=Resume");
        page.waitForFunction("() => document.querySelectorAll('#tail li').length === 3");
    }

    /** Waits until the search finds so many rejections of a tenant. */
    private static void awaitFound(String tenant, int count) throws Exception {
        TidegateProcess.await(
                Duration.ofSeconds(60),
                "%d rejections of tenant %s".formatted(count, tenant),
                () -> deployment.logs(),
                () -> http.get("/v1/rejections/search?tenant=" + tenant)
                                .json()
                                .path("rejections")
                                .size()
                        == count);
    }

    @Test
    void everyPageReportsALostConnectionAndRecovers() {
        show(page, "#/");
        awaitText("#cluster", "running");
        show(page, "#/rejections");
        awaitText("#tail-state", "live");
        page.context().setOffline(true);
        awaitText("#tail-state", "connection lost");
        for (String view : List.of("#/rejections", "#/", "#/tenant/2", "#/wal", "#/nowhere")) {
            page.evaluate("hash => { location.hash = hash; }", view);
            awaitText("#stale", "Connection lost");
            awaitText("#cluster", "connection lost");
            assertThat(page.locator("#cluster").textContent()).as(view).doesNotContain("running");
            assertThat(page.locator("main").textContent()).as(view).doesNotContain("live;");
        }
        page.context().setOffline(false);
        page.waitForFunction("() => document.getElementById('stale').hidden");
        awaitText("#cluster", "running");
        awaitText("main", "Page not found");
        page.evaluate("() => { location.hash = '#/'; }");
        awaitText(".row[data-tenant='2']", "20 of 20");
    }

    @Test
    void aTenantIsAddedOnce() {
        show(page, "#/");
        page.click("#add-tenant");
        page.fill("#a-id", "18446744073709551616");
        page.fill("#a-label", "Added Apples");
        page.fill("#a-rate", "25");
        page.click("#dialog button.primary");
        awaitText("#dialog .error", "from 0 to 18446744073709551615");
        page.fill("#a-id", "80");
        page.click("#dialog button.primary");
        awaitText("h1", "Added Apples");
        JsonNode config = http.get("/v1/tenants/80").json().path("config");
        assertThat(config.path("max_signals_per_sec").asInt()).isEqualTo(25);
        show(page, "#/");
        page.click("#add-tenant");
        page.fill("#a-id", "80");
        page.click("#dialog button.primary");
        awaitText("#dialog .error", "already exists");
        page.click("#dialog button:has-text('Cancel')");
        assertThat(http.get("/v1/tenants/80").json().at("/config/label").asText())
                .isEqualTo("Added Apples");
    }

    @Test
    void theFormEditsLimitsOfSingleSignalsOfPeriodsAndOfRegions() {
        put("81", "{\"label\":\"Typed\",\"signals\":{\"click\":{\"max_signals_per_sec\":5}}}");
        show(page, "#/tenant/81");
        awaitText("h1", "Typed");
        page.waitForSelector("[data-part=type]");
        page.click("text=The same on the command line");
        page.click("text=Add a type");
        page.locator("[data-part=type]").last().fill("view");
        page.locator("[data-part=rate]").last().fill("many");
        page.click("form.edit button.primary");
        awaitText("#f-signals .error", "whole number");
        page.locator("[data-part=rate]").last().fill("100");
        page.locator("[data-part=burst]").last().fill("300");
        page.fill("#f-day-max_signals", "1,000,000");
        page.fill("#f-month-max_bytes", "5000000000");
        page.fill("#f-required_regions", "eu us");
        awaitText(
                ".lines code",
                "--signal view=100/s,300 --period day=1000000 --period month=,5000000000" + " --region eu --region us");
        page.click("text=What would it reject?");
        awaitText("#preview", "Would have rejected 0");
        page.click("form.edit button.primary");
        awaitToast("Saved");
        JsonNode config = http.get("/v1/tenants/81").json().path("config");
        assertThat(config.at("/signals/click/max_signals_per_sec").asInt()).isEqualTo(5);
        assertThat(config.at("/signals/view/burst_signals").asInt()).isEqualTo(300);
        assertThat(config.at("/periods/0/max_signals").asInt()).isEqualTo(1_000_000);
        assertThat(config.at("/periods/1/max_bytes").asLong()).isEqualTo(5_000_000_000L);
        assertThat(config.path("required_regions").toString()).isEqualTo("[\"eu\",\"us\"]");

        page.locator("#f-signals [aria-label='Remove this type']").first().click();
        page.fill("#f-day-max_signals", "");
        page.fill("#f-required_regions", "");
        page.click("form.edit button.primary");
        page.locator(".changes li:nth-child(3)").waitFor();
        config = http.get("/v1/tenants/81").json().path("config");
        assertThat(config.path("signals").size()).isEqualTo(1);
        assertThat(config.path("periods").size()).isEqualTo(1);
        assertThat(config.path("required_regions")).isEmpty();
    }

    @Test
    void pastRejectionsAreFoundByTenantReasonTextAndTime() throws Exception {
        put("82", "{\"label\":\"Searched\",\"max_entities\":1}");
        deployment.send(60, i -> "{\"tenant_id\":82,\"item\":\"teapot-%d\"}".formatted(i));
        // Usage is reported before the commit that makes the rejections visible.
        TidegateProcess.await(
                Duration.ofMillis((long) WITHIN_MS),
                "rejections that can be read",
                () -> "",
                () -> http.get("/v1/rejections/search?tenant=82&limit=100")
                                .json()
                                .path("rejections")
                                .size()
                        == 59);
        show(page, "#/rejections?tenant=82");
        page.waitForFunction("() => document.querySelectorAll('#tail li').length === 50");
        page.click("#older");
        page.waitForFunction("() => document.querySelectorAll('#tail li').length === 59");
        page.fill("#r-text", "TEAPOT-42");
        page.press("#r-text", "Enter");
        page.waitForFunction("() => document.querySelectorAll('#tail li').length === 1");
        page.locator("#tail summary").first().click();
        awaitText("#tail .payload", "teapot-42");
        page.selectOption("#r-reason", "rate_limited");
        awaitText("main", "No rejections");
        page.selectOption("#r-reason", "entity_limit");
        page.selectOption("#r-range", "3600");
        page.waitForFunction("() => document.querySelectorAll('#tail li').length === 1");
        page.selectOption("#r-range", "between");
        page.fill("#r-to", "2020-01-01T00:00");
        page.press("#r-to", "Enter");
        awaitText("main", "No rejections");
        page.reload();
        awaitText("main", "No rejections");
        assertThat(page.inputValue("#r-text")).isEqualTo("TEAPOT-42");
    }

    @Test
    void theOfferedRateStandsBesideTheLimit() {
        put("83", "{\"label\":\"Offering\",\"max_signals_per_sec\":1,\"burst_signals\":1}");
        show(page, "#/tenant/83");
        awaitText("h1", "Offering");
        String shown =
                "() => [...document.querySelectorAll('.fact')].some(one => one.textContent.startsWith('Offered rate')"
                        + " && Number.parseFloat(one.querySelector('.use-text').textContent) > 2"
                        + " && one.querySelector('.use-text').textContent.endsWith(' of 1'))";
        for (int tries = 0; tries < 100 && !Boolean.TRUE.equals(page.evaluate(shown)); tries++) {
            deployment.sendQuietly(100, "{\"tenant_id\":83,\"item\":\"a\"}");
            page.waitForTimeout(200);
        }
        assertThat(page.evaluate(shown)).isEqualTo(true);
    }

    @Test
    void anEntityIsForgottenAndATenantPurgedAfterItsIdIsTyped() throws Exception {
        put("84", "{\"label\":\"Purged\",\"max_entities\":2}");
        deployment.send(3, i -> "{\"tenant_id\":84,\"item\":\"a%d\"}".formatted(i));
        awaitRejected("84", 1);
        show(page, "#/tenant/84");
        awaitText("h1", "Purged");
        page.click("text=Forget entity …");
        page.fill("#dialog input", "a0");
        page.click("#dialog button.danger");
        awaitToast("Forgotten: item a0");
        awaitUsage("84", usage -> usage.at("/entities/total").asInt() == 1);
        page.click("text=Purge …");
        awaitText("#dialog h2", "Purged");
        page.fill("#dialog input", "83");
        page.click("#dialog button.danger");
        awaitToast("Not purged");
        assertThat(http.get("/v1/tenants/84").status()).isEqualTo(200);
        page.click("text=Purge …");
        page.fill("#dialog input", "84");
        page.click("#dialog button.danger");
        awaitToast("Purged: 2 signals");
        awaitText(".badges", "without config");
        // The next sequence number stays, and with it the number of accepted signals.
        awaitUsage(
                "84",
                usage -> usage.path("rejected_total").asLong() == 0
                        && usage.at("/entities/total").asInt() == 0);
    }

    @Test
    void worksUnderAPrefixOfAProxy() throws Exception {
        String proxy = "http://ops.example";
        requestedMayBe.add(proxy + "/tidegate");
        page.context().route(proxy + "/**", route -> {
            String path = route.request().url().substring(proxy.length());
            if (!path.startsWith("/tidegate/")) {
                route.fulfill(new Route.FulfillOptions().setStatus(404));
                return;
            }
            Http.Answer answer = http.get(path.substring("/tidegate".length()));
            route.fulfill(new Route.FulfillOptions()
                    .setStatus(answer.status())
                    .setContentType(answer.header("Content-Type"))
                    .setBodyBytes(answer.response().body()));
        });
        page.navigate(proxy + "/tidegate/");
        awaitText("#cluster", "running");
        awaitText(".row[data-tenant='2']", "Exploding Emporium");
        page.navigate(proxy + "/tidegate/#/tenant/2");
        awaitText("h1", "Exploding Emporium");
        page.click("text=The same on the command line");
        awaitText("code", proxy + "/tidegate/v1/tenants/2");
    }

    @Test
    void openedAndEditedPartsFitTheWidth() {
        for (int width : new int[] {1280, 390, 320}) {
            try (var context = open(width, 900, ColorScheme.LIGHT).context()) {
                Page shown = context.pages().get(0);
                show(shown, "#/tenant/2");
                shown.waitForSelector(".changes li");
                shown.fill("#f-max_entities", "123456789");
                shown.click("text=Add a type");
                shown.locator("[data-part=type]").last().fill("a-type-that-is-long-".repeat(4));
                shown.locator("[data-part=rate]").last().fill("x");
                shown.fill("#f-month-max_bytes", "9007199254740991");
                shown.click("text=The same on the command line");
                shown.waitForSelector(".lines code");
                fits(shown, width, "an edited form");
                shown.locator("[data-part=rate]").last().fill("4294967295");
                fits(shown, width, "a form with long commands");
                for (String dialog : List.of("Block …", "Prune WAL …", "Forget entity …", "Purge …")) {
                    shown.click("text=" + dialog);
                    fits(shown, width, dialog);
                    shown.click("#dialog button:has-text('Cancel')");
                }
                show(shown, "#/");
                shown.click("#add-tenant");
                fits(shown, width, "a new tenant");
                shown.click("#dialog button:has-text('Cancel')");
                show(shown, "#/rejections?tenant=2&time=between");
                shown.waitForSelector("#tail li");
                shown.locator("#tail summary").first().click();
                fits(shown, width, "a rejection");
            }
        }
    }

    private static void fits(Page shown, int width, String what) {
        assertThat(shown.evaluate("() => document.documentElement.scrollWidth <= innerWidth"
                        + " && (!dialog.open || dialog.scrollWidth <= dialog.clientWidth)"))
                .as("%s, %d wide", what, width)
                .isEqualTo(true);
    }

    @Test
    void aTenantIsBlockedAndUnblocked() {
        put("6", "{\"label\":\"Blocked\"}");
        show(page, "#/tenant/6");
        awaitText("h1", "Blocked");
        page.click("text=Block …");
        page.click("#dialog button.danger");
        awaitText("button", "Unblock");
        assertThat(http.get("/v1/tenants/6").json().at("/config/blocked_until").isNull())
                .isFalse();
        page.click("text=Unblock");
        awaitText("button", "Block …");
        assertThat(http.get("/v1/tenants/6").json().at("/config/blocked_until").isNull())
                .isTrue();
    }

    @Test
    void rejectionsAreReplayedAfterAPreview() throws Exception {
        put("7", "{\"label\":\"Replayed\",\"max_entities\":1}");
        deployment.send(3, i -> "{\"tenant_id\":7,\"item\":\"a%d\"}".formatted(i));
        awaitFound("7", 2);
        put("7", "{\"label\":\"Replayed\",\"max_entities\":10}");
        show(page, "#/rejections?tenant=7");
        awaitText("#tail-state", "live");
        page.click("text=Replay …");
        awaitText("#dialog tr:has-text('would be sent again')", "2");
        assertThat(usage("7").path("accepted").asLong()).isEqualTo(1);
        page.click("text=Send 2 again");
        awaitText("#dialog", "2 signals were sent again");
        page.click("#dialog .buttons button");
        awaitUsage("7", usage -> usage.path("accepted").asLong() == 3);
    }

    @Test
    void aReplayThatNeedsAnotherTokenShowsItsPreviewAfterTheUserHasSignedIn() {
        AtomicInteger requests = new AtomicInteger();
        page.route(
                "**/v1/rejections/replay",
                route -> route.fulfill(
                        requests.incrementAndGet() == 1
                                ? problem(403, "forbidden", "the request needs admin")
                                : answer(REPLAY.formatted("complete", 2))));
        show(page, "#/rejections");
        page.click("text=Replay …");
        page.fill("dialog input[type=password]", "admin-0123456789abcdef");
        page.click("dialog button:has-text('Sign in')");
        awaitText("#dialog tr:has-text('would be sent again')", "2");
        assertThat(page.locator("dialog").count()).isEqualTo(1);
        page.click("#dialog .buttons button");
    }

    @Test
    void aReplayHasTheFiltersOfThePage() {
        List<JsonNode> asked = new ArrayList<>();
        page.route("**/v1/rejections/replay", route -> {
            asked.add(json(route.request().postData()));
            route.fulfill(answer(REPLAY.formatted("complete", 2)));
        });
        show(page, "#/rejections?tenant=42&reason=entity_limit&time=between&from=2026-05-01T12:00&to=2026-05-01T13:00");
        page.click("text=Replay …");
        String from = String.valueOf(page.evaluate("() => new Date('2026-05-01T12:00').toISOString()"));
        String to = String.valueOf(page.evaluate("() => new Date('2026-05-01T13:00').toISOString()"));
        awaitText("#dialog code", "--tenant 42 --reason entity_limit --from %s --to %s --yes".formatted(from, to));
        page.click("#dialog .buttons button");
        JsonNode body = asked.get(0);
        assertThat(body.path("tenant").asText()).isEqualTo("42");
        assertThat(body.path("reasons").toString()).isEqualTo("[\"entity_limit\"]");
        assertThat(body.path("from").asText()).isEqualTo(from);
        assertThat(body.path("to").asText()).isEqualTo(to);

        page.selectOption("#r-range", "900");
        page.click("text=Replay …");
        awaitText("#dialog code", "--from ");
        page.click("#dialog .buttons button");
        String since = asked.get(1).path("from").asText();
        assertThat(requested)
                .as("the search of the same time")
                .anyMatch(url -> url.contains("/search?")
                        && url.contains("from=" + URLEncoder.encode(since, StandardCharsets.UTF_8)));

        page.fill("#r-text", "teapot");
        page.click("text=Replay …");
        awaitText("#dialog", "Not possible with a text");
        page.click("#dialog .buttons button");
        page.fill("#r-text", "");
        page.selectOption("#r-reason", "malformed");
        page.click("text=Replay …");
        awaitText("#dialog", "Not possible for dead letters");
        assertThat(asked).hasSize(2);
    }

    @Test
    void aReplayThatSendsNothingInAStepEndsWithTheCommand() {
        AtomicInteger steps = new AtomicInteger();
        page.route("**/v1/rejections/replay", route -> {
            boolean sends = !json(route.request().postData()).path("dry_run").asBoolean();
            int step = sends ? steps.incrementAndGet() : 0;
            route.fulfill(answer(REPLAY.formatted(sends ? "time_over" : "complete", step == 2 ? 0 : 3)));
        });
        show(page, "#/rejections?tenant=42");
        page.click("text=Replay …");
        page.click("text=Send 3 again");
        awaitText("#dialog", "3 signals were sent again");
        awaitText("#dialog code", "tidegate rejections replay --tenant 42 --yes");
        assertThat(steps.get()).isEqualTo(2);
    }

    private static JsonNode json(String text) {
        try {
            return new ObjectMapper().readTree(text);
        } catch (JsonProcessingException e) {
            throw new AssertionError(text, e);
        }
    }

    private static Route.FulfillOptions answer(String json) {
        return new Route.FulfillOptions().setContentType("application/json").setBody(json);
    }

    private static Route.FulfillOptions problem(int status, String id, String detail) {
        return answer("{\"id\":\"%s\",\"title\":\"No\",\"detail\":\"%s\"}".formatted(id, detail))
                .setStatus(status);
    }

    @Test
    void aPruneShowsAPreviewAndThenRemovesTheSegments() throws Exception {
        put("8", "{\"label\":\"Pruned\"}");
        String filling = "x".repeat(200);
        deployment.send(400, i -> "{\"tenant_id\":8,\"item\":\"a%d\",\"note\":\"%s\"}".formatted(i, filling));
        awaitUsage("8", usage -> usage.at("/storage/sealed_segments").asLong() >= 2);
        show(page, "#/tenant/8");
        awaitText("h1", "Pruned");
        page.click("text=Prune WAL …");
        page.fill("#dialog input", "400");
        page.click("text=Show what would be removed");
        awaitText("#dialog", "segments with");
        assertThat(usage("8").at("/storage/pruned_below_seq").asLong()).isZero();
        page.click("#dialog button.danger");
        awaitToast("removed");
        awaitUsage("8", usage -> usage.at("/storage/pruned_below_seq").asLong() > 0);
    }

    @Test
    void aPruneRemovesAnOpenSegmentOfWhichAllRecordsAreBelow() throws Exception {
        put("91", "{\"label\":\"Open\"}");
        deployment.send(2, i -> "{\"tenant_id\":91,\"item\":\"a%d\"}".formatted(i));
        awaitUsage("91", usage -> usage.path("accepted").asLong() == 2);
        show(page, "#/tenant/91");
        awaitText("h1", "Open");
        page.click("text=Prune WAL …");
        page.fill("#dialog input", "1");
        page.click("text=Show what would be removed");
        awaitText("#dialog", "No segment would be removed");
        page.click("#dialog button:has-text('Close')");
        page.click("text=Prune WAL …");
        page.fill("#dialog input", "2");
        page.click("text=Show what would be removed");
        awaitText("#dialog", "1 segment with");
        page.click("#dialog button.danger");
        awaitToast("1 segment ");
        awaitUsage("91", usage -> usage.at("/storage/pruned_below_seq").asLong() == 2);
    }

    @Test
    void theUsageOfATenantWithoutLimitsInForceIsRejectedAndNotUnlimited() {
        show(page, "#/tenant/92");
        awaitText(".fact:has-text('Offered rate')", "rejected");
        assertThat(page.locator(".facts").textContent()).doesNotContain("no limit");
        put("92", "{\"label\":\"Unlimited\"}");
        awaitText(".fact:has-text('Offered rate')", "no limit");
    }

    @Test
    void theLimitOfTheChartBeginsWithItsLastChange() {
        put("93", "{\"label\":\"Limited\",\"max_signals_per_sec\":10}");
        put("93", "{\"label\":\"Limited\",\"max_signals_per_sec\":20}");
        show(page, "#/tenant/93");
        awaitText(".legend", "limit now20/s");
    }

    @Test
    void allSegmentsOfATenantAreShownPageByPage() {
        JsonNode tenants = http.get("/v1/tenants?sort=storage&limit=20").json();
        ((ObjectNode) tenants.at("/tenants/0/usage/storage")).put("sealed_segments", 3);
        String id = tenants.at("/tenants/0/id").asText();
        page.route("**/v1/tenants?sort=storage**", route -> route.fulfill(answer(tenants.toString())));
        page.route("**/v1/segments?**", route -> {
            boolean isFirst = !route.request().url().contains("after=");
            String segments = isFirst
                    ? "{\"first_seq\":0,\"bytes\":10},{\"first_seq\":50,\"bytes\":10}"
                    : "{\"first_seq\":70,\"bytes\":10}";
            route.fulfill(answer("{\"id\":\"%s\",\"shard\":0,\"segments\":[%s],\"next_after\":%s}"
                    .formatted(id, segments, isFirst ? "50" : "null")));
        });
        show(page, "#/wal");
        awaitText("#tasks-legend", "standby");
        page.click("[data-segments='%s']".formatted(id));
        page.waitForFunction("() => document.querySelectorAll('.more tbody tr').length === 2");
        page.click("text=Show more");
        page.waitForFunction("() => document.querySelectorAll('.more tbody tr').length === 3");
        assertThat(requested).anyMatch(url -> url.contains("/v1/segments?tenant=" + id + "&limit=100&after=50"));
        assertThat(page.locator("text=Show more").isVisible()).isFalse();
    }

    @Test
    void asksForATokenWhereTheApiWantsOneAndForgetsItWithThePage() throws Exception {
        String token = "admin-0123456789abcdef";
        String ofTenant = "tenant-admin-0123456789abcdef";
        Path tokens = Files.writeString(
                temp.resolve("tokens"), "ops admin %s\nacme tenant-admin:2 %s\n".formatted(token, ofTenant));
        Files.setPosixFilePermissions(tokens, PosixFilePermissions.fromString("rw-------"));
        // Opens the page as soon as the instance listens, long before it has data to show.
        try (TidegateProcess guarded = deployment.launch("b", "--set", "http.tokens.file=" + tokens)) {
            TidegateProcess.await(
                    Duration.ofMillis((long) WITHIN_MS),
                    "the instance to listen; its log:\n",
                    guarded::logText,
                    () -> guarded.logText().contains("http_url="));
            String url = Http.of(guarded).url;
            requestedMayBe.add(url);
            page.navigate(url + "/#/");
            page.fill("#dialog input[type=password]", token);
            page.click("#dialog button.primary");
            awaitText(".row[data-tenant='2']", "20 of 20");
            assertThat(page.evaluate("() => localStorage.length + sessionStorage.length + document.cookie.length"))
                    .isEqualTo(0);
            page.navigate(url + "/#/tenant/2");
            page.reload();
            page.fill("#dialog input[type=password]", ofTenant);
            page.click("#dialog button.primary");
            awaitText("h1", "Exploding Emporium");
            awaitText("#cluster", "one tenant only");
            page.fill("#f-plan", "pro");
            page.click("form.edit button.primary");
            awaitText("form.edit .error", "plan");
            guarded.terminate();
        }
    }

    @Test
    void aTokenOfOneTenantNeitherInterruptsNorLooksLikeALostConnection() {
        AtomicInteger polls = new AtomicInteger();
        page.route("**/v1/status", route -> {
            polls.incrementAndGet();
            route.fulfill(problem(403, "forbidden", "the token acme has the role tenant:2; the request needs read"));
        });
        show(page, "#/tenant/2");
        awaitText("h1", "Exploding Emporium");
        awaitText("#cluster", "one tenant only");
        // Two seconds apart, so together longer than the eight seconds after which a connection counts as lost.
        page.waitForCondition(() -> polls.get() >= 6);
        assertNotInterrupted();
        page.click("#sign-in");
        awaitText("#dialog", "the request needs read");
    }

    @Test
    void afterCancelThePageAsksForATokenOnlyWhenTheUserActs() {
        AtomicInteger polls = new AtomicInteger();
        page.route("**/v1/**", route -> {
            polls.addAndGet(route.request().url().endsWith("/v1/status") ? 1 : 0);
            route.fulfill(problem(401, "unauthorized", "send a token"));
        });
        String cancel = "#dialog button:has-text('Cancel')";
        show(page, "#/");
        page.click(cancel);
        awaitText("#cluster", "not signed in");
        int before = polls.get();
        page.waitForCondition(() -> polls.get() >= before + 3);
        assertNotInterrupted();
        page.click("#sign-in");
        page.click(cancel);
        assertNotInterrupted();
        page.evaluate("() => { location.hash = '#/wal'; }");
        page.click(cancel);
        awaitText("#instances-list", "send a token");
    }

    /** A browser reports the end of a dialog in its next frame, which is late on a busy machine. */
    @Test
    void aPageThatOpensBeforeTheEndOfTheDialogIsReportedAsksForAToken() {
        page.route("**/v1/**", route -> route.fulfill(problem(401, "unauthorized", "send a token")));
        String cancel = "#dialog button:has-text('Cancel')";
        show(page, "#/");
        page.waitForSelector(cancel);
        boolean open = (boolean) page.evaluate("""
                () => {
                  const dialog = document.getElementById('dialog');
                  [...dialog.querySelectorAll('button')].find(button => button.textContent === 'Cancel').click();
                  history.replaceState(null, '', '#/wal');
                  dispatchEvent(new HashChangeEvent('hashchange'));
                  return dialog.open;
                }""");
        assertThat(open).isFalse();
        page.click(cancel);
        awaitText("#instances-list", "send a token");
    }

    @Test
    void theEndOfADialogDoesNotEndTheNextOne() {
        show(page, "#/");
        awaitText("#cluster", "running");
        Object results = page.evaluate("""
                async () => {
                  const { ask } = await import('./dashboard/dom.js');
                  const first = ask('First', [], [['Close', 'first']]);
                  document.querySelector('#dialog button').click();
                  const second = ask('Second', [], [['Close', 'second']]);
                  const results = [await first];
                  await new Promise(requestAnimationFrame);
                  document.querySelector('#dialog button').click();
                  return [...results, await second];
                }""");
        assertThat(results).isEqualTo(List.of("first", "second"));
    }

    private void assertNotInterrupted() {
        assertThat(page.evaluate("() => document.getElementById('dialog').open"))
                .isEqualTo(false);
        // On a busy machine, an answer may be late for a moment.
        page.waitForFunction("() => document.getElementById('stale').hidden");
    }

    @Test
    void theHeaderHasTheCauseOfAPause() {
        JsonNode status = http.get("/v1/status").json();
        ((ObjectNode) status.at("/instances/0"))
                .put("paused", true)
                .putArray("paused_because")
                .add("topics do not meet the requirements: retention.ms of signals-accepted is 1");
        page.setViewportSize(320, 900);
        page.route("**/v1/status", route -> route.fulfill(answer(status.toString())));
        show(page, "#/wal");
        page.waitForSelector("#cluster .pill.bad");
        assertThat(page.textContent("#cluster .pill")).isEqualTo("paused: topics do not meet the requirements");
        fits(page, 320, "a paused instance");
        page.waitForSelector("#instances-list dd.no:has-text('retention.ms of signals-accepted is 1')");
    }

    /** Runs last, because the other tests look for their tenants in the first rows. */
    @Test
    @Order(Integer.MAX_VALUE)
    void tenThousandTenantsAreAFewRows() throws Exception {
        int tenants = 10_000;
        Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers(), "acks", "all");
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int id = 100_000; id < 100_000 + tenants; id++) {
                var unused = producer.send(new ProducerRecord<>(
                        deployment.topic("configs"),
                        Integer.toString(id),
                        "{\"tenant_id\":%d,\"label\":\"Number %d\"}".formatted(id, id)));
            }
        }
        show(page, "#/?sort=id");
        page.waitForFunction(
                "least => Number(document.querySelector('.heading [role=status]')?.textContent"
                        + ".replace(/[^0-9]/g, '')) >= least",
                tenants);
        page.evaluate(
                "() => { const list = document.querySelector('.viewport'); list.scrollTop = list.scrollHeight; }");
        awaitText(".row a", "Number 109999");
        assertThat(page.locator(".row").count()).isBetween(5, 60);
        page.fill("#search", "Number 104242");
        page.waitForFunction("() => document.querySelectorAll('.row[data-tenant]').length === 1");
        awaitText(".row a", "Number 104242");
    }

    @Test
    void isReadableByEverybodyAndSmall() throws Exception {
        String axe;
        try (InputStream in = DashboardTest.class.getResourceAsStream("/axe/axe.min.js")) {
            axe = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        for (ColorScheme colours : new ColorScheme[] {ColorScheme.LIGHT, ColorScheme.DARK}) {
            for (int width : new int[] {1280, 390}) {
                try (var context = open(width, 900, colours).context()) {
                    context.addInitScript(axe);
                    check(context.pages().get(0), width, colours);
                }
            }
        }
        show(page, "#/");
        awaitText("#cluster", "running");
        long bytes = 0;
        for (String url : requested) {
            if (url.equals(http.url + "/") || url.contains("/dashboard/")) {
                bytes += http.get(url.substring(http.url.length()), "Accept-Encoding", "gzip")
                        .response()
                        .body()
                        .length;
            }
        }
        assertThat(bytes).isBetween(20_000L, (long) ASSETS_GZIP_BYTES_MAX);
    }

    private void check(Page shown, int width, ColorScheme colours) {
        Map<String, String> pages = Map.of(
                "#/",
                ".row[data-tenant='2']",
                "#/tenant/2",
                ".changes li",
                "#/wal",
                ".card",
                "#/rejections",
                "#tail-state");
        pages.forEach((hash, ready) -> {
            show(shown, hash);
            shown.waitForSelector(ready);
            String name = "%s-%d-%s"
                    .formatted(hash.replaceAll("[^a-z0-9]+", ""), width, colours)
                    .toLowerCase(java.util.Locale.ROOT);
            shown.screenshot(new Page.ScreenshotOptions()
                    .setPath(Path.of("target", "screenshots", name + ".png"))
                    .setFullPage(true));
            assertThat(shown.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))
                    .as(name + " fits its width")
                    .isEqualTo(true);
            // A page whose data is old for a moment is dimmed, which lowers its contrast.
            Object found = shown.evaluate(
                    "async () => { let found, dimmed; const isDimmed = () => document.body.classList.contains('is-stale');"
                            + " do { while (isDimmed()) await new Promise(done => setTimeout(done, 100));"
                            + " found = await axe.run(); dimmed = isDimmed(); } while (dimmed);"
                            + " return found.violations"
                            + ".filter(one => ['serious', 'critical'].includes(one.impact))"
                            + ".map(one => `${one.id}: ${one.nodes.map(node => node.target.join(' ')).slice(0, 5).join(', ')}`); }");
            assertThat((List<?>) found).as(name).isEmpty();
        });
    }
}
