package io.tidegate.contract;

import java.util.ArrayList;
import java.util.List;

/**
 * The names of all topics.
 *
 * @param signals the ingress topics; several with {@link TenantSource#TOPIC}, one for each tenant
 * @param byTenant signals keyed by tenant
 * @param configs tenants' configs, compacted
 * @param accepted accepted signals, with each tenant's sequence numbers
 * @param quotaExceeded rejected signals
 * @param deadLetter records that cannot be judged
 * @param segments sealed WAL segments, compacted
 * @param commands operators' commands on tenants' state
 * @param events levels of quotas that were reached or left, and answers to commands
 */
public record Topics(
        List<String> signals,
        String byTenant,
        String configs,
        String accepted,
        String quotaExceeded,
        String deadLetter,
        String segments,
        String commands,
        String events) {
    public Topics {
        signals = List.copyOf(signals);
    }

    /** The topics that the stages read, in which the group has offsets. */
    public List<String> inputs() {
        List<String> inputs = new ArrayList<>(signals);
        inputs.add(byTenant);
        inputs.add(commands);
        return inputs;
    }
}
