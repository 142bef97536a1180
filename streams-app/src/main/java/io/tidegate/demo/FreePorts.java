package io.tidegate.demo;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Loopback ports for servers that stop and start again on the same port: below the range for outgoing connections. A client
 * that retries connections to a port in that range can be assigned the port itself, and then the server cannot restart.
 */
public final class FreePorts {
    private static final int MIN = 20_000;
    /** Linux and others use ports from 32768 on for outgoing connections. */
    private static final int MAX = 32_000;

    private static final int TRIES = 200;

    private FreePorts() {}

    /** @throws IOException if there are not enough */
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
