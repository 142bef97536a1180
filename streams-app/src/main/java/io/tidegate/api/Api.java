package io.tidegate.api;

import io.tidegate.config.Settings;
import io.tidegate.http.Access.Role;
import io.tidegate.http.HttpServer;
import io.tidegate.http.Negotiation;
import io.tidegate.http.Reply;
import io.tidegate.http.Routes;
import io.tidegate.http.StaticFiles;
import io.tidegate.metrics.InstanceMetrics;
import io.tidegate.streams.InstanceView;
import io.tidegate.topology.TenantConfigs;
import io.tidegate.wal.DataDir;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import org.eclipse.jetty.http.HttpHeader;

/** All endpoints of one instance: the API, the dashboard's files and {@code /metrics}. Thread-safe. */
public final class Api implements AutoCloseable {
    private final ApiContext api;
    private final CommandsApi commands;
    private final RecordsApi records;
    private final RejectionSearchApi search;
    private final HistoryApi history;
    private final Routes routes = new Routes();

    /** @param metrics returns all metrics for an Accept header, which is empty if none was sent */
    public Api(
            Settings settings,
            HttpServer server,
            InstanceView view,
            TenantConfigs configs,
            DataDir dir,
            Function<String, InstanceMetrics.Scrape> metrics) {
        api = new ApiContext(settings, view, configs, dir, server.peerToken(), server.advertised());
        new StatusApi(api).addTo(routes);
        TenantsApi tenants = new TenantsApi(api);
        tenants.addTo(routes);
        new PlansApi(api, tenants).addTo(routes);
        commands = new CommandsApi(api, tenants);
        commands.addTo(routes);
        RejectionJson rejectionJson = new RejectionJson(tenant -> {
            TenantConfigs.InForce inForce = configs.inForce(tenant);
            return inForce == null ? null : inForce.config();
        });
        records = new RecordsApi(api, rejectionJson);
        records.addTo(routes);
        search = new RejectionSearchApi(api, rejectionJson);
        search.addTo(routes);
        history = new HistoryApi(api);
        history.addTo(routes);
        StaticFiles.addTo(routes);
        routes.add("GET", "/metrics", Role.READ, call -> {
            InstanceMetrics.Scrape scrape =
                    metrics.apply(Negotiation.metricsType(call.headers().getCSV(HttpHeader.ACCEPT, true)));
            return new Reply(200, scrape.contentType(), scrape.text().getBytes(StandardCharsets.UTF_8));
        });
    }

    public Routes routes() {
        return routes;
    }

    /** Ends live streams and long requests, so that the server can stop. */
    public void endLongWork() {
        records.close();
        search.close();
        commands.close();
        history.close();
    }

    /** Must be called after the server has stopped. */
    @Override
    public void close() {
        api.close();
    }
}
