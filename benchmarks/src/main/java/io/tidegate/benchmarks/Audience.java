package io.tidegate.benchmarks;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Many clients of one instance: readers of the stream of rejections, and pollers of the list of tenants. Closed connections
 * are opened again, so it can start before the instance does. One thread reads all streams.
 */
@Command(
        name = "audience",
        mixinStandardHelpOptions = true,
        description = "Opens streams of rejections and polls the list of tenants; prints the totals each second.")
final class Audience implements Callable<Integer> {
    private static final Duration AGAIN = Duration.ofMillis(500);
    private static final Duration POLL = Duration.ofMillis(100);

    @Parameters(paramLabel = "URL", description = "Of an instance, such as http://127.0.0.1:18080.")
    private URI url = URI.create("http://127.0.0.1:8080");

    @Option(names = "--streams", defaultValue = "1000", description = "Default: ${DEFAULT-VALUE}.")
    private int streams;

    @Option(
            names = "--pollers",
            defaultValue = "4",
            description = "Ten times a second each. Default: ${DEFAULT-VALUE}.")
    private int pollers;

    @Option(names = "--seconds", defaultValue = "600", description = "How long. Default: ${DEFAULT-VALUE}.")
    private int seconds;

    private final AtomicLong answers = new AtomicLong();
    private long bytes;
    private int open;

    public static void main(String[] args) {
        System.exit(new CommandLine(new Audience()).execute(args));
    }

    @Override
    public Integer call() throws IOException {
        long endNanos = System.nanoTime() + Duration.ofSeconds(seconds).toNanos();
        for (int i = 0; i < pollers; i++) {
            Thread poller = new Thread(() -> poll(endNanos), "poller-" + i);
            poller.setDaemon(true);
            poller.start();
        }
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);
        try (Selector selector = Selector.open()) {
            long nextOpenNanos = System.nanoTime();
            long nextReportNanos = nextOpenNanos;
            while (System.nanoTime() < endNanos) {
                if (System.nanoTime() >= nextOpenNanos) {
                    openMissing(selector);
                    nextOpenNanos = System.nanoTime() + AGAIN.toNanos();
                }
                selector.select(key -> read(key, buffer), AGAIN.toMillis());
                if (System.nanoTime() >= nextReportNanos) {
                    System.out.printf("%d streams open, %d bytes read, %d lists read%n", open, bytes, answers.get());
                    nextReportNanos = System.nanoTime() + Duration.ofSeconds(1).toNanos();
                }
            }
        }
        return 0;
    }

    private void openMissing(Selector selector) {
        String request = "GET /v1/rejections HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
        try {
            while (open < streams) {
                SocketChannel channel = SocketChannel.open(new InetSocketAddress(url.getHost(), url.getPort()));
                channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
                channel.configureBlocking(false);
                channel.register(selector, SelectionKey.OP_READ);
                open++;
            }
        } catch (IOException e) {
            // No instance listens at the moment: the next turn tries again.
        }
    }

    private void read(SelectionKey key, ByteBuffer buffer) {
        try {
            buffer.clear();
            int count = ((SocketChannel) key.channel()).read(buffer);
            if (count >= 0) {
                bytes += count;
                return;
            }
            key.channel().close();
        } catch (IOException e) {
            key.cancel();
        }
        open--;
    }

    private void poll(long endNanos) {
        HttpClient client = HttpClient.newHttpClient();
        HttpRequest request = HttpRequest.newBuilder(url.resolve("/v1/tenants?over=80"))
                .timeout(Duration.ofSeconds(10))
                .build();
        while (System.nanoTime() < endNanos) {
            try {
                client.send(request, BodyHandlers.discarding());
                answers.incrementAndGet();
            } catch (IOException e) {
                // No instance listens yet: the next turn tries again.
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            try {
                Thread.sleep(POLL.toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
