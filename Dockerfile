# The image that "make image" makes, for those who have a container engine. What is in it comes from deploy/image/content;
# a test there holds the instructions below to it. "docker buildx imagetools inspect golang:VERSION" prints the digest of another release of Go.
FROM --platform=$BUILDPLATFORM golang:1.26.8@sha256:3c3e25a4da13fd0478eed2df1eb35a0e667094a7124d3993a6a1d30f71c17e79 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# Node.js is for the pages of the console, which are embedded.
RUN apt-get update && apt-get install --yes --no-install-recommends nodejs npm
COPY internal/console/web internal/console/web
RUN cd internal/console/web && npm ci --no-audit --no-fund && npm run build
COPY cmd cmd
COPY internal internal
COPY deploy/image deploy/image
ARG VERSION=dev
ARG TARGETARCH
RUN cd deploy/image && go run ./rootfs -o=/rootfs -root=/src -arch="${TARGETARCH:-$(go env GOARCH)}" -version="${VERSION}"

FROM scratch
COPY --from=build /rootfs/ /
# It starts as root only to give /data to 65532, and goes on as 65532. With --user it does neither.
ENV PATH=/usr/local/bin container=oci ARK_BIND_ADDRESS=0.0.0.0 ARK_RUN_AS=65532:65532 ARK_RUN_AS_FOLDER=/data
WORKDIR /data
VOLUME /data
EXPOSE 6443/tcp
HEALTHCHECK --interval=10s --timeout=10s --start-period=5m --retries=3 CMD ["/usr/local/bin/ark-server", "health"]
ENTRYPOINT ["/usr/local/bin/ark-server"]
