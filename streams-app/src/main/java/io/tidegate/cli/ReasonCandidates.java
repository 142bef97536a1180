package io.tidegate.cli;

import io.tidegate.admission.Reason;
import io.tidegate.signal.Defect;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

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

    @Override
    public Iterator<String> iterator() {
        return ids().iterator();
    }
}
