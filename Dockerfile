# Builds Tidegate from the checkout; runs as a user of its own, with one writable directory.
FROM maven:3-eclipse-temurin-25 AS build
WORKDIR /src
COPY pom.xml ./
COPY .mvn .mvn
COPY docs/reasons.md docs/reasons.md
COPY streams-app streams-app
COPY topology-tests/pom.xml topology-tests/pom.xml
RUN mvn -B -q -DskipTests -pl streams-app package

FROM eclipse-temurin:25-jre
RUN useradd --uid 10001 --no-create-home tidegate \
 && mkdir -p /opt/tidegate /var/lib/tidegate \
 && chown tidegate /var/lib/tidegate
COPY --from=build /src/streams-app/target/dist/lib /opt/tidegate/lib
COPY --from=build /src/streams-app/target/dist/tidegate.jar /opt/tidegate/
USER tidegate
VOLUME /var/lib/tidegate
ENTRYPOINT ["java", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-XX:+UseParallelGC", \
  "-XX:MaxRAMPercentage=60", "-cp", "/opt/tidegate/tidegate.jar:/opt/tidegate/lib/*", "io.tidegate.cli.Tidegate"]
CMD ["run"]
