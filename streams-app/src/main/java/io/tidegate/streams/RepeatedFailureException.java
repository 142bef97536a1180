package io.tidegate.streams;

/**
 * The failure of an instance whose threads failed so often that another attempt is useless until the cause is fixed.
 */
public final class RepeatedFailureException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** @param last the failure of the last thread */
    public RepeatedFailureException(Throwable last) {
        super(
                "threads failed %d times within %d minutes, the last time with: %s. Each time another thread began at the committed offset and failed again. %s, start the instance again: nothing is lost"
                        .formatted(
                                ThreadFailures.MAX + 1,
                                ThreadFailures.WITHIN.toMinutes(),
                                withoutFullStop(rootOf(last)),
                                remedy(rootOf(last))),
                last);
    }

    private static String withoutFullStop(String text) {
        return text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
    }

    /** Returns what to do first. Brokers keep the topology of a group of the streams protocol, and reject another one. */
    private static String remedy(String root) {
        return root.contains("Topology updates are not supported")
                ? "The brokers keep the topology that the group had with another ingress.partitioning: run one instance with group.protocol=classic until it is ready, stop it, set group.protocol=streams again. Then"
                : "Once the cause is fixed";
    }

    private static String rootOf(Throwable failure) {
        Throwable root = failure;
        // A cycle of causes is possible only by mistake; the bound costs nothing.
        for (int i = 0; i < 100 && root.getCause() != null; i++) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.toString() : root.getClass().getSimpleName() + ": " + root.getMessage();
    }
}
