package io.tidegate.http;

import io.tidegate.config.HttpSettings;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.config.TrustedCertificates;
import io.tidegate.tenant.TenantNames;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP server of an instance. Listens from {@link #open} on, because other instances must know its address, and answers
 * liveness checks. All other requests are served from {@link #attach} on.
 *
 * <p>Bounded: threads, queued work, connections, sizes and slowness of headers and bodies, live streams. Its threads never take
 * a lock that the signal path takes.
 */
public final class HttpServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

    private static final int THREADS_MAX = 12;
    private static final int THREADS_MIN = 2;
    private static final int ACCEPTORS = 1;
    private static final int SELECTORS = 1;
    private static final int THREAD_IDLE_MS = 60_000;
    private static final long SWEEP_MS = 500;

    /** Connections that the kernel holds until they are accepted: as many as may arrive while others are displaced. */
    private static final int BACKLOG = 256;

    /** Accepted connections that are not counted yet. */
    private static final int OPENING_MAX = 64;

    private static final int HEADER_BYTES_MAX = 16 * 1024;
    private static final int STOP_MS = 2_000;

    private final Settings settings;
    private final Server server;
    private final ServerConnector connector;
    private final Connections connections;
    private final Front front;
    private final Access access;
    private volatile AutoCloseable longWork = () -> {};

    private HttpServer(
            Settings settings,
            Server server,
            ServerConnector connector,
            Connections connections,
            Front front,
            Access access) {
        this.settings = settings;
        this.server = server;
        this.connector = connector;
        this.connections = connections;
        this.front = front;
        this.access = access;
    }

    /**
     * Starts to listen.
     *
     * @return null if the settings disable the server
     * @throws IOException naming the address, if it cannot be bound
     * @throws SettingsException if tokens or certificates cannot be used
     */
    public static @Nullable HttpServer open(Settings settings) throws IOException {
        return open(settings, Connections.Limits.of(settings.http().connectionsMax()), System::nanoTime);
    }

    /**
     * Reads the tokens, certificates and keys that the server needs, if it is served.
     *
     * @throws SettingsException naming the file and the error, as {@link #open} does
     */
    public static void checkFiles(HttpSettings http) {
        if (!http.isServed()) {
            return;
        }
        var unusedAccess = Access.of(http);
        if (http.isTls()) {
            var unusedTls = Tls.server(http);
        }
        if (http.caFile() != null) {
            var unusedCertificates = TrustedCertificates.in(http.caFile());
        }
    }

    static @Nullable HttpServer open(Settings settings, Connections.Limits limits, LongSupplier nanoClock)
            throws IOException {
        HttpSettings http = settings.http();
        if (!http.isServed()) {
            return null;
        }
        Access access = Access.of(http);
        QueuedThreadPool threads = new QueuedThreadPool(THREADS_MAX, THREADS_MIN, THREAD_IDLE_MS);
        threads.setName("tidegate-http");
        threads.setDaemon(true);
        Server server = new Server(threads);
        HttpConfiguration config = new HttpConfiguration();
        config.setSendServerVersion(false);
        config.setRequestHeaderSize(HEADER_BYTES_MAX);
        config.setUriCompliance(UriCompliance.UNAMBIGUOUS);
        ServerConnector connector;
        if (http.isTls()) {
            // The certificate and the token identify the server, not the host name in the request.
            config.addCustomizer(new SecureRequestCustomizer(false));
            HttpConnectionFactory plain = new HttpConnectionFactory(config);
            connector = new ServerConnector(
                    server,
                    ACCEPTORS,
                    SELECTORS,
                    new SslConnectionFactory(Tls.server(http), plain.getProtocol()),
                    plain);
        } else {
            connector = new ServerConnector(server, ACCEPTORS, SELECTORS, new HttpConnectionFactory(config));
        }
        connector.setHost(http.bind());
        connector.setPort(http.port());
        connector.setIdleTimeout(limits.idleMs());
        connector.setAcceptQueueSize(BACKLOG);
        Connections connections = new Connections(limits, nanoClock);
        connector.addBean(connections);
        connector.getSelectorManager().addEventListener(connections);
        server.addConnector(connector);
        server.addBean(new NetworkConnectionLimit(limits.max() + OPENING_MAX, connector));
        Front front = new Front(access, connections, limits);
        server.setHandler(front);
        server.setErrorHandler(new ProblemErrors());
        server.setStopTimeout(STOP_MS);
        try {
            server.start();
        } catch (Exception e) {
            front.close();
            stop(server);
            throw cannotListen(http, e);
        }
        sweepRegularly(connector.getScheduler(), connections);
        HttpServer opened = new HttpServer(settings, server, connector, connections, front, access);
        LOG.info("the HTTP server listens http_url={}", opened.url());
        return opened;
    }

    private static void sweepRegularly(Scheduler scheduler, Connections connections) {
        scheduler.schedule(
                () -> {
                    connections.sweep();
                    if (scheduler.isRunning()) {
                        sweepRegularly(scheduler, connections);
                    }
                },
                SWEEP_MS,
                TimeUnit.MILLISECONDS);
    }

    private static IOException cannotListen(HttpSettings http, Exception e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String hint = root instanceof java.net.BindException
                        && String.valueOf(root.getMessage()).contains("in use")
                ? ": another program listens there. Choose another port with --set %s=PORT (0 = any free one, -1 = none)"
                        .formatted(Settings.HTTP_PORT)
                : ": " + (root.getMessage() == null ? root : root.getMessage());
        return new IOException(
                "the HTTP server cannot listen on %s port %d%s".formatted(http.bind(), http.port(), hint), e);
    }

    Connections connections() {
        return connections;
    }

    /** Returns the port on which it listens. */
    public int port() {
        return connector.getLocalPort();
    }

    /** Returns the URL for browsers. */
    public String url() {
        HttpSettings http = settings.http();
        String host = http.isLoopback() ? http.bind() : ownHost(http);
        return "%s://%s".formatted(http.isTls() ? "https" : "http", HttpSettings.address(host, port()));
    }

    /** Returns HOST:PORT at which other instances reach this one. */
    public String advertised() {
        HttpSettings http = settings.http();
        return http.advertised() != null ? http.advertised() : HttpSettings.address(ownHost(http), port());
    }

    private static String ownHost(HttpSettings http) {
        if (!http.isOnAllAddresses()) {
            return http.bind();
        }
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "127.0.0.1";
        }
    }

    /** Returns the token between instances; null if the settings have none. */
    public @Nullable String peerToken() {
        return access.peerToken();
    }

    /**
     * Serves these routes from now on.
     *
     * @param names by which requests can refer to tenants
     * @param work the long work of the routes; closed before the server stops
     */
    public void attach(Routes routes, TenantNames names, AutoCloseable work) {
        longWork = work;
        front.serve(routes, names);
    }

    void serve(Routes routes) {
        front.serve(routes, TenantNames.NONE);
    }

    @Override
    public void close() {
        front.close();
        try {
            longWork.close();
        } catch (Exception e) {
            LOG.warn("long requests did not end cleanly", e);
        }
        stop(server);
    }

    private static void stop(Server server) {
        try {
            server.stop();
        } catch (Exception e) {
            LOG.warn("the HTTP server did not stop cleanly", e);
        }
    }
}
