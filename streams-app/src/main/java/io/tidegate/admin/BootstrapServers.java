package io.tidegate.admin;

import io.tidegate.config.Settings;
import io.tidegate.wal.FileFault;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The brokers that a client connects to first, as TCP addresses. A connection attempt reports within seconds that no broker
 * can be reached; Kafka's clients retry for half a minute and do not say why.
 */
public final class BootstrapServers {
    /** Longest wait for one connection. */
    static final int CONNECT_MS = 2_500;

    /** One thread for each address, so that all are tried at the same time. */
    private static final Executor THREADS = task -> {
        Thread thread = new Thread(task, "tidegate-connect");
        thread.setDaemon(true);
        thread.start();
    };

    /** @param why the connection failed; null if it was made */
    public record Attempt(String server, @Nullable String why) {}

    private BootstrapServers() {}

    /** Connects to all of them, in the order of the setting. */
    public static List<Attempt> connect(Settings settings) {
        List<CompletableFuture<Attempt>> attempts = new ArrayList<>();
        for (String server : settings.bootstrapServers().split(",", -1)) {
            String address = server.strip();
            attempts.add(CompletableFuture.supplyAsync(() -> attempt(address), THREADS));
        }
        return attempts.stream().map(CompletableFuture::join).toList();
    }

    /** @throws AdminException if none of them accepts a connection */
    public static void requireOne(Settings settings) {
        List<Attempt> attempts = connect(settings);
        if (attempts.stream().allMatch(attempt -> attempt.why() != null)) {
            throw new AdminException(
                    attempts.stream()
                            .map(attempt -> "%s: %s".formatted(attempt.server(), attempt.why()))
                            .collect(
                                    Collectors.joining(
                                            "; ",
                                            "no broker can be reached: ",
                                            ". Start the broker, or name another with --bootstrap-server; check firewalls in between")));
        }
    }

    private static Attempt attempt(String server) {
        int colon = server.lastIndexOf(':');
        return new Attempt(
                server, unreachable(server.substring(0, colon), Integer.parseInt(server.substring(colon + 1))));
    }

    /** Why a connection fails; null if it can be made. */
    public static @Nullable String unreachable(String host, int port) {
        String name = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getByName(name), port), CONNECT_MS);
            return null;
        } catch (UnknownHostException e) {
            return "the name %s is not known here".formatted(name);
        } catch (IOException e) {
            return FileFault.describe(e);
        }
    }
}
