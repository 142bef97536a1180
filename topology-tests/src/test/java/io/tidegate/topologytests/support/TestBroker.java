package io.tidegate.topologytests.support;

import io.tidegate.demo.EmbeddedBroker;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;

/** A broker that the tests of a class share, with an admin client. */
public final class TestBroker implements AutoCloseable {
    /** Settings that make a killed instance leave its group soon. */
    public static final Map<String, String> SHORT_SESSIONS = Map.of(
            "group.streams.session.timeout.ms", "3000",
            "group.streams.heartbeat.interval.ms", "500",
            "group.min.session.timeout.ms", "1000");

    private final EmbeddedBroker broker;
    private final Admin admin;

    private TestBroker(EmbeddedBroker broker) {
        this.broker = broker;
        admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
    }

    /** Starts a broker on a free port, with its files below a directory of the test class. */
    public static TestBroker start(Path directory, Map<String, String> settings) throws Exception {
        return new TestBroker(EmbeddedBroker.start(directory.resolve("broker"), 0, settings));
    }

    public String bootstrapServers() {
        return broker.bootstrapServers();
    }

    public Admin admin() {
        return admin;
    }

    @Override
    public void close() {
        admin.close();
        broker.close();
    }
}
