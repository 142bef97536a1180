package io.tidegate.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidegate.admission.QuotaUse;
import io.tidegate.admission.TenantUsage;
import io.tidegate.http.Access.Principal;
import io.tidegate.http.Call;
import io.tidegate.http.Json;
import io.tidegate.http.Problem;
import io.tidegate.http.Reply;
import io.tidegate.tenant.TenantConfig;
import io.tidegate.tenant.TenantId;
import io.tidegate.topology.TenantConfigs.InForce;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The list of tenants over all instances: each instance searches, sorts and truncates the tenants of its own shards; the
 * queried one merges. Fails unless every shard has answered exactly once: an error is better than a list with tenants missing.
 * Holds one page for each query, and the ids of the shard that is being read.
 */
final class TenantList {
    static final Set<String> PARAMETERS = Set.of("limit", "cursor", "sort", "over", "q", "state");
    static final int LIMIT_DEFAULT = 100;
    static final int LIMIT_MAX = 1000;

    /** A token for all tenants may have two: a dashboard computes that many. */
    private static final int LISTS_AT_A_TIME = 4;

    private static final int RETRY_AFTER_S = 1;
    private static final int PERCENT_MAX = 1_000_000;
    private static final int TEXT_CHARS_MAX = 200;

    /** The sort order; numbers in descending order. */
    enum Sort {
        ID,
        LABEL,
        USED,
        ACCEPTED,
        REJECTED,
        ENTITIES,
        STORAGE
    }

    /** The states to filter by. */
    enum State {
        ENFORCE,
        OBSERVE,
        BLOCKED,
        NO_CONFIG
    }

    /** The position of a row in the list, and of a cursor between rows. */
    private record Place(long number, String text, TenantId id) implements Comparable<Place> {
        private static final Comparator<Place> ORDER = Comparator.comparingLong((Place place) -> -place.number())
                .thenComparing(Place::text)
                .thenComparing(Place::id);

        @Override
        public int compareTo(Place other) {
            return ORDER.compare(this, other);
        }

        String cursor() {
            return Base64.getUrlEncoder()
                    .withoutPadding()
                    .encodeToString((number + " " + id.decimal() + " " + text).getBytes(StandardCharsets.UTF_8));
        }

        static Place ofCursor(String cursor) {
            try {
                String[] parts =
                        new String(Base64.getUrlDecoder().decode(cursor), StandardCharsets.UTF_8).split(" ", 3);
                return new Place(Long.parseLong(parts[0]), parts[2], TenantId.parse(parts[1]));
            } catch (RuntimeException e) {
                throw Problem.badField(Problem.Kind.BAD_REQUEST, "cursor", "is not a cursor of this API");
            }
        }
    }

    private record Row(
            Place place,
            TenantId id,
            @Nullable InForce own,
            @Nullable InForce inForce,
            @Nullable TenantUsage usage) implements Comparable<Row> {
        @Override
        public int compareTo(Row other) {
            return place.compareTo(other.place);
        }
    }

    /** The parsed parameters of a request. */
    private record ListQuery(
            int limit,
            @Nullable Place after,
            Sort sort,
            int over,
            @Nullable String text,
            @Nullable State state) {
        static ListQuery of(Call call) {
            call.allowQuery(PARAMETERS);
            String cursor = call.query("cursor");
            String text = call.query("q");
            if (text != null && text.length() > TEXT_CHARS_MAX) {
                throw Problem.badField(
                        Problem.Kind.BAD_REQUEST, "q", "is longer than %d characters".formatted(TEXT_CHARS_MAX));
            }
            Sort sort = choice(call, "sort", Sort.class);
            return new ListQuery(
                    call.query("limit", LIMIT_DEFAULT, 1, LIMIT_MAX),
                    cursor == null ? null : Place.ofCursor(cursor),
                    sort == null ? Sort.ID : sort,
                    call.query("over", -1, 0, PERCENT_MAX),
                    text == null ? null : text.toLowerCase(Locale.ROOT),
                    choice(call, "state", State.class));
        }

        private static <E extends Enum<E>> @Nullable E choice(Call call, String name, Class<E> type) {
            String text = call.query(name);
            if (text == null) {
                return null;
            }
            List<String> ids = new ArrayList<>();
            for (E value : type.getEnumConstants()) {
                String id = value.name().toLowerCase(Locale.ROOT);
                if (id.equals(text)) {
                    return value;
                }
                ids.add(id);
            }
            throw Problem.badField(Problem.Kind.BAD_REQUEST, name, "must be one of " + String.join(", ", ids));
        }
    }

    private final ApiContext api;
    private final RecentAnswers<ListQuery> recent = new RecentAnswers<>();
    private final Places places = new Places(LISTS_AT_A_TIME, "lists of tenants", RETRY_AFTER_S);

    TenantList(ApiContext api) {
        this.api = api;
    }

    /** Returns the list of all instances, at most {@link RecentAnswers#GOOD_FOR} old. */
    Reply all(Call call) throws InterruptedException {
        ListQuery question = ListQuery.of(call);
        long version = api.configs.readOffset();
        long beganNanos = System.nanoTime();
        Reply known = recent.get(question, version, beganNanos);
        if (known != null) {
            return known;
        }
        List<JsonNode> parts = new ArrayList<>();
        parts.add(own(call.principal(), question));
        for (Peers.Answer answer : api.peers.ask(api.peers.others(), "/tenants" + query(call))) {
            if (!answer.ok()) {
                throw Peers.problem(answer);
            }
            parts.add(answer.json());
        }
        checkComplete(parts);
        Reply reply = Reply.json(merge(parts, question));
        recent.put(question, reply, version, beganNanos);
        return reply;
    }

    /** Returns the list of this instance only, for an instance that merges. */
    Reply own(Call call) {
        return Reply.json(own(call.principal(), ListQuery.of(call)));
    }

    private void checkComplete(List<JsonNode> parts) {
        Set<Integer> seen = new HashSet<>();
        for (JsonNode part : parts) {
            for (JsonNode shard : part.path("shards")) {
                if (!seen.add(shard.asInt())) {
                    throw Problem.retryLater(
                            Problem.Kind.REBALANCING,
                            "two instances claim shard %d; it is being moved".formatted(shard.asInt()),
                            Peers.RETRY_AFTER_S);
                }
            }
        }
        for (int shard = 0; shard < api.view.shards(); shard++) {
            if (!seen.contains(shard)) {
                throw Peers.noOwner(shard);
            }
        }
    }

    private static ObjectNode merge(List<JsonNode> parts, ListQuery question) {
        record ListedTenant(Place place, JsonNode tenant) {}
        List<ListedTenant> rows = new ArrayList<>();
        long matched = 0;
        for (JsonNode part : parts) {
            matched += part.path("matched").asLong();
            for (JsonNode row : part.path("rows")) {
                rows.add(new ListedTenant(Place.ofCursor(row.path("cursor").asText()), row.path("tenant")));
            }
        }
        rows.sort(Comparator.comparing(ListedTenant::place));
        boolean more = rows.size() > question.limit()
                || parts.stream().anyMatch(part -> part.path("more").asBoolean());
        List<ListedTenant> page = rows.subList(0, Math.min(rows.size(), question.limit()));
        ObjectNode json = Json.object();
        json.put("at", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
        json.put("matched", matched);
        ArrayNode tenants = json.putArray("tenants");
        page.forEach(found -> tenants.add(found.tenant()));
        if (more && !page.isEmpty()) {
            json.put("next", page.get(page.size() - 1).place().cursor());
        } else {
            json.putNull("next");
        }
        return json;
    }

    private ObjectNode own(Principal principal, ListQuery question) {
        Places.Place place = places.take(principal);
        try {
            Search search = new Search(question, System.currentTimeMillis());
            Set<Integer> complete = new java.util.TreeSet<>();
            for (int shard : api.view.ownShards()) {
                if (search.read(shard)) {
                    complete.add(shard);
                } else {
                    throw Peers.noOwner(shard);
                }
            }
            return search.result(complete);
        } finally {
            place.release();
        }
    }

    /** One pass over the tenants of some shards, which keeps the first rows of a page. */
    private final class Search {
        private final ListQuery question;
        private final long nowMs;
        private final PriorityQueue<Row> page = new PriorityQueue<>(Comparator.reverseOrder());
        private long matched;
        private boolean more;

        Search(ListQuery question, long nowMs) {
            this.question = question;
            this.nowMs = nowMs;
        }

        boolean read(int shard) {
            Set<TenantId> seen = new HashSet<>();
            boolean whole = api.shards.usages(shard, (id, usage) -> {
                seen.add(id);
                offer(id, usage);
            });
            api.configs.forEachTenant(id -> {
                if (api.view.shardOf(id) == shard && !seen.contains(id)) {
                    offer(id, null);
                }
            });
            return whole;
        }

        private void offer(TenantId id, @Nullable TenantUsage usage) {
            InForce own = api.configs.own(id);
            InForce inForce = api.configs.inForce(id);
            TenantConfig config = inForce == null ? null : inForce.config();
            if (usage != null) {
                usage.showAsOf(config, nowMs);
            }
            if (!matches(id, own, usage, config)) {
                return;
            }
            matched++;
            Row row = new Row(place(id, own, usage, config), id, own, inForce, usage);
            if (question.after() != null && row.place().compareTo(question.after()) <= 0) {
                return;
            }
            page.add(row);
            if (page.size() > question.limit()) {
                page.remove();
                more = true;
            }
        }

        private boolean matches(
                TenantId id, @Nullable InForce own, @Nullable TenantUsage usage, @Nullable TenantConfig config) {
            if (question.over() >= 0 && QuotaUse.percent(usage, config, nowMs) < question.over()) {
                return false;
            }
            if (question.text() != null
                    && !id.decimal().startsWith(question.text())
                    && (own == null || !hasText(own.config(), question.text()))) {
                return false;
            }
            return question.state() == null || question.state() == state(own, config);
        }

        private static boolean hasText(TenantConfig config, String text) {
            return Stream.concat(Stream.of(config.label()), config.externalIds().stream())
                    .anyMatch(one -> one.toLowerCase(Locale.ROOT).contains(text));
        }

        /**
         * Returns the state by the tenant's own config, completed by its plan. If the plan does not exist, the config is not in
         * force.
         */
        private State state(@Nullable InForce own, @Nullable TenantConfig inForce) {
            if (own == null || inForce == null) {
                return State.NO_CONFIG;
            }
            if (inForce.isBlocked(nowMs)) {
                return State.BLOCKED;
            }
            return inForce.mode() == TenantConfig.Mode.OBSERVE ? State.OBSERVE : State.ENFORCE;
        }

        private Place place(
                TenantId id, @Nullable InForce own, @Nullable TenantUsage usage, @Nullable TenantConfig config) {
            long number = switch (question.sort()) {
                case ID, LABEL -> 0;
                case USED -> QuotaUse.percent(usage, config, nowMs);
                case ACCEPTED -> usage == null ? 0 : usage.acceptedCount();
                case REJECTED -> TenantJson.rejected(usage);
                case ENTITIES -> usage == null ? 0 : usage.entityCount();
                case STORAGE -> usage == null ? 0 : usage.sealedBytes();
            };
            String text = question.sort() == Sort.LABEL && own != null
                    ? own.config().label().toLowerCase(Locale.ROOT)
                    : "";
            return new Place(number, text, id);
        }

        ObjectNode result(Set<Integer> shards) {
            ObjectNode json = Json.object();
            shards.forEach(json.putArray("shards")::add);
            json.put("matched", matched);
            json.put("more", more);
            ArrayNode rows = json.putArray("rows");
            page.stream().sorted().forEach(row -> {
                ObjectNode tenant = TenantJson.tenant(row.id(), row.own(), null, null);
                tenant.remove("limits");
                TenantConfig config =
                        row.inForce() == null ? null : row.inForce().config();
                tenant.put("state", state(row.own(), config).name().toLowerCase(Locale.ROOT));
                tenant.put("used_percent", QuotaUse.percent(row.usage(), config, nowMs));
                tenant.set("usage", TenantJson.usage(row.usage(), config, nowMs));
                tenant.set("recent", TenantJson.recent(api.history.recent(row.id(), nowMs)));
                rows.addObject().put("cursor", row.place().cursor()).set("tenant", tenant);
            });
            return json;
        }
    }

    /** Returns the same request for another instance: the validated parameters, encoded again. */
    private static String query(Call call) {
        StringBuilder query = new StringBuilder("?");
        for (String name : PARAMETERS) {
            String value = call.query(name);
            if (value != null) {
                query.append(query.length() > 1 ? "&" : "")
                        .append(name)
                        .append('=')
                        .append(java.net.URLEncoder.encode(value, StandardCharsets.UTF_8));
            }
        }
        return query.toString();
    }
}
