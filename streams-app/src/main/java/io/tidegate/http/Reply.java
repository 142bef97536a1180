package io.tidegate.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** A complete answer in memory. */
public final class Reply {
    private static final byte[] NOTHING = {};

    private final int status;
    private final String contentType;
    private final byte[] body;
    private final Map<String, String> headers = new LinkedHashMap<>();

    public Reply(int status, String contentType, byte[] body) {
        this.status = status;
        this.contentType = contentType;
        this.body = body;
    }

    public static Reply json(JsonNode json) {
        return new Reply(200, "application/json", Json.bytes(json));
    }

    public static Reply text(int status, String text) {
        return new Reply(status, "text/plain;charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
    }

    public static Reply empty(int status) {
        return new Reply(status, "", NOTHING);
    }

    public Reply header(String name, String value) {
        headers.put(name, value);
        return this;
    }

    int status() {
        return status;
    }

    String contentType() {
        return contentType;
    }

    byte[] body() {
        return body;
    }

    public Map<String, String> headers() {
        return headers;
    }
}
