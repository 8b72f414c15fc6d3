# A static binary and nothing else. /data holds the database.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY internal internal
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X github.com/mckinsey/ark-server/internal/version.version=${VERSION}" \
    -o /ark-server ./cmd/ark-server
RUN mkdir -m 0700 /data

FROM scratch
COPY --from=build /ark-server /ark-server
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 6443
ENTRYPOINT ["/ark-server"]
CMD ["--storage=sqlite", "--db-path=/data/ark.db", "--bind-address=0.0.0.0"]
