package io.tidegate.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.tidegate.config.HttpSettings;
import io.tidegate.config.SettingsException;
import io.tidegate.http.Access.Principal;
import io.tidegate.http.Access.Role;
import io.tidegate.tenant.TenantId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.jetty.http.HttpFields;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AccessTest {
    private static final String ADMIN = "admin-0123456789abcdef";
    private static final String TENANT = "tenant-0123456789abcdef";

    @TempDir
    private Path dir;

    private static HttpSettings settings(@Nullable Path tokens) {
        return new HttpSettings(0, "127.0.0.1", null, tokens, null, null, null, 64, 1024);
    }

    private Access with(String tokens) throws IOException {
        return Access.of(settings(Files.writeString(dir.resolve("tokens"), tokens)));
    }

    private static HttpFields headers(String... namesAndValues) {
        HttpFields.Mutable fields = HttpFields.build();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            fields.add(namesAndValues[i], namesAndValues[i + 1]);
        }
        return fields;
    }

    private static void assertProblem(org.assertj.core.api.ThrowableAssert.ThrowingCallable action, Problem.Kind kind) {
        assertThatThrownBy(action)
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.kind()).isEqualTo(kind));
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "localhost:8080", "127.0.0.1:80", "127.1.2.3", "[::1]:8080", "LOCALHOST"})
    void withoutTokensEveryLocalClientIsServed(String host) {
        assertThat(Access.of(settings(null)).principal(headers("Host", host), true))
                .isEqualTo(Access.LOCAL);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
                "127.0.0.1@evil.example",
                "",
                "[::2]",
                "evil.example:8080",
                "10.0.0.1",
                "localhost:8080.evil.example"
            })
    void withoutTokensANameThatAPageCouldBindToThisMachineIsRejected(String host) {
        assertProblem(
                () -> Access.of(settings(null)).principal(headers("Host", host), false), Problem.Kind.HOST_NOT_ALLOWED);
    }

    @Test
    void pagesOfOtherSitesAreRejected() {
        Access access = Access.of(settings(null));
        for (String site : new String[] {"cross-site", "same-site"}) {
            assertProblem(
                    () -> access.principal(headers("Host", "localhost", "Sec-Fetch-Site", site), false),
                    Problem.Kind.CROSS_SITE);
            assertProblem(
                    () -> access.principal(
                            headers("Host", "localhost", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", "navigate"), true),
                    Problem.Kind.CROSS_SITE);
        }
        for (String origin : new String[] {"http://evil.example", "null", "http://localhost:9999"}) {
            assertProblem(
                    () -> access.principal(headers("Host", "localhost:8080", "Origin", origin), true),
                    Problem.Kind.CROSS_SITE);
        }
        assertThatCode(() -> {
                    access.principal(
                            headers(
                                    "Host",
                                    "localhost:8080",
                                    "Origin",
                                    "http://localhost:8080",
                                    "Sec-Fetch-Site",
                                    "same-origin"),
                            true);
                    access.principal(headers("Host", "localhost", "Sec-Fetch-Site", "none"), false);
                    access.principal(
                            headers("Host", "localhost", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"),
                            false);
                })
                .doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({
        "admin, PUBLIC, 42, true",
        "admin, TENANT, 42, true",
        "admin, READ, , true",
        "admin, ADMIN, 42, true",
        "admin, PEER, , false",
        "read, TENANT, 42, true",
        "read, READ, , true",
        "read, ADMIN, 42, false",
        "tenant:42, TENANT, 42, true",
        "tenant:42, TENANT, 43, false",
        "tenant:42, TENANT, , false",
        "tenant:42, READ, , false",
        "tenant:42, ADMIN, 42, false",
        "tenant:42, PEER, 42, false",
        "admin, TENANT_ADMIN, 42, true",
        "read, TENANT_ADMIN, 42, false",
        "tenant:42, TENANT_ADMIN, 42, false",
        "tenant-admin:42, TENANT_ADMIN, 42, true",
        "tenant-admin:42, TENANT_ADMIN, 43, false",
        "tenant-admin:42, TENANT_ADMIN, , false",
        "tenant-admin:42, TENANT, 42, true",
        "tenant-admin:42, TENANT, 43, false",
        "tenant-admin:42, TENANT, , false",
        "tenant-admin:42, READ, , false",
        "tenant-admin:42, ADMIN, 42, false",
        "tenant-admin:42, PEER, 42, false"
    })
    void aRoleHasItsPermissionsAndNoMore(String role, Role needed, @Nullable String tenant, boolean may)
            throws IOException {
        Access access = with("first admin other-0123456789abcdef\nname %s %s\n".formatted(role, ADMIN));
        Principal principal = access.principal(headers("Authorization", "Bearer " + ADMIN), false);
        TenantId id = tenant == null ? null : TenantId.parse(tenant);

        if (may) {
            access.check(principal, needed, id);
        } else {
            assertProblem(() -> access.check(principal, needed, id), Problem.Kind.FORBIDDEN);
        }
        assertThat(principal.name()).isEqualTo("name");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Bearer wrong-0123456789abcdef",
                "Bearer",
                "Bearer ",
                "Basic YTpi",
                "admin-0123456789abcdef",
                "Bearer admin-0123456789abcde",
                "Bearer admin-0123456789abcdefg"
            })
    void anInvalidTokenIsRejectedAndNotRepeated(String authorization) throws IOException {
        Access access = with("ops admin %s\n".formatted(ADMIN));

        assertThatThrownBy(() -> access.principal(headers("Authorization", authorization), false))
                .isInstanceOfSatisfying(
                        Problem.class, problem -> assertThat(problem.kind()).isEqualTo(Problem.Kind.UNAUTHORIZED))
                .message()
                .doesNotContain("0123456789");
        assertProblem(
                () -> access.check(access.principal(headers(), false), Role.READ, null), Problem.Kind.UNAUTHORIZED);
        access.check(access.principal(headers(), false), Role.PUBLIC, null);
    }

    @Test
    void aPublicRequestIsAnsweredWhateverItsToken() throws IOException {
        Access access = with("ops admin %s\n".formatted(ADMIN));

        assertThat(access.anybody(headers("Authorization", "Bearer of-long-ago"), false)
                        .role())
                .isEqualTo(Role.PUBLIC);
        assertProblem(() -> access.anybody(headers("Sec-Fetch-Site", "cross-site"), false), Problem.Kind.CROSS_SITE);
        assertProblem(
                () -> Access.of(settings(null)).anybody(headers("Host", "evil.example"), false),
                Problem.Kind.HOST_NOT_ALLOWED);
    }

    /** A gateway may have added its own to that of the client. */
    @Test
    void severalTokensAreRejected() throws IOException {
        Access access = with("ops admin %s\nacme tenant:42 %s\n".formatted(ADMIN, TENANT));

        assertProblem(
                () -> access.principal(
                        headers("Authorization", "Bearer " + ADMIN, "Authorization", "Bearer " + TENANT), false),
                Problem.Kind.BAD_REQUEST);
    }

    @Test
    void instancesKnowEachOtherByTheFirstAdminAlsoWhileTokensAreReplaced() throws IOException {
        Access before = with("old admin old-0123456789abcdef\n");
        Access during = with("old admin old-0123456789abcdef\nnew admin new-0123456789abcdef\n");
        Access exchanged = with("new admin new-0123456789abcdef\nold admin old-0123456789abcdef\n");
        Access after = with("new admin new-0123456789abcdef\n");

        assertThat(before.peerToken()).isEqualTo(during.peerToken()).isNotEqualTo(after.peerToken());
        for (Access[] pair : new Access[][] {
            {before, during},
            {during, before},
            {during, during},
            {during, exchanged},
            {exchanged, during},
            {exchanged, after},
            {after, exchanged}
        }) {
            Principal peer = pair[1].principal(headers("Authorization", "Bearer " + pair[0].peerToken()), false);
            pair[1].check(peer, Role.PEER, null);
            assertProblem(() -> pair[1].check(peer, Role.READ, null), Problem.Kind.FORBIDDEN);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ops admin",
                "ops admin short",
                "ops root SECRET-0123456789abcdef",
                "ops tenant:042 SECRET-0123456789abcdef",
                "o/ps admin SECRET-0123456789abcdef",
                "viewer read SECRET-0123456789abcdef",
                "ops admin SECRET-0123456789abcdef\nops read SECRET-1123456789abcdef",
                "ops admin SECRET-0123456789abcdef more",
                "acme tenant:42 SECRET-0123456789abcdef\nops admin SECRET-0123456789abcdef",
                ""
            })
    void aBadFileStopsTheStartAndIsNotRepeated(String content) {
        assertThatThrownBy(() -> with(content))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("tokens")
                .message()
                .doesNotContain("SECRET");
    }

    /** A name in a request must not tell another tenant who has it. */
    @ParameterizedTest
    @ValueSource(strings = {"TENANT", "TENANT_ADMIN"})
    void theAnswerToAnotherTenantIsTheSameWhetherOrNotTheTenantExists(Role needed) throws IOException {
        Access access = with("ops admin %s\nacme tenant:42 %s\n".formatted(ADMIN, TENANT));
        Principal acme = access.principal(headers("Authorization", "Bearer " + TENANT), false);

        String known = catchThrowable(() -> access.check(acme, needed, TenantId.of(43)))
                .getMessage();
        String unknown = catchThrowable(() -> access.check(acme, needed, null)).getMessage();

        assertThat(known).isEqualTo(unknown).contains("tenant:42").doesNotContain("43");
    }

    @Test
    void noMessageContainsATenantsToken() throws IOException {
        Access access = with("ops admin %s\nacme tenant:42 %s\n".formatted(ADMIN, TENANT));
        Principal acme = access.principal(headers("Authorization", "bearer " + TENANT), false);

        assertThat(acme.toString()).doesNotContain(TENANT);
        assertThatThrownBy(() -> access.check(acme, Role.ADMIN, TenantId.of(42)))
                .hasMessageContaining("tenant:42")
                .message()
                .doesNotContain(TENANT);
    }
}
