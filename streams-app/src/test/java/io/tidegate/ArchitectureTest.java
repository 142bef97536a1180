package io.tidegate;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import io.tidegate.tenant.JsonFaults;
import io.tidegate.tenant.TenantConfigJson;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;

/**
 * The allowed dependencies of each package, and a few rules on classes. Each rule is also checked against a fixture in
 * {@code io.tidegate.fixtures} that violates it, so that no rule is without effect.
 */
@AnalyzeClasses(packages = "io.tidegate", importOptions = ArchitectureTest.Production.class)
class ArchitectureTest {
    /** Selects the production classes, whether the build puts them into a directory or a JAR. */
    static final class Production implements ImportOption {
        private static final String HOME = TenantConfigJson.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toString();

        @Override
        public boolean includes(Location location) {
            return location.asURI()
                    .toString()
                    .replace("file:///", "file:/")
                    .startsWith(HOME.replace("file:///", "file:/"));
        }
    }

    private static final String ROOT = "io.tidegate";
    private static final String FIXTURES = "io.tidegate.fixtures";
    private static final String KAFKA = "org.apache.kafka..";
    private static final String JSON = "com.fasterxml.jackson..";
    private static final String LOG = "org.slf4j..";
    private static final List<String> PURE = List.of("tenant", "signal", "admission");

    /**
     * The dependencies of a package.
     *
     * @param name its last part
     * @param packages the other packages of Tidegate that it may use
     * @param libraries the libraries besides the JDK that it may use
     */
    private record Row(String name, List<String> packages, List<String> libraries) {}

    /** In reading order: a package uses only packages above it, except that {@code cli} and {@code demo} are faces. */
    private static final List<Row> ROWS = List.of(
            new Row("tenant", List.of(), List.of("com.fasterxml.jackson.annotation")),
            new Row("signal", List.of("tenant"), List.of("com.fasterxml.jackson.core..", "org.apache.avro..")),
            new Row("admission", List.of("tenant", "signal"), List.of()),
            new Row("wal", List.of("tenant"), List.of(LOG, "org.apache.kafka.common..")),
            new Row(
                    "contract",
                    List.of("tenant", "signal", "admission", "wal"),
                    List.of("org.apache.kafka.common..", JSON)),
            new Row("streams", List.of("tenant", "wal", "contract"), List.of(LOG, KAFKA, "org.rocksdb..")),
            new Row(
                    "topology",
                    List.of("tenant", "signal", "admission", "wal", "contract", "streams"),
                    List.of(LOG, KAFKA, JSON)),
            new Row(
                    "config",
                    List.of("tenant", "signal", "admission", "wal", "contract"),
                    List.of(KAFKA, "javax.net.ssl..")),
            new Row("schemas", List.of("signal", "config"), List.of(LOG, JSON, "org.apache.avro..")),
            new Row(
                    "metrics",
                    List.of("tenant", "signal", "admission", "wal", "contract", "streams", "topology"),
                    List.of(LOG, KAFKA, "io.micrometer..")),
            new Row(
                    "admin",
                    List.of("tenant", "signal", "admission", "wal", "contract", "streams", "config"),
                    List.of(LOG, KAFKA, JSON, "org.yaml.snakeyaml..", "javax.net.ssl..")),
            new Row(
                    "tools",
                    List.of(
                            "tenant",
                            "signal",
                            "admission",
                            "wal",
                            "contract",
                            "streams",
                            "config",
                            "schemas",
                            "admin"),
                    List.of(LOG, KAFKA, JSON)),
            new Row(
                    "http",
                    List.of("tenant", "wal", "config"),
                    List.of(LOG, JSON, "org.eclipse.jetty..", "javax.net.ssl..", "javax.crypto..")),
            new Row(
                    "api",
                    List.of(
                            "tenant",
                            "signal",
                            "admission",
                            "wal",
                            "contract",
                            "streams",
                            "topology",
                            "config",
                            "metrics",
                            "admin",
                            "tools",
                            "http"),
                    List.of(LOG, KAFKA, JSON, "org.eclipse.jetty.http..", "javax.net.ssl..")),
            new Row(
                    "instance",
                    List.of(
                            "signal",
                            "wal",
                            "contract",
                            "streams",
                            "topology",
                            "config",
                            "schemas",
                            "metrics",
                            "admin",
                            "tools",
                            "http",
                            "api"),
                    List.of(
                            LOG,
                            "org.apache.kafka.clients..",
                            "org.apache.kafka.streams..",
                            "io.micrometer..",
                            "org.rocksdb..")),
            new Row("demo", List.of("tenant", "contract", "config"), List.of(LOG, KAFKA)),
            new Row(
                    "cli",
                    List.of(
                            "tenant",
                            "signal",
                            "admission",
                            "wal",
                            "contract",
                            "streams",
                            "config",
                            "admin",
                            "tools",
                            "instance",
                            "demo"),
                    List.of(LOG, KAFKA, JSON, "javax.net.ssl..", "picocli..", "ch.qos.logback..", "net.logstash..")));

    /** Matches {@code name} and the classes nested in it. */
    private static DescribedPredicate<JavaClass> inClass(String name) {
        return describe(
                "in " + name,
                type -> type.getName().equals(name) || type.getName().startsWith(name + "$"));
    }

    private static JavaClasses fixtures(String name) {
        return new ClassFileImporter().importPackages(FIXTURES + "." + name);
    }

    private static void violatedBy(JavaClasses fixtures, ArchRule rule) {
        assertThat(fixtures).as("classes of the fixture").isNotEmpty();
        assertThatThrownBy(() -> rule.check(fixtures)).isInstanceOf(AssertionError.class);
    }

    /** @param home the parent of the row's package */
    private static ArchRule usesOnlyItsRow(Row row, String home) {
        List<String> allowed = new ArrayList<>(row.libraries());
        allowed.addAll(List.of("java..", "org.jspecify..", home + "." + row.name()));
        row.packages().forEach(name -> allowed.add(ROOT + "." + name));
        return classes()
                .that()
                .resideInAPackage(home + "." + row.name())
                .and(not(belongToAnyOf(TenantConfigJson.class, JsonFaults.class)))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(allowed.toArray(String[]::new)));
    }

    @ArchTest
    static void eachPackageUsesOnlyWhatItsRowLists(JavaClasses app) {
        ROWS.forEach(row -> usesOnlyItsRow(row, ROOT).check(app));
        JavaClasses violating = fixtures("rows");
        ROWS.forEach(row -> violatedBy(violating, usesOnlyItsRow(row, FIXTURES + ".rows")));
    }

    @ArchTest
    static void eachPackageHasARow(JavaClasses app) {
        Set<String> packages =
                app.stream().map(JavaClass::getPackageName).collect(Collectors.toCollection(TreeSet::new));
        assertThat(packages)
                .containsExactlyInAnyOrderElementsOf(
                        ROWS.stream().map(row -> ROOT + "." + row.name()).toList());
    }

    @ArchTest
    static void theReadersOfJsonInTenantUseJacksonsDatabind(JavaClasses app) {
        classes()
                .that(belongToAnyOf(TenantConfigJson.class, JsonFaults.class))
                .should()
                .onlyDependOnClassesThat(
                        resideInAnyPackage("java..", "org.jspecify..", "io.tidegate.tenant", "com.fasterxml.jackson.."))
                .check(app);
    }

    private static ArchRule kafkasRecordClassesInOneClass() {
        return noClasses()
                .that(not(inClass("io.tidegate.wal.RecordBatches")))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache.kafka.common.record..");
    }

    @ArchTest
    static void kafkasRecordClassesAreUsedInOneClass(JavaClasses app) {
        kafkasRecordClassesInOneClass().check(app);
        violatedBy(fixtures("records"), kafkasRecordClassesInOneClass());
    }

    private static ArchRule kafkasInternalsInStreams() {
        return noClasses()
                .that(not(inClass("io.tidegate.wal.RecordBatches")))
                .and()
                .resideOutsideOfPackage("io.tidegate.streams")
                .should()
                .dependOnClassesThat(resideInAnyPackage("org.apache.kafka..internals..")
                        // The only implementation of Kafka's public interface for headers.
                        .and(not(resideInAnyPackage("org.apache.kafka.common.header.internals"))));
    }

    @ArchTest
    static void kafkasInternalsAreUsedInStreams(JavaClasses app) {
        kafkasInternalsInStreams().check(app);
        violatedBy(fixtures("internals"), kafkasInternalsInStreams());
    }

    private static ArchRule packagesWithoutCycles(String home) {
        return slices().matching(home + ".(*)..").should().beFreeOfCycles();
    }

    @ArchTest
    static void packagesHaveNoCycles(JavaClasses app) {
        packagesWithoutCycles(ROOT).check(app);
        violatedBy(fixtures("packages"), packagesWithoutCycles(FIXTURES + ".packages"));
    }

    /** Nested classes count as part of their outermost class. */
    private static ArchRule classesHaveNoCycles(String packageName) {
        return slices().assignedFrom(new SliceAssignment() {
                    @Override
                    public SliceIdentifier getIdentifierOf(JavaClass type) {
                        return type.getPackageName().equals(packageName)
                                ? SliceIdentifier.of(type.getName().replaceFirst("\\$.*", ""))
                                : SliceIdentifier.ignore();
                    }

                    @Override
                    public String getDescription() {
                        return "classes of " + packageName;
                    }
                })
                .should()
                .beFreeOfCycles();
    }

    @ArchTest
    static void classesOfWalAndCliHaveNoCycles(JavaClasses app) {
        classesHaveNoCycles("io.tidegate.wal").check(app);
        classesHaveNoCycles("io.tidegate.cli").check(app);
        violatedBy(fixtures("cycle"), classesHaveNoCycles(FIXTURES + ".cycle"));
    }

    private static String[] pure(String home) {
        return PURE.stream().map(name -> home + "." + name).toArray(String[]::new);
    }

    private static ArchRule readNoClock(String... packages) {
        Set<String> clocks = Set.of("currentTimeMillis", "nanoTime", "now");
        return noClasses()
                .that()
                .resideInAnyPackage(packages)
                .should()
                .dependOnClassesThat(belongToAnyOf(Clock.class))
                .orShould()
                .accessTargetWhere(describe(
                        "the target is a clock of the JDK",
                        (JavaAccess<?> access) -> clocks.contains(
                                        access.getTarget().getName())
                                && access.getTargetOwner().getPackageName().startsWith("java.")));
    }

    private static ArchRule drawNoRandomNumbers(String... packages) {
        return noClasses()
                .that()
                .resideInAnyPackage(packages)
                .should()
                .dependOnClassesThat(belongToAnyOf(
                        Random.class, SecureRandom.class, SplittableRandom.class, ThreadLocalRandom.class, UUID.class))
                .orShould()
                .callMethod(Math.class, "random");
    }

    private static ArchRule doNoInputOrOutput(String... packages) {
        return noClasses()
                .that()
                .resideInAnyPackage(packages)
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("java.io..", "java.nio.file..", "java.nio.channels..", "java.net..")
                                // Jackson's methods declare it; these packages read only from arrays.
                                .and(not(belongToAnyOf(IOException.class))));
    }

    @ArchTest
    static void purePackagesReadNoClock(JavaClasses app) {
        readNoClock(pure(ROOT)).check(app);
        violatedBy(fixtures("pure"), readNoClock(FIXTURES + ".pure.clock"));
    }

    @ArchTest
    static void purePackagesDrawNoRandomNumbers(JavaClasses app) {
        drawNoRandomNumbers(pure(ROOT)).check(app);
        violatedBy(fixtures("pure"), drawNoRandomNumbers(FIXTURES + ".pure.random"));
    }

    @ArchTest
    static void purePackagesDoNoInputOrOutput(JavaClasses app) {
        doNoInputOrOutput(pure(ROOT)).check(app);
        violatedBy(fixtures("pure"), doNoInputOrOutput(FIXTURES + ".pure.files"));
    }
}
