package io.tidegate.demo;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Ports of loopback for servers that stop and start again on the same one: below those that the system gives to outgoing
 * connections. A client that tries again and again to connect to a port of that range is some time given the port itself,
 * and the server cannot come back.
 */
public final class FreePorts {
    private static final int MIN = 20_000;
    /** Linux and others give 32768 and up to outgoing connections. */
    private static final int MAX = 32_000;

    private static final int TRIES = 200;

    private FreePorts() {}

    /** @throws IOException if there are not so many */
    public static List<Integer> find(int count) throws IOException {
        SplittableRandom random = new SplittableRandom();
        List<Integer> ports = new ArrayList<>();
        for (int i = 0; i < TRIES && ports.size() < count; i++) {
            int port = random.nextInt(MIN, MAX);
            if (!ports.contains(port) && isFree(port)) {
                ports.add(port);
            }
        }
        if (ports.size() < count) {
            throw new IOException("no %d free ports in %d tries".formatted(count, TRIES));
        }
        return ports;
    }

    static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }
}
