package io.tidegate.http;

import io.tidegate.config.HttpSettings;
import io.tidegate.config.Settings;
import io.tidegate.config.SettingsException;
import io.tidegate.tenant.TenantId;
import io.tidegate.wal.FileFault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.jspecify.annotations.Nullable;

/**
 * Authentication and authorization of requests.
 *
 * <p>Without tokens (loopback only), every user of this machine has full access. Requests that a web page makes a browser send
 * are rejected by two checks: the Host header, which a page that re-binds its own name cannot forge, and the headers with which
 * browsers describe the page. With tokens, a request needs {@code Authorization: Bearer}, which no page can add by itself. Only
 * digests of tokens are kept; all of them are compared, each in constant time. Immutable.
 */
public final class Access {
    /** The rights of a principal. Each role includes the ones before it, except {@link #PEER}. */
    public enum Role {
        /** No token is needed: health, and responses that are the same for every client. */
        PUBLIC,
        /** Reads the data of one tenant. */
        TENANT,
        /** Reads the data of one tenant, and changes its limits within the ceiling of its plan. */
        TENANT_ADMIN,
        /** Reads everything. */
        READ,
        /** Reads and changes everything. */
        ADMIN,
        /** Another instance; a separate role. */
        PEER
    }

    /**
     * The sender of a request.
     *
     * @param name the token's name, for the history of changes
     * @param tenant the tenant to whose data it is confined; null = all
     */
    public record Principal(
            String name, Role role, @Nullable TenantId tenant) {}

    @SuppressWarnings("ArrayRecordComponent") // compared only by MessageDigest
    private record Token(byte[] digest, Principal principal) {}

    /** A user of this machine. */
    static final Principal LOCAL = new Principal("local", Role.ADMIN, null);

    private static final Principal ANYBODY = new Principal("anybody", Role.PUBLIC, null);
    private static final Principal PEER = new Principal("peer", Role.PEER, null);
    private static final String BEARER = "Bearer ";
    private static final int TOKEN_CHARS_MIN = 16;
    private static final int TOKENS_MAX = 10_000;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._@-]{1,64}");
    private static final Pattern LOOPBACK_HOST =
            Pattern.compile("(?:localhost|127(?:\\.\\d{1,3}){3}|\\[::1])(?::\\d{1,5})?", Pattern.CASE_INSENSITIVE);

    private final boolean open;
    private final List<Token> tokens;
    private final @Nullable String peerToken;

    private Access(boolean open, List<Token> tokens, @Nullable String peerToken) {
        this.open = open;
        this.tokens = List.copyOf(tokens);
        this.peerToken = peerToken;
    }

    /**
     * Reads the tokens.
     *
     * @throws SettingsException naming the file, the line and the rule; never a token
     */
    static Access of(HttpSettings settings) {
        Path file = settings.tokensFile();
        if (file == null) {
            return new Access(true, List.of(), null);
        }
        List<String> lines;
        try {
            lines = Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new SettingsException(
                    "%s: %s cannot be read: %s".formatted(Settings.HTTP_TOKENS_FILE, file, FileFault.describe(e)));
        }
        List<Token> tokens = new ArrayList<>();
        List<Token> peers = new ArrayList<>();
        Set<String> names = new HashSet<>();
        Set<String> secrets = new HashSet<>();
        String firstPeer = null;
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            String where = "%s line %d".formatted(file, i + 1);
            String[] words = line.split("\\s+", -1);
            if (words.length != 3) {
                throw new SettingsException(where + ": expected three words: NAME ROLE TOKEN");
            }
            Principal principal = principal(where, words[0], words[1]);
            if (words[2].length() < TOKEN_CHARS_MIN) {
                throw new SettingsException("%s: the token of %s is shorter than %d characters"
                        .formatted(where, words[0], TOKEN_CHARS_MIN));
            }
            if (!names.add(words[0])) {
                throw new SettingsException("%s: the name %s occurs twice".formatted(where, words[0]));
            }
            if (!secrets.add(words[2])) {
                throw new SettingsException("%s: %s has the token of an earlier line".formatted(where, words[0]));
            }
            tokens.add(new Token(digest(words[2]), principal));
            if (principal.role() == Role.ADMIN) {
                String peer = peerToken(words[2]);
                firstPeer = firstPeer == null ? peer : firstPeer;
                peers.add(new Token(digest(peer), PEER));
            }
        }
        if (firstPeer == null) {
            throw new SettingsException(
                    "%s: %s has no admin token; instances authenticate to each other with the first one"
                            .formatted(Settings.HTTP_TOKENS_FILE, file));
        }
        tokens.addAll(peers);
        if (tokens.size() > TOKENS_MAX) {
            throw new SettingsException("%s: more than %d tokens".formatted(file, TOKENS_MAX));
        }
        return new Access(false, tokens, firstPeer);
    }

    private static Principal principal(String where, String name, String role) {
        if (!NAME.matcher(name).matches()) {
            throw new SettingsException(where + ": the name may have letters, digits and . _ @ -, at most 64 of them");
        }
        if (role.equals("admin")) {
            return new Principal(name, Role.ADMIN, null);
        }
        if (role.equals("read")) {
            return new Principal(name, Role.READ, null);
        }
        int colon = role.indexOf(':');
        Role ofTenant = switch (role.substring(0, Math.max(0, colon))) {
            case "tenant" -> Role.TENANT;
            case "tenant-admin" -> Role.TENANT_ADMIN;
            default -> null;
        };
        TenantId tenant = ofTenant == null ? null : TenantId.tryParse(role.substring(colon + 1));
        if (ofTenant == null || tenant == null) {
            throw new SettingsException(
                    where + ": the role must be admin, read, tenant:ID or tenant-admin:ID, such as tenant:42");
        }
        return new Principal(name, ofTenant, tenant);
    }

    /** Derives the token between instances from an admin token, which all instances have, without revealing it. */
    private static String peerToken(String adminToken) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(adminToken.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return HexFormat.of().formatHex(mac.doFinal("tidegate peer v1".getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has HmacSHA256", e);
        }
    }

    private static byte[] digest(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Returns the token of this instance for others; null if there are no tokens. */
    @Nullable
    String peerToken() {
        return peerToken;
    }

    /**
     * Returns the sender of a request that anybody may make. Its token is not read, so a probe with an old one is answered.
     *
     * @throws Problem if the request must not be answered
     */
    Principal anybody(HttpFields headers, boolean changes) {
        if (open) {
            checkHost(headers);
        }
        checkSite(headers, changes);
        return open ? LOCAL : ANYBODY;
    }

    /**
     * Returns the sender of a request.
     *
     * @throws Problem if the request must not be answered, or its token is invalid
     */
    Principal principal(HttpFields headers, boolean changes) {
        Principal anybody = anybody(headers, changes);
        List<String> authorizations = headers.getValuesList(HttpHeader.AUTHORIZATION);
        if (open || authorizations.isEmpty()) {
            return anybody;
        }
        if (authorizations.size() > 1) {
            throw new Problem(Problem.Kind.BAD_REQUEST, "the request has several Authorization headers");
        }
        String authorization = authorizations.get(0);
        Principal found = null;
        if (authorization.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
            byte[] digest = digest(authorization.substring(BEARER.length()).strip());
            for (Token token : tokens) {
                found = MessageDigest.isEqual(token.digest(), digest) ? token.principal() : found;
            }
        }
        if (found == null) {
            throw unauthorized("the token is unknown to this server");
        }
        return found;
    }

    /**
     * Checks that a principal may use a route.
     *
     * @param needed the role that the route requires
     * @param tenant the tenant that the request concerns; null = not a single tenant
     */
    void check(Principal principal, Role needed, @Nullable TenantId tenant) {
        if (needed == Role.PUBLIC || (open && needed == Role.PEER)) {
            return;
        }
        if (principal.role() == Role.PUBLIC) {
            throw unauthorized("send a token: Authorization: Bearer …");
        }
        boolean allowed = switch (needed) {
            case PUBLIC -> true;
            case TENANT ->
                principal.role() == Role.READ
                        || principal.role() == Role.ADMIN
                        || (tenant != null && tenant.equals(principal.tenant()));
            case TENANT_ADMIN ->
                principal.role() == Role.ADMIN
                        || (principal.role() == Role.TENANT_ADMIN
                                && tenant != null
                                && tenant.equals(principal.tenant()));
            case READ -> principal.role() == Role.READ || principal.role() == Role.ADMIN;
            case ADMIN -> principal.role() == Role.ADMIN;
            case PEER -> principal.role() == Role.PEER;
        };
        if (!allowed) {
            throw new Problem(
                    Problem.Kind.FORBIDDEN,
                    "the token %s has the role %s; the request needs %s"
                            .formatted(
                                    principal.name(),
                                    id(principal.role(), principal.tenant()),
                                    // Not the tenant's id: a name in the request must not reveal it.
                                    switch (needed) {
                                        case TENANT -> "read, or a token of the tenant that it concerns";
                                        case TENANT_ADMIN -> "admin, or tenant-admin of the tenant that it concerns";
                                        default -> id(needed, null);
                                    }));
        }
    }

    private static String id(Role role, @Nullable TenantId tenant) {
        String id = role.name().toLowerCase(Locale.ROOT).replace('_', '-');
        return tenant == null ? id : id + ":" + tenant.decimal();
    }

    private static Problem unauthorized(String detail) {
        return new Problem(Problem.Kind.UNAUTHORIZED, detail).header("WWW-Authenticate", "Bearer");
    }

    /** Checks the Host header: a page of evil.example that resolves its name to 127.0.0.1 still sends evil.example. */
    private static void checkHost(HttpFields headers) {
        String host = headers.get(HttpHeader.HOST);
        if (host == null || !LOOPBACK_HOST.matcher(host).matches()) {
            throw new Problem(
                    Problem.Kind.HOST_NOT_ALLOWED,
                    "without tokens, the Host header must be localhost, 127.0.0.1 or [::1]");
        }
    }

    /** Checks the headers with which browsers describe the page that makes a request; other clients do not send them. */
    private static void checkSite(HttpFields headers, boolean changes) {
        String site = headers.get("Sec-Fetch-Site");
        boolean navigates = !changes && "navigate".equals(headers.get("Sec-Fetch-Mode"));
        if (site != null && !site.equals("same-origin") && !site.equals("none") && !navigates) {
            throw new Problem(Problem.Kind.CROSS_SITE, "requests from pages of other sites are rejected");
        }
        String origin = headers.get(HttpHeader.ORIGIN);
        String host = headers.get(HttpHeader.HOST);
        if (origin != null && (host == null || !sameHost(origin, host))) {
            throw new Problem(Problem.Kind.CROSS_SITE, "requests from pages of other sites are rejected");
        }
    }

    private static boolean sameHost(String origin, String host) {
        int scheme = origin.indexOf("://");
        return scheme > 0 && origin.substring(scheme + 3).equalsIgnoreCase(host);
    }
}
