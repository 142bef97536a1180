package io.tidegate.config;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The settings of the HTTP server: where it listens, and which requests it accepts.
 *
 * @param port 0 = any free one; -1 = no server
 * @param bind the address to listen on
 * @param advertised HOST:PORT at which other instances reach this one; null = derived from the listening address
 * @param tokensFile tokens and their roles; null = no authentication, on loopback only
 * @param certificateFile the server's certificate, PEM; null = no TLS
 * @param keyFile its private key, PEM
 * @param caFile certificates to trust in requests to instances, PEM; null = the JVM's own list
 * @param streamsMax concurrent live streams
 * @param connectionsMax open connections
 */
public record HttpSettings(
        int port,
        String bind,
        @Nullable String advertised,
        @Nullable Path tokensFile,
        @Nullable Path certificateFile,
        @Nullable Path keyFile,
        @Nullable Path caFile,
        int streamsMax,
        int connectionsMax) {
    /** No server, for commands and for tests of other parts. */
    public static final int NO_PORT = -1;

    public boolean isServed() {
        return port != NO_PORT;
    }

    public boolean isLoopback() {
        return isLoopback(bind);
    }

    /** Returns whether the server listens on all addresses of the machine. */
    public boolean isOnAllAddresses() {
        return bind.equals("0.0.0.0") || bind.equals("::") || bind.equals("[::]");
    }

    /** Returns HOST:PORT at which a client on the same machine reaches the server. */
    public String localAddress() {
        String loopback = bind.equals("0.0.0.0") ? "127.0.0.1" : "::1";
        return address(isOnAllAddresses() ? loopback : bind, port);
    }

    /** Returns HOST:PORT, with an IPv6 address in brackets. */
    public static String address(String host, int port) {
        return (host.indexOf(':') >= 0 && !host.startsWith("[") ? "[" + host + "]" : host) + ":" + port;
    }

    public boolean isTls() {
        return certificateFile != null;
    }

    /** Returns whether a host is loopback, from the text alone, without a name server. */
    static boolean isLoopback(String host) {
        return host.equals("localhost")
                || host.equals("::1")
                || host.equals("[::1]")
                || host.matches("127(\\.\\d+){3}");
    }
}
