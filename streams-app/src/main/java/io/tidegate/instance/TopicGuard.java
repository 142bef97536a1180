package io.tidegate.instance;

import io.tidegate.admin.AdminException;
import io.tidegate.admin.TopicWatch;
import io.tidegate.streams.Instance;
import io.tidegate.streams.InstanceNotices.PauseCause;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps an instance from working on topics that do not meet the requirements. Checks periodically, and immediately when a
 * thread fails, since a changed topic may be the cause. Pauses the instance, resumes it when the topic is fixed, or ends it.
 */
final class TopicGuard implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TopicGuard.class);

    private final TopicWatch watch;
    private final Instance instance;
    private final AtomicBoolean asked = new AtomicBoolean();
    private final Set<String> known = new HashSet<>();
    private final ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "tidegate-topics");
        thread.setDaemon(true);
        return thread;
    });

    TopicGuard(TopicWatch watch, Instance instance, Duration every) {
        this.watch = watch;
        this.instance = instance;
        var unused = executor.scheduleWithFixedDelay(this::check, 0, every.toMillis(), TimeUnit.MILLISECONDS);
        instance.onThreadFailure(this::checkSoon);
    }

    private void checkSoon() {
        if (asked.compareAndSet(false, true)) {
            try {
                executor.execute(this::check);
            } catch (RejectedExecutionException e) {
                LOG.debug("closing, topics are no longer checked");
            }
        }
    }

    private void check() {
        asked.set(false);
        try {
            act(watch.check());
        } catch (AdminException e) {
            LOG.warn("the topics could not be checked: {}", e.getMessage());
        } catch (RuntimeException e) {
            LOG.error("the topics could not be checked", e);
        }
    }

    private void act(TopicWatch.Report report) {
        instance.topicFindings(report.findings());
        for (String finding : report.findings()) {
            if (known.add(finding)) {
                LOG.error("{}", finding);
            }
        }
        known.removeIf(finding -> {
            boolean fixed = !report.findings().contains(finding);
            if (fixed) {
                LOG.info("fixed: {}", finding);
            }
            return fixed;
        });
        if (!report.ending().isEmpty()) {
            instance.end(new AdminException(String.join("; ", report.ending())));
        } else if (!report.pausing().isEmpty()) {
            instance.pause(
                    PauseCause.TOPICS, "topics do not meet the requirements: " + String.join("; ", report.pausing()));
        } else {
            instance.resume(PauseCause.TOPICS);
        }
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }
}
