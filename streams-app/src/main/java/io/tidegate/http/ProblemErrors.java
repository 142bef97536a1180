package io.tidegate.http;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns requests that Jetty itself rejects, such as those with malformed headers, into problems too. Repeats no part of the
 * request, neither in the answer nor in the log, which gets at most one line a minute.
 */
final class ProblemErrors extends ErrorHandler {
    private static final Logger LOG = LoggerFactory.getLogger(ProblemErrors.class);
    private static final long LINE_EVERY_NANOS = TimeUnit.MINUTES.toNanos(1);

    private long rejected;
    private long lineAtNanos = System.nanoTime() - LINE_EVERY_NANOS;

    /** Jetty supplies a body only for some methods. */
    @Override
    public boolean errorPageForMethod(String method) {
        return true;
    }

    @Override
    protected void generateResponse(
            Request request,
            Response response,
            int code,
            @Nullable String message,
            @Nullable Throwable cause,
            Callback callback) {
        count(code);
        Front.addSecurity(response.getHeaders());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/problem+json");
        if (code == Problem.Kind.UPGRADE_REQUIRED.status) {
            response.getHeaders().put(HttpHeader.UPGRADE, "HTTP/1.1");
        }
        response.write(true, ByteBuffer.wrap(problem(code).reply().body()), callback);
    }

    private synchronized void count(int code) {
        rejected++;
        long now = System.nanoTime();
        if (now - lineAtNanos >= LINE_EVERY_NANOS) {
            LOG.info("rejected requests that are not well-formed HTTP requests={} status={}", rejected, code);
            rejected = 0;
            lineAtNanos = now;
        }
    }

    private static Problem problem(int code) {
        if (code == Problem.Kind.REQUEST_TIMEOUT.status) {
            return new Problem(Problem.Kind.REQUEST_TIMEOUT, "the request arrived too slowly");
        }
        if (code == Problem.Kind.UPGRADE_REQUIRED.status) {
            return new Problem(Problem.Kind.UPGRADE_REQUIRED, "this server supports HTTP/1.1, not HTTP/2");
        }
        if (code == Problem.Kind.VERSION_NOT_SUPPORTED.status) {
            return new Problem(Problem.Kind.VERSION_NOT_SUPPORTED, "this server supports HTTP/1.1 and HTTP/1.0");
        }
        if (HttpStatus.isClientError(code)) {
            return new Problem(
                            Problem.Kind.BAD_REQUEST, "the request is not valid HTTP: " + HttpStatus.getMessage(code))
                    .status(code);
        }
        return new Problem(Problem.Kind.INTERNAL_ERROR, "see the instance's log");
    }
}
