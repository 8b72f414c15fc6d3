# ark-server. `make help` lists the targets.

# One static binary; the same setting everywhere shares one build cache.
export CGO_ENABLED := 0
# Without pages of traces in gRPC the linker drops the methods that nobody calls: a sixth of the binary.
export GOFLAGS := $(strip $(GOFLAGS) -tags=grpcnotrace)
# Where the real components that tests run against are built, once.
export ARK_CACHE ?= $(CURDIR)/.cache/bin

# Such as -v or -run=Name.
TESTFLAGS ?=

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/mckinsey/ark-server/internal/version.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-22s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/ark-server and bin/kubectl-ark
	@e2e/tools/progress.sh go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/ark-server ./cmd/kubectl-ark

.PHONY: console
console: ## Build the pages of the web console, which the next "make build" embeds; needs Node.js 20 or newer
	cd internal/console/web && npm ci --no-audit --no-fund && npm run build

.PHONY: run
run: build ## Run the server on SQLite, in ./ark.db
	bin/ark-server --storage=sqlite --db-path=./ark.db

# What "make image" and "make image-push" call the image, and the architectures it is for.
IMAGE ?= ark-server:$(VERSION)
IMAGE_ARCH ?= amd64,arm64

.PHONY: image
image: console ## Build the container image without a container engine: bin/ark-server-image.tar, an OCI archive that docker load takes too
	cd deploy/image && go run . -root='$(CURDIR)' -version='$(VERSION)' -name='$(IMAGE)' -arch='$(IMAGE_ARCH)' -o '$(CURDIR)/bin/ark-server-image.tar'

.PHONY: image-push
image-push: console ## Build the container image and push it to the registry in IMAGE=registry.example.com/ark-server:v1
	cd deploy/image && go run . -root='$(CURDIR)' -version='$(VERSION)' -name='$(IMAGE)' -arch='$(IMAGE_ARCH)' -push

.PHONY: test
test: ## Run the tests; they start PostgreSQL and MariaDB servers of their own
	@e2e/tools/test.sh $(TESTFLAGS)

.PHONY: test-embedded
test-embedded: ## Run the tests that need no database server, and name the others
	@e2e/tools/test.sh --embedded $(TESTFLAGS)

.PHONY: databases
databases: ## See that PostgreSQL and MariaDB are installed, for tests; install them where that is allowed
	e2e/tools/databases.sh

.PHONY: race
race: databases ## Run the tests of the store and its endpoint under the race detector
	CGO_ENABLED=1 go test -race $(TESTFLAGS) ./internal/mvcc/... ./internal/etcdserver/... ./internal/metrics ./internal/tracing ./internal/peer ./internal/inprocess ./internal/access

# How many seeds "make simulate" takes, from which on.
SEEDS ?= 20000
FIRST ?= 1

.PHONY: simulate
simulate: ## Run the simulation of the store with SEEDS=20000 seeds from FIRST=1 on, about 50 a second; the tests take 160
	go test -count=1 -v $(TESTFLAGS) -timeout=0 -run='^TestSimulation$$' ./internal/mvcc -sim.first=$(FIRST) -sim.seeds=$(SEEDS)

.PHONY: mutations
mutations: ## See that the simulation of the store fails with every patch in internal/mvcc/testdata/mutations
	go test -count=1 -v $(TESTFLAGS) -run='^TestMutations$$' ./internal/mvcc -mutations

.PHONY: e2e-tools
e2e-tools: ## Build the real components that the end-to-end tests run against
	e2e/tools/build.sh etcd etcdctl kubectl kine helm

# A terminal and a browser for end-to-end tests. As root they are installed, elsewhere make says what to install.
package = command -v $(1) >/dev/null || { [ "$$(id -u)" = 0 ] && { apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(1); } >&2; } || { echo "$(1) is not installed: a test needs it (Debian: sudo apt-get install $(1))" >&2; exit 1; }

.PHONY: terminal browser
terminal:
	@$(call package,tmux)
browser:
	@[ -n "$$CHROMIUM" ] || $(call package,chromium)

.PHONY: e2e
e2e: build databases terminal browser e2e-tools ## Run the end-to-end tests: real binary, real kubectl, kill -9
	cd deploy/image && go test $(TESTFLAGS) ./...
	@# Go looks at no file outside the module, so a new binary would leave old results valid.
	cd e2e && go test $(TESTFLAGS) -count=1 -timeout 40m -p 1 ./internal/... ./helm ./kubectl ./plane ./plugin ./memory ./badinput ./stop ./crash ./damage ./differential ./chat ./replicas ./servers ./controllers ./contract

.PHONY: e2e-console
e2e-console: browser console build ## Use the console in a real Chromium (CHROMIUM, /usr/bin/chromium unless you say otherwise)
	cd e2e/console && npm ci --no-audit --no-fund && node --test --test-concurrency=1

.PHONY: e2e-console-heavy
e2e-console-heavy: browser console build ## Use the console with 20,000 objects, 500 events a second, hostile texts in every field, in dark colours, and in a real control plane, which takes 20 minutes of processor time to build, once
	cd e2e/console && npm ci --no-audit --no-fund && CONSOLE_HEAVY=1 node --test --test-concurrency=1
	e2e/tools/build.sh etcd kubectl kube-apiserver kube-controller-manager helm
	cd e2e && go test $(TESTFLAGS) -count=1 -timeout 20m ./cluster -run=TestConsole -console

.PHONY: e2e-container
e2e-container: databases image ## Run the container image of each architecture in a clean root; needs root, and qemu-user-static for the foreign one
	e2e/tools/build.sh kubectl
	cd e2e && go test $(TESTFLAGS) -count=1 -timeout 30m ./container -image='$(CURDIR)/bin/ark-server-image.tar'

.PHONY: e2e-upgrade
e2e-upgrade: build databases ## Replace the release before by this one and go back, under writers
	e2e/tools/build.sh ark-server-before
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 20m ./upgrade

.PHONY: e2e-failover
e2e-failover: build databases ## Promote a standby of PostgreSQL and of MariaDB under two servers, with all commits and with some lost
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 20m ./failover

.PHONY: e2e-database-upgrade
e2e-database-upgrade: build databases ## Upgrade MariaDB and PostgreSQL themselves under two servers and writers
	e2e/tools/servers.sh mariadb-11.8 postgresql-18
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 20m ./dbupgrade -mariadb="$$(tools/servers.sh -p mariadb-11.8)" -postgresql="$$(tools/servers.sh -p postgresql-18)"

.PHONY: e2e-limits
e2e-limits: databases ## Write at the pace of each time limit that a database server has, 1,000 times each; takes 15 minutes
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 60m ./replicas -run=TestTimeLimits -limits=1000

.PHONY: e2e-pauses
e2e-pauses: build databases ## Measure how long writers wait when a replica is frozen or cut off, and when the database is restarted
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 60m ./pauses

.PHONY: e2e-damage
e2e-damage: ## Damage SQLite databases 400 times, and see that nothing acknowledged is missing in silence
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 60m ./damage -damage.trials=400

.PHONY: e2e-heavy
e2e-heavy: build databases ## Run the end-to-end tests in a real control plane, which takes 20 minutes of processor time to build, once
	e2e/tools/build.sh etcd kubectl kube-apiserver kube-controller-manager helm kine
	cd e2e && go test $(TESTFLAGS) -count=1 -timeout 40m -p 1 ./cluster ./access ./losses
	cd e2e && go test $(TESTFLAGS) -count=1 ./stop -run=TestStopBeforeAHungCluster -cluster
	cd e2e && go test $(TESTFLAGS) -count=1 ./servers -run=TestKeysInTheDatabase -heavy
	cd e2e && go test $(TESTFLAGS) -count=1 ./chat -run=TestManyStreams -streams=1000
	cd e2e && go test $(TESTFLAGS) -count=1 ./controllers -run="TestDirectEngine|TestCascades|TestNamespaceOfThousand" -heavy
	cd e2e/contract && go test $(TESTFLAGS) -count=1 -timeout 60m -systems=heavy

.PHONY: e2e-queries
e2e-queries: build ## Process 10,000 queries by a stand-in for Ark's controllers, one of two killed half way; takes ten minutes
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 90m ./controllers -run=TestQueries -queries=10000

.PHONY: e2e-engine
e2e-engine: build databases ## Kill servers whose engine executes queries: with 200 in flight, and three replicas in turn, under 10,000 queries with QUERIES=10000
	cd e2e && go test $(TESTFLAGS) -count=1 -v -timeout 60m ./engine -queries=$(or $(QUERIES),900)

.PHONY: e2e-hosts
e2e-hosts: build ## Run the tests in a cluster on the oldest supported Kubernetes, 1.30, which takes 20 minutes of processor time to build, once
	e2e/tools/build.sh etcd kubectl kube-apiserver-1.30 kube-controller-manager-1.30 helm
	cd e2e && go test $(TESTFLAGS) -count=1 -timeout 40m ./cluster -run='TestServiceRouting|TestHelmObjects|TestShutdown' -host=1.30

.PHONY: e2e-gitops
e2e-gitops: build ## Sync, heal and prune every kind with the engines of Argo CD and Flux, whose build takes minutes, in a real control plane
	e2e/tools/build.sh etcd kubectl kube-apiserver kube-controller-manager helm
	cd e2e/gitops && go vet . && go test $(TESTFLAGS) -count=1 -timeout 40m .

.PHONY: e2e-matrix
e2e-matrix: build databases ## Run what depends on a database server on every version of PostgreSQL, MariaDB and MySQL that can be had; writes docs/databases.md
	e2e/tools/matrix.sh

# How long each target is fuzzed.
FUZZTIME ?= 30s

.PHONY: fuzz
fuzz: ## Fuzz each parser and decoder for FUZZTIME=30s; what it finds lands in the package's testdata/fuzz, to be committed
	.ci/fuzz '$(FUZZTIME)'

# What users type into search, SQL and BI tools.
SOAKTIME ?= 20m
SOAKED := FuzzRun FuzzSearch FuzzIndex FuzzTranslate

# How long the console's live updates are followed.
SOAK_MINUTES ?= 30

.PHONY: e2e-soak
e2e-soak: browser console build ## Follow live updates in a real Chromium for SOAK_MINUTES=30, and fuzz SQL, search and the PostgreSQL endpoint for SOAKTIME=20m each
	cd e2e/console && npm ci --no-audit --no-fund && CONSOLE_SOAK_MINUTES=$(SOAK_MINUTES) node --test soak.test.mjs
	set -e; for target in $(SOAKED); do .ci/fuzz '$(SOAKTIME)' "$$target"; done

.PHONY: fuzz-keep
fuzz-keep: ## Add what "make fuzz" has found and what reaches new code to the corpus in testdata/fuzz, which every go test runs
	.ci/fuzz keep

.PHONY: storage-conformance
storage-conformance: ## Run k8s.io/apiserver's own etcd3 storage suite on our endpoint
	e2e/conformance/run.sh

.PHONY: storage-conformance-servers
storage-conformance-servers: databases ## Run that suite on PostgreSQL and MariaDB
	cd e2e && go run ./conformance -storage postgresql -transport direct && go run ./conformance -storage mysql -transport direct

.PHONY: e2e-mysql
e2e-mysql: databases ## Run the engine's tests and that suite on MySQL itself, where its packages can be fetched; says so where not
	e2e/tools/mysql.sh $(TESTFLAGS)

.PHONY: bench
bench: build ## Measure against real etcd and kine, and the whole server over HTTPS
	e2e/tools/build.sh etcd kine
	cd e2e && go run ./bench/etcd && go run ./bench/https && go run ./bench/engine && go run ./bench/memory

.PHONY: lint
lint: ## Check formatting, vet, staticcheck, golangci-lint, and that generated code is current
	@test -z "$$(gofmt -l cmd internal deploy e2e)" || { echo "gofmt wants to change:"; gofmt -l cmd internal deploy e2e; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	@e2e/tools/build.sh golangci-lint
	$(ARK_CACHE)/golangci-lint run ./...
	cd e2e && go vet ./... && $(ARK_CACHE)/golangci-lint run --config=$(CURDIR)/.golangci.yaml ./...
	cd deploy/image && go vet ./...
	@if [ -d internal/console/web/node_modules ]; then cd internal/console/web && npm run check; else echo "the console's sources are not checked: make console brings what that takes"; fi
	@git diff --quiet -- '*zz_generated*' docs/reference || { echo "generated files have uncommitted changes"; exit 1; }
	$(MAKE) generate
	@git diff --exit-code --stat -- '*zz_generated*' docs/reference || { echo "generated code was out of date: commit what make generate wrote"; exit 1; }

.PHONY: generate
generate: ## Generate deep copies, defaults, validation, OpenAPI, lists and the reference of the Ark kinds
	internal/apis/ark/generate.sh
	internal/apis/records/generate.sh
	go run ./internal/registry/kindlist internal/registry/zz_generated.kinds.go
	go run ./internal/registry/refdoc docs/reference deploy/helm/ark-server/templates/_zz_generated.kinds.tpl

.PHONY: fmt
fmt: ## Format the Go files
	gofmt -w cmd internal deploy e2e

.PHONY: sbom
sbom: build ## Write bin/ark-server.cdx.json, an SBOM (CycloneDX) of what is in the binary
	go run ./internal/sbom bin/ark-server > bin/ark-server.cdx.json

.PHONY: release
release: ## Build what a release consists of into bin/release: an archive for each platform, deb and rpm, checksums, SBOM, the notes of CHANGELOG.md
	.ci/release '$(VERSION)'

# The most MiB that the binary may have.
SIZE ?= 112

.PHONY: size
size: build ## Say what takes the size of the binary; fails above SIZE=112 MiB
	go run ./internal/binsize -most='$(SIZE)' bin/ark-server

.PHONY: bump-kubernetes
bump-kubernetes: ## Move every module to the Kubernetes release in KUBERNETES=v1.38.0, and say what to look at
	.ci/bump-kubernetes '$(KUBERNETES)'

.PHONY: vulncheck
vulncheck: build ## Look for known vulnerabilities in the binary, where Go's database of them can be reached
	e2e/tools/vulncheck.sh bin/ark-server

.PHONY: clean
clean: ## Delete what was built, but not the cached components
	rm -rf bin
