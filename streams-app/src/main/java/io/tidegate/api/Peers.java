package io.tidegate.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidegate.config.HttpSettings;
import io.tidegate.config.TrustedCertificates;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.streams.InstanceView;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The other instances, queried over HTTP. Each instance reports the shards that it owns. Owners are cached, but the queried
 * instance always checks again, so a stale entry costs one more query and never gives a wrong answer. Thread-safe.
 */
final class Peers {
    static final String INTERNAL = "/internal/v1";

    private static final Duration CONNECT_WITHIN = Duration.ofSeconds(1);
    private static final Duration ANSWER_WITHIN = Duration.ofSeconds(3);
    private static final int UNAVAILABLE = 503;

    static final int RETRY_AFTER_S = 2;

    /**
     * The answer of an instance.
     *
     * @param status 0 if it did not answer
     */
    record Answer(String address, int status, @Nullable JsonNode json) {
        boolean ok() {
            return status == 200 && json != null;
        }
    }

    private final InstanceView view;
    private final String self;
    private final String scheme;
    private final @Nullable String token;
    private final HttpClient client;
    private volatile Map<Integer, String> owners = Map.of();

    Peers(HttpSettings settings, InstanceView view, String self, @Nullable String token) {
        this.view = view;
        this.self = self;
        this.token = token;
        scheme = settings.isTls() ? "https" : "http";
        HttpClient.Builder builder = HttpClient.newBuilder()
                .connectTimeout(CONNECT_WITHIN)
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER);
        if (settings.caFile() != null) {
            builder.sslContext(TrustedCertificates.trusting(settings.caFile()));
        }
        client = builder.build();
    }

    /** Returns all instances except this one. */
    List<String> others() {
        return view.instances().stream()
                .map(InstanceView.Address::toString)
                .filter(address -> !address.equals(self))
                .toList();
    }

    /**
     * Queries the owner of a shard that is not here.
     *
     * @param path such as {@code /tenants/42/usage}
     * @throws Problem if no instance reports the shard as its own
     */
    JsonNode askOwner(int shard, String path) throws InterruptedException {
        String known = owners.get(shard);
        if (known != null) {
            Answer answer = ask(List.of(known), path).get(0);
            if (answer.ok()) {
                return answer.json();
            }
        }
        String found = findOwners().get(shard);
        if (found == null) {
            throw noOwner(shard);
        }
        Answer answer = ask(List.of(found), path).get(0);
        if (answer.ok()) {
            return answer.json();
        }
        throw problem(answer);
    }

    /** Returns why an instance gave no result: the temporary condition that it names itself, or that it cannot be used. */
    static Problem problem(Answer answer) {
        JsonNode json = answer.json() == null ? Json.object() : answer.json();
        Problem.Kind named =
                answer.status() == UNAVAILABLE ? Problem.Kind.of(json.path("id").asText()) : null;
        String why;
        if (named != null) {
            why = ": " + json.path("detail").asText();
        } else {
            why = answer.status() == 0 ? " does not answer" : " answers with the status " + answer.status();
        }
        return Problem.retryLater(
                named == null ? Problem.Kind.INSTANCE_UNREACHABLE : named,
                "the instance " + answer.address() + why,
                RETRY_AFTER_S);
    }

    static Problem noOwner(int shard) {
        return Problem.retryLater(
                Problem.Kind.REBALANCING,
                "no instance owns shard %d; it is being moved or restored".formatted(shard),
                RETRY_AFTER_S);
    }

    private Map<Integer, String> findOwners() throws InterruptedException {
        Map<Integer, String> found = new HashMap<>();
        for (Answer answer : ask(others(), "/shards")) {
            if (answer.ok()) {
                answer.json().path("shards").forEach(shard -> found.put(shard.asInt(), answer.address()));
            }
        }
        owners = Map.copyOf(found);
        return found;
    }

    /** Queries several instances concurrently. The result has an answer for each, including those that did not answer. */
    List<Answer> ask(List<String> addresses, String path) throws InterruptedException {
        Map<String, CompletableFuture<Answer>> asked = new TreeMap<>();
        addresses.forEach(address -> asked.put(address, send(address, path)));
        return asked.entrySet().stream()
                .map(entry -> await(entry.getKey(), entry.getValue()))
                .toList();
    }

    private CompletableFuture<Answer> send(String address, String path) {
        HttpRequest.Builder request;
        try {
            request = HttpRequest.newBuilder(URI.create("%s://%s%s%s".formatted(scheme, address, INTERNAL, path)))
                    .timeout(ANSWER_WITHIN);
        } catch (IllegalArgumentException e) {
            // Such as a host name with an underscore.
            return CompletableFuture.completedFuture(new Answer(address, 0, null));
        }
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        return client.sendAsync(request.build(), BodyHandlers.ofByteArray())
                .thenApply(response -> answer(address, response));
    }

    private static Answer answer(String address, HttpResponse<byte[]> response) {
        try {
            return new Answer(address, response.statusCode(), Json.tree(response.body()));
        } catch (IllegalArgumentException e) {
            return new Answer(address, response.statusCode(), null);
        }
    }

    private static Answer await(String address, CompletableFuture<Answer> asked) {
        try {
            return asked.get(ANSWER_WITHIN.toMillis() + CONNECT_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            return new Answer(address, 0, null);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Answer(address, 0, null);
        }
    }
}
