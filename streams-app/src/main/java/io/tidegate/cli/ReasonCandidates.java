package io.tidegate.cli;

import io.tidegate.admission.Reason;
import io.tidegate.signal.Defect;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;

/** The reasons for rejections and dead letters, for completion. */
final class ReasonCandidates implements Iterable<String> {
    static List<String> ids() {
        List<String> ids = new ArrayList<>();
        for (Reason reason : Reason.values()) {
            ids.add(reason.id());
        }
        for (Defect defect : Defect.values()) {
            ids.add(defect.id());
        }
        return ids;
    }

    static boolean isDefect(String reason) {
        return Stream.of(Defect.values()).anyMatch(defect -> defect.id().equals(reason));
    }

    @Override
    public Iterator<String> iterator() {
        return ids().iterator();
    }
}
