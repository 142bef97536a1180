package io.tidegate;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
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
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** The arrows of the design page's table "Where code lives": what each package may use. */
@AnalyzeClasses(packages = "io.tidegate", importOptions = ArchitectureTest.Production.class)
class ArchitectureTest {
    /** What lies beside the production classes, wherever a build puts them. */
    static final class Production implements ImportOption {
        private static final String ROOT = TenantConfigJson.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toString();

        @Override
        public boolean includes(Location location) {
            return location.asURI()
                    .toString()
                    .replace("file:///", "file:/")
                    .startsWith(ROOT.replace("file:///", "file:/"));
        }
    }

    private static final String[] PURE = {"io.tidegate.tenant", "io.tidegate.signal", "io.tidegate.admission"};
    private static final String KAFKA_RECORD_CLASSES = "org.apache.kafka.common.record..";

    /** Classes nested in {@code name}, and itself. */
    private static DescribedPredicate<JavaClass> inClass(String name) {
        return describe(
                "in " + name,
                type -> type.getName().equals(name) || type.getName().startsWith(name + "$"));
    }

    @ArchTest
    static void tenantUsesTheJdkAndJacksonsAnnotations(JavaClasses app) {
        classes()
                .that()
                .resideInAPackage("io.tidegate.tenant")
                .and(not(belongToAnyOf(TenantConfigJson.class, JsonFaults.class)))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..", "org.jspecify..", "io.tidegate.tenant", "com.fasterxml.jackson.annotation"))
                .check(app);
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

    @ArchTest
    static void signalUsesTenantAndJacksonsStreamingCore(JavaClasses app) {
        classes()
                .that()
                .resideInAPackage("io.tidegate.signal")
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..",
                        "org.jspecify..",
                        "io.tidegate.signal",
                        "io.tidegate.tenant",
                        "com.fasterxml.jackson.core.."))
                .check(app);
    }

    @ArchTest
    static void admissionUsesTenantAndSignal(JavaClasses app) {
        classes()
                .that()
                .resideInAPackage("io.tidegate.admission")
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..",
                        "org.jspecify..",
                        "io.tidegate.admission",
                        "io.tidegate.tenant",
                        "io.tidegate.signal"))
                .check(app);
    }

    @ArchTest
    static void walUsesTenantAndKafkasClients(JavaClasses app) {
        classes()
                .that()
                .resideInAPackage("io.tidegate.wal")
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..",
                        "org.jspecify..",
                        "org.slf4j..",
                        "io.tidegate.wal",
                        "io.tidegate.tenant",
                        "org.apache.kafka.common.."))
                .check(app);
    }

    @ArchTest
    static void kafkasRecordClassesAreUsedInOneClass(JavaClasses app) {
        noClasses()
                .that()
                .resideInAnyPackage("io.tidegate..")
                .and(not(inClass("io.tidegate.wal.RecordBatches")))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(KAFKA_RECORD_CLASSES)
                .check(app);
    }

    @ArchTest
    static void streamsUsesKafkaAndNothingOfTidegate(JavaClasses app) {
        classes()
                .that()
                .resideInAPackage("io.tidegate.streams")
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..", "org.jspecify..", "org.slf4j..", "org.apache.kafka..", "io.tidegate.streams"))
                .check(app);
    }

    @ArchTest
    static void topologyUsesTheCoreAndNoFace(JavaClasses app) {
        classes()
                .that()
                .resideInAPackage("io.tidegate.topology")
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(
                        "java..",
                        "org.jspecify..",
                        "org.slf4j..",
                        "org.apache.kafka..",
                        "com.fasterxml.jackson..",
                        "io.tidegate.topology",
                        "io.tidegate.streams",
                        "io.tidegate.tenant",
                        "io.tidegate.signal",
                        "io.tidegate.admission",
                        "io.tidegate.wal"))
                .check(app);
    }

    @ArchTest
    static void metricsAreMadeInOnePackageForTheCommandsToStart(JavaClasses app) {
        noClasses()
                .that()
                .resideOutsideOfPackages("io.tidegate.metrics", "io.tidegate.cli")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.micrometer..", "io.prometheus..")
                .check(app);
    }

    @ArchTest
    static void jettyIsUsedByTheHttpFaceAlone(JavaClasses app) {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.tidegate.http")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.eclipse.jetty..")
                .check(app);
    }

    @ArchTest
    static void httpUsesNoCommandAndNoDemo(JavaClasses app) {
        noClasses()
                .that()
                .resideInAPackage("io.tidegate.http")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.tidegate.cli", "io.tidegate.demo")
                .check(app);
    }

    @ArchTest
    static void packagesHaveNoCycles(JavaClasses app) {
        slices().matching("io.tidegate.(*)..").should().beFreeOfCycles().check(app);
    }

    /** Nested classes belong to the class that they are nested in. */
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
    static void classesOfWalHaveNoCycles(JavaClasses app) {
        classesHaveNoCycles("io.tidegate.wal").check(app);
    }

    @ArchTest
    static void aCycleBetweenClassesIsFound(JavaClasses app) {
        String fixture = "io.tidegate.fixtures.cycle";
        JavaClasses violating = new ClassFileImporter().importPackages(fixture);
        assertThatThrownBy(() -> classesHaveNoCycles(fixture).check(violating))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("Cycle detected");
    }

    @ArchTest
    static void purePackagesReadNoClock(JavaClasses app) {
        Set<String> clocks = Set.of("currentTimeMillis", "nanoTime", "now");
        noClasses()
                .that()
                .resideInAnyPackage(PURE)
                .should()
                .dependOnClassesThat(belongToAnyOf(Clock.class))
                .orShould()
                .accessTargetWhere(describe(
                        "the target is a clock of the JDK",
                        (JavaAccess<?> access) -> clocks.contains(
                                        access.getTarget().getName())
                                && access.getTargetOwner().getPackageName().startsWith("java.")))
                .check(app);
    }

    @ArchTest
    static void purePackagesDrawNoRandomNumbers(JavaClasses app) {
        noClasses()
                .that()
                .resideInAnyPackage(PURE)
                .should()
                .dependOnClassesThat(belongToAnyOf(
                        Random.class, SecureRandom.class, SplittableRandom.class, ThreadLocalRandom.class, UUID.class))
                .orShould()
                .callMethod(Math.class, "random")
                .check(app);
    }

    @ArchTest
    static void purePackagesDoNoInputOrOutput(JavaClasses app) {
        noClasses()
                .that()
                .resideInAnyPackage(PURE)
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("java.io..", "java.nio.file..", "java.nio.channels..", "java.net..")
                                // Jackson declares it; nothing is read here but arrays.
                                .and(not(belongToAnyOf(IOException.class))))
                .check(app);
    }
}
