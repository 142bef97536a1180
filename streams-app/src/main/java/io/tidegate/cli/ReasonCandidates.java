package io.tidegate.cli;

import java.util.Iterator;

/** The reasons for rejections and dead letters, for completion. */
final class ReasonCandidates implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
        return RejectionTailCommand.reasonIds().iterator();
    }
}
