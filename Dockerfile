# Builds Tidegate from the checkout: docker build -t tidegate:0.1.0 .
# `tidegate --version` names the commit with: --build-arg COMMIT=$(git rev-parse --short=12 HEAD)
# The libraries, and a class archive (AppCDS) that shortens the start, are separate layers: a code change replaces only the layer
# of tidegate.jar, sbom.json and THIRD-PARTY.txt.

FROM maven:3-eclipse-temurin-25 AS libraries
WORKDIR /src
COPY .mvn .mvn
COPY pom.xml ./
COPY topology-tests/pom.xml topology-tests/
COPY streams-app/pom.xml streams-app/
RUN mvn -B -q -Dmaven.test.skip=true -Dspotless.check.skip=true -pl streams-app prepare-package

FROM libraries AS build
COPY docs/reasons.md docs/
COPY deploy/image/classes deploy/image/
COPY streams-app/src/main streams-app/src/main
ARG COMMIT=unknown
RUN mvn -B -q -Dmaven.test.skip=true -Dspotless.check.skip=true -Dassembly.skipAssembly=true -Dtidegate.commit="$COMMIT" \
      -pl streams-app package

FROM eclipse-temurin:25-jre AS base
RUN useradd --uid 10001 --gid 0 --no-create-home tidegate \
 && mkdir -p /opt/tidegate /etc/tidegate /var/lib/tidegate \
 && chown tidegate:0 /etc/tidegate /var/lib/tidegate \
 && chmod g=u /etc/tidegate /var/lib/tidegate
WORKDIR /opt/tidegate
COPY --from=libraries /src/streams-app/target/dist/lib lib
RUN ls -d "$PWD"/lib/*.jar | LC_ALL=C sort | paste -sd: >libraries.cp

# Archives the classes of the JDK and the libraries that deploy/image/list-classes found. Does not depend on Tidegate's code.
FROM base AS archive
COPY deploy/image/classes /tmp/
RUN java -Xshare:dump -XX:SharedClassListFile=/tmp/classes -XX:SharedArchiveFile=/tmp/libraries.jsa -XX:+UseParallelGC \
      -cp "$(cat libraries.cp)" >/tmp/dump 2>&1 || { tail -20 /tmp/dump; exit 1; }

FROM base
COPY --from=archive /tmp/libraries.jsa ./
COPY deploy/image/health /usr/local/bin/
COPY tidegate bin/
# The modes of a checkout depend on its owner's umask.
RUN chmod 755 bin/tidegate /usr/local/bin/health && ln -s /opt/tidegate/bin/tidegate /usr/local/bin/tidegate
COPY --from=build /src/streams-app/target/dist/tidegate.jar /src/streams-app/target/dist/sbom.json /src/streams-app/target/dist/THIRD-PARTY.txt ./
ENV TIDEGATE_DATA_DIR=/var/lib/tidegate
USER tidegate
WORKDIR /var/lib/tidegate
VOLUME /var/lib/tidegate
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["health"]
ENTRYPOINT ["tidegate"]
CMD ["run"]
