package io.tidegate.http;

import io.tidegate.http.Access.Role;
import java.io.IOException;
import java.io.InputStream;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpHeader;
import org.jspecify.annotations.Nullable;

/**
 * The static files that every instance serves from its class path: {@code openapi.yaml} and the dashboard. A name consists of
 * letters, digits, dots and hyphens, without a slash, so no request can leave the directory. The page may load only from this
 * server, and runs no inline script.
 */
public final class StaticFiles {
    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9-]{0,60}(\\.[a-z0-9-]{1,20}){0,3}");
    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html;charset=utf-8",
            "js", "text/javascript;charset=utf-8",
            "css", "text/css;charset=utf-8",
            "svg", "image/svg+xml",
            "png", "image/png",
            "txt", "text/plain;charset=utf-8",
            "yaml", "application/yaml",
            "json", "application/json");
    private static final String PAGE_POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                    + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    @SuppressWarnings("ArrayRecordComponent") // not compared
    private record File(byte[] content, String etag) {}

    /** Caches only existing files, so the jar bounds it. */
    private static final Map<String, File> FILES = new ConcurrentHashMap<>();

    private StaticFiles() {}

    public static void addTo(Routes routes) {
        routes.addQuick("/", Role.PUBLIC, call -> serve(call, "dashboard/", "index.html"));
        routes.addQuick("/openapi.yaml", Role.PUBLIC, call -> serve(call, "", "openapi.yaml"));
        routes.addQuick("/favicon.ico", Role.PUBLIC, call -> serve(call, "dashboard/", "icon.svg"));
        routes.addQuick(
                "/dashboard/{file}",
                Role.PUBLIC,
                call -> serve(call, "dashboard/", call.path().getOrDefault("file", "")));
    }

    private static Reply serve(Call call, String directory, String name) throws IOException {
        String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
        File file = NAME.matcher(name).matches() && type != null ? file(directory + name) : null;
        if (file == null || type == null) {
            throw new Problem(Problem.Kind.NOT_FOUND, "no such file");
        }
        boolean changed = EntityTags.isNoneMatch(EntityTags.of(call.headers(), HttpHeader.IF_NONE_MATCH), file.etag());
        Reply reply = changed ? new Reply(200, type, file.content()) : Reply.empty(304);
        return reply.header("ETag", file.etag())
                .header("Cache-Control", "no-cache")
                .header("Content-Security-Policy", PAGE_POLICY);
    }

    private static @Nullable File file(String path) throws IOException {
        File known = FILES.get(path);
        if (known != null) {
            return known;
        }
        try (InputStream in = StaticFiles.class.getClassLoader().getResourceAsStream(path)) {
            if (in == null) {
                return null;
            }
            byte[] content = in.readAllBytes();
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
            File read = new File(content, "W/\"" + HexFormat.of().formatHex(digest, 0, 16) + "\"");
            FILES.put(path, read);
            return read;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
