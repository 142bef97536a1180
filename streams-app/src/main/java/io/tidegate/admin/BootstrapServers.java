package io.tidegate.admin;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.tidegate.config.Settings;
import io.tidegate.wal.FileFault;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.jspecify.annotations.Nullable;

/**
 * The bootstrap servers as TCP addresses. A connection attempt reports within seconds that no broker is reachable, or that
 * another program listens there. Kafka's clients retry for half a minute and do not report the cause. They also interpret the
 * first bytes of any answer as a length, and try to allocate that much memory.
 */
public final class BootstrapServers {
    /** The longest wait for a connection. */
    static final int CONNECT_MS = 2_500;

    /** The longest wait for an answer: a busy broker accepts connections long before it answers. */
    private static final int ANSWER_MS = 15_000;

    /** How often, and after which pause, a server is tried that closes the connection. */
    private static final int ATTEMPTS = 5;

    private static final int PAUSE_MS = 300;

    /**
     * Identifies the request in a broker's answer. The bytes are two line ends: an HTTP server reads them as the end of a
     * request, so it answers too.
     */
    private static final int CORRELATION_ID = 0x0d0a0d0a;

    /** An upper bound of the size of an answer. */
    private static final int VERSIONS_BYTES_MAX = 65_536;

    private static final int TLS_ALERT = 0x15;
    private static final int TLS_HANDSHAKE = 0x16;
    private static final int TLS_MAJOR_VERSION = 3;

    /** One thread for each address, so that all are tried concurrently. */
    private static final Executor THREADS = task -> {
        Thread thread = new Thread(task, "tidegate-connect");
        thread.setDaemon(true);
        thread.start();
    };

    /**
     * @param unreachable why there was no connection or no answer; null if there was
     * @param notKafka why the answer is not that of a Kafka listener with the configured protocol; null if it is
     */
    public record Attempt(
            String server,
            @Nullable String unreachable,
            @Nullable String notKafka) {
        boolean usable() {
            return unreachable == null && notKafka == null;
        }

        private String why() {
            return "%s: %s".formatted(server, unreachable == null ? notKafka : unreachable);
        }
    }

    private BootstrapServers() {}

    /** Connects to all servers, in the order of the setting. */
    public static List<Attempt> connect(Settings settings) {
        return all(begin(settings, ANSWER_MS));
    }

    private static List<Attempt> all(List<CompletableFuture<Attempt>> attempts) {
        return attempts.stream().map(CompletableFuture::join).toList();
    }

    private static List<CompletableFuture<Attempt>> begin(Settings settings, int answerMs) {
        boolean tls = usesTls(settings);
        List<CompletableFuture<Attempt>> attempts = new ArrayList<>();
        for (String server : settings.bootstrapServers().split(",", -1)) {
            String address = server.strip();
            attempts.add(CompletableFuture.supplyAsync(() -> attempt(address, tls, answerMs), THREADS));
        }
        return attempts;
    }

    /** Returns the attempts at all servers, or only a usable one as soon as there is one: others may be silent. */
    private static List<Attempt> untilOneIsUsable(Settings settings, int answerMs) {
        List<CompletableFuture<Attempt>> attempts = begin(settings, answerMs);
        CompletableFuture<List<Attempt>> usable = new CompletableFuture<>();
        for (CompletableFuture<Attempt> attempt : attempts) {
            var unusedOne = attempt.thenAccept(done -> {
                if (done.usable()) {
                    usable.complete(List.of(done));
                }
            });
        }
        var unusedAll = CompletableFuture.allOf(attempts.toArray(CompletableFuture[]::new))
                .thenRun(() -> usable.complete(all(attempts)));
        return usable.join();
    }

    private static boolean usesTls(Settings settings) {
        SecurityProtocol protocol = settings.securityProtocol();
        return protocol == SecurityProtocol.SSL || protocol == SecurityProtocol.SASL_SSL;
    }

    /** @throws AdminException if no server accepts a connection, or none of those that do is a broker */
    public static void requireOne(Settings settings) {
        requireOne(settings, ANSWER_MS);
    }

    static void requireOne(Settings settings, int answerMs) {
        List<Attempt> attempts = untilOneIsUsable(settings, answerMs);
        requireKafka(attempts);
        if (attempts.stream().noneMatch(Attempt::usable)) {
            throw new AdminException(
                    "no broker can be reached: %s. Start the broker, or name another with --bootstrap-server; check firewalls in between"
                            .formatted(reasons(attempts)));
        }
    }

    /**
     * Like {@link #requireOne}, but accepts unreachable brokers: they may be starting.
     *
     * @throws AdminException if every address answers, and none is a broker
     */
    public static void requireKafka(Settings settings) {
        requireKafka(untilOneIsUsable(settings, ANSWER_MS));
    }

    private static void requireKafka(List<Attempt> attempts) {
        if (attempts.stream().allMatch(attempt -> attempt.notKafka() != null)) {
            throw new AdminException(
                    "no Kafka broker answers: %s. Name the port of a Kafka listener with --bootstrap-server, and its protocol with kafka.security.protocol"
                            .formatted(reasons(attempts)));
        }
    }

    private static String reasons(List<Attempt> attempts) {
        return attempts.stream().map(Attempt::why).collect(Collectors.joining("; "));
    }

    /**
     * Tries again if the server closes the connection: a proxy does so while it has no broker, and a broker while it starts,
     * stops, or has too many connections.
     */
    private static Attempt attempt(String server, boolean tls, int answerMs) {
        int left = ATTEMPTS;
        while (true) {
            try {
                return attemptOnce(server, tls, answerMs);
            } catch (EOFException e) {
                left--;
                if (left == 0) {
                    return new Attempt(server, null, e.getMessage());
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(PAUSE_MS));
            }
        }
    }

    /** @throws EOFException if the server closes the connection without an answer */
    private static Attempt attemptOnce(String server, boolean tls, int answerMs) throws EOFException {
        int colon = server.lastIndexOf(':');
        String host = server.substring(0, colon);
        int port = Integer.parseInt(server.substring(colon + 1));
        try (Socket socket = connected(host, port)) {
            socket.setSoTimeout(answerMs);
            return new Attempt(server, null, tls ? notTls(socket, host, port) : notKafka(socket));
        } catch (EOFException e) {
            throw e;
        } catch (SocketTimeoutException e) {
            return new Attempt(server, "no answer within %s s after connecting".formatted(answerMs / 1e3), null);
        } catch (IOException e) {
            return new Attempt(server, describe(host, e), null);
        }
    }

    /** Returns why a connection fails; null if it succeeds. */
    public static @Nullable String unreachable(String host, int port) {
        try {
            connected(host, port).close();
            return null;
        } catch (IOException e) {
            return describe(host, e);
        }
    }

    private static Socket connected(String host, int port) throws IOException {
        return connected(InetAddress.getAllByName(withoutBrackets(host)), port);
    }

    /** Connects to the first address of a host that accepts, like Kafka's clients. */
    static Socket connected(InetAddress[] addresses, int port) throws IOException {
        IOException failure = null;
        for (InetAddress address : addresses) {
            Socket socket = new Socket();
            try {
                socket.connect(new InetSocketAddress(address, port), CONNECT_MS / addresses.length);
                return socket;
            } catch (IOException e) {
                socket.close();
                failure = failure == null ? e : failure;
            }
        }
        throw failure == null ? new UnknownHostException("no address") : failure;
    }

    private static String withoutBrackets(String host) {
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    private static String describe(String host, IOException failure) {
        return failure instanceof UnknownHostException
                ? "the host name %s cannot be resolved".formatted(withoutBrackets(host))
                : FileFault.describe(failure);
    }

    /**
     * Sends the first request of every Kafka client, which brokers answer before they authenticate the client.
     *
     * @return why the answer is not that of a Kafka listener with this protocol; null if it is
     * @throws SocketTimeoutException if there is no answer
     * @throws EOFException if the server closes the connection
     */
    private static @Nullable String notKafka(Socket socket) throws SocketTimeoutException, EOFException {
        byte[] answer;
        byte[] versions = new byte[0];
        try {
            socket.getOutputStream().write(apiVersionsRequest());
            answer = socket.getInputStream().readNBytes(2 * Integer.BYTES);
            if (isAnswer(answer)) {
                int size = ByteBuffer.wrap(answer).getInt() - Integer.BYTES;
                versions = socket.getInputStream().readNBytes(Math.min(Math.max(0, size), VERSIONS_BYTES_MAX));
            }
        } catch (SocketTimeoutException e) {
            throw e;
        } catch (IOException e) {
            answer = new byte[0];
        }
        if (answer.length == 0) {
            throw new EOFException(
                    "the connection is closed after a Kafka request: this is not a Kafka listener, or the broker has too many connections");
        }
        if (isTls(answer)) {
            return "the listener expects TLS, and kafka.security.protocol is not SSL or SASL_SSL";
        }
        if (isAnswer(answer)) {
            return isBroker(ByteBuffer.wrap(versions))
                    ? null
                    : "a KRaft controller answers there, brokers have another port";
        }
        return new String(answer, US_ASCII).startsWith("HTTP/")
                ? "an HTTP server answers there"
                : "the program that answers there is not a Kafka broker";
    }

    /**
     * Sends the first message of a TLS client. A TLS listener answers it with its own or with an alert, whatever certificates both
     * have; a Kafka listener without TLS closes the connection.
     *
     * @return why the answer is not that of a TLS listener; null if it is
     * @throws SocketTimeoutException if there is no answer
     * @throws EOFException if the server closes the connection
     */
    private static @Nullable String notTls(Socket socket, String host, int port) throws IOException {
        byte[] hello = clientHello(host, port);
        byte[] answer;
        try {
            socket.getOutputStream().write(hello);
            answer = socket.getInputStream().readNBytes(2);
        } catch (SocketTimeoutException e) {
            throw e;
        } catch (IOException e) {
            answer = new byte[0];
        }
        if (isTls(answer)) {
            return null;
        }
        if (answer.length == 0) {
            throw new EOFException(
                    "the connection is closed after a TLS handshake message: the listener does not use TLS, but kafka.security.protocol says so, or the broker has too many connections");
        }
        return "the listener does not use TLS, but kafka.security.protocol says so";
    }

    private static byte[] clientHello(String host, int port) throws IOException {
        try {
            SSLEngine engine = SSLContext.getDefault().createSSLEngine(withoutBrackets(host), port);
            engine.setUseClientMode(true);
            ByteBuffer hello = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
            engine.wrap(ByteBuffer.allocate(0), hello);
            return Arrays.copyOf(hello.array(), hello.position());
        } catch (NoSuchAlgorithmException e) {
            throw new IOException("this Java has no TLS: " + e.getMessage(), e);
        }
    }

    private static boolean isTls(byte[] answer) {
        return answer.length > 1
                && (answer[0] == TLS_ALERT || answer[0] == TLS_HANDSHAKE)
                && answer[1] == TLS_MAJOR_VERSION;
    }

    private static boolean isAnswer(byte[] answer) {
        return answer.length == 2 * Integer.BYTES && ByteBuffer.wrap(answer).getInt(Integer.BYTES) == CORRELATION_ID;
    }

    /**
     * Returns whether the server supports metadata requests, which controllers do not. An error code also comes from a broker.
     */
    private static boolean isBroker(ByteBuffer versions) {
        if (versions.remaining() < Short.BYTES + Integer.BYTES || versions.getShort() != 0) {
            return true;
        }
        for (int left = versions.getInt(); left > 0 && versions.remaining() >= 3 * Short.BYTES; left--) {
            short key = versions.getShort();
            versions.getInt(); // the lowest and the highest version
            if (key == ApiKeys.METADATA.id) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns an ApiVersions request: size, request header version 1 without a client id, and an empty body. Version 0, which
     * every broker supports.
     */
    private static byte[] apiVersionsRequest() {
        int size = Short.BYTES + Short.BYTES + Integer.BYTES + Short.BYTES;
        return ByteBuffer.allocate(Integer.BYTES + size)
                .putInt(size)
                .putShort(ApiKeys.API_VERSIONS.id)
                .putShort((short) 0)
                .putInt(CORRELATION_ID)
                .putShort((short) -1)
                .array();
    }
}
