package io.tidegate.api;

import io.tidegate.http.Access.Principal;
import io.tidegate.http.Problem;
import io.tidegate.http.Shares;

/** The places of expensive work, {@linkplain Shares shared} between principals. Thread-safe. */
final class Places {
    /** A place that is held. */
    final class Place {
        private final Principal principal;
        private boolean released;

        private Place(Principal principal) {
            this.principal = principal;
        }

        /** Releases the place, unless that has already happened. */
        void release() {
            synchronized (shares) {
                if (!released) {
                    released = true;
                    shares.release(principal);
                }
            }
        }
    }

    private final Shares shares;
    private final String work;
    private final int retryAfterS;

    /** @param work the name of the work in the plural */
    Places(int places, String work, int retryAfterS) {
        shares = new Shares(places);
        this.work = work;
        this.retryAfterS = retryAfterS;
    }

    /**
     * Takes a place.
     *
     * @throws Problem if the principal's share, or the whole, is in use
     */
    Place take(Principal principal) {
        synchronized (shares) {
            if (shares.take(principal)) {
                return new Place(principal);
            }
            throw Problem.retryLater(
                    Problem.Kind.BUSY,
                    "%d %s are already running; one token may have %d"
                            .formatted(shares.taken(), work, shares.of(principal)),
                    retryAfterS);
        }
    }
}
