package io.tidegate.http;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/** What Jetty itself refuses, such as headers that are none, as a problem too. Repeats nothing of the request. */
final class ProblemErrors extends ErrorHandler {
    private static final int CLIENT_ERRORS = 400;
    private static final int SERVER_ERRORS = 500;

    @Override
    protected void generateResponse(
            Request request,
            Response response,
            int code,
            @Nullable String message,
            @Nullable Throwable cause,
            Callback callback) {
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/problem+json");
        response.write(true, ByteBuffer.wrap(body(code)), callback);
    }

    private static byte[] body(int code) {
        Problem problem;
        if (code == Problem.Kind.REQUEST_TIMEOUT.status) {
            problem = new Problem(Problem.Kind.REQUEST_TIMEOUT, "the request came too slowly");
        } else if (code >= CLIENT_ERRORS && code < SERVER_ERRORS) {
            problem = new Problem(
                    Problem.Kind.BAD_REQUEST, "the request is not HTTP as this server takes it (%d)".formatted(code));
        } else {
            problem = new Problem(Problem.Kind.INTERNAL_ERROR, "see the instance's log");
        }
        return problem.reply().body();
    }
}
