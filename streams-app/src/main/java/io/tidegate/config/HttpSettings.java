package io.tidegate.config;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How the HTTP server listens, and whom it answers.
 *
 * @param port 0 = any free one; -1 = no server
 * @param bind the address to listen on
 * @param advertised HOST:PORT where other instances reach this one; null = made from what it listens on
 * @param tokensFile who may do what; null = nobody is asked, on loopback only
 * @param certificateFile of the server, PEM; null = no TLS
 * @param keyFile its private key, PEM
 * @param caFile whom to trust when other instances are asked, PEM; null = the JVM's own list
 * @param streamsMax live streams at a time
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
    /** No server: how the tests of other parts, and commands, want it. */
    public static final int NO_PORT = -1;

    public boolean isServed() {
        return port != NO_PORT;
    }

    public boolean isLoopback() {
        return isLoopback(bind);
    }

    public boolean isTls() {
        return certificateFile != null;
    }

    /** Decided by the text, so that no name server has a say in it. */
    static boolean isLoopback(String host) {
        return host.equals("localhost")
                || host.equals("::1")
                || host.equals("[::1]")
                || host.matches("127(\\.\\d+){3}");
    }
}
