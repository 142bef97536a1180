package io.tidegate.topologytests.broker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.metadata.authorizer.StandardAuthorizer;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;

/** Kafka's own authorizer, which also records each allowed operation once: {@code principal operation type name}. */
public final class RecordingAuthorizer extends StandardAuthorizer {
    static final String FILE_CONFIG = "recording.authorizer.file";

    private final Set<String> seen = new HashSet<>();
    private Path file = Path.of("");

    @Override
    public void configure(Map<String, ?> configs) {
        super.configure(configs);
        file = Path.of(String.valueOf(configs.get(FILE_CONFIG)));
    }

    @Override
    public List<AuthorizationResult> authorize(AuthorizableRequestContext context, List<Action> actions) {
        List<AuthorizationResult> results = super.authorize(context, actions);
        for (int i = 0; i < actions.size(); i++) {
            Action action = actions.get(i);
            // Actions that are not to be logged are only a client's queries of its own permissions.
            if (results.get(i) == AuthorizationResult.ALLOWED && action.logIfAllowed()) {
                note("%s %s %s %s\n"
                        .formatted(
                                context.principal(),
                                action.operation(),
                                action.resourcePattern().resourceType(),
                                action.resourcePattern().name()));
            }
        }
        return results;
    }

    private synchronized void note(String line) {
        if (seen.add(line)) {
            try {
                Files.writeString(
                        file, line, StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
