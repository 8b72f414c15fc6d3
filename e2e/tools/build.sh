#!/usr/bin/env bash
# Builds the real components that the end-to-end tests and benchmarks run against, from their Go modules.
#
#   e2e/tools/build.sh NAME...     NAME: etcd etcdctl kubectl kube-apiserver kube-controller-manager kine helm | all
#                                  or, not in "all": kube-apiserver-1.30 kube-controller-manager-1.30 ark-server-before golangci-lint nfpm
#
# Binaries land in $ARK_CACHE (default: <repo>/.cache/bin). A binary is built only when it is missing or
# when its stamp (NAME.version) names another version, so calling this before every run is cheap.
# Each component is compiled from a wrapper module under $ARK_CACHE/src, because `go install mod@version`
# refuses modules that carry replace directives. Every build shares the Go build cache with the server,
# hence CGO_ENABLED=0 (kine excepted, its SQLite is C) and no -trimpath.
set -euo pipefail

ETCD_VERSION=v3.7.3
KUBE_VERSION=v1.37.2
KUBE_BUILD_DATE=2026-10-27T12:01:04Z
# The oldest host that is supported, at its last patch release.
OLD_KUBE_VERSION=v1.30.14
OLD_KUBE_BUILD_DATE=2025-06-17T18:28:43Z
KINE_VERSION=v0.17.5
HELM_VERSION=v3.22.0
GOLANGCI_LINT_VERSION=v2.15.0
NFPM_VERSION=v2.45.2
# The release of ark-server that databases and clusters are upgraded from.
BEFORE_COMMIT=adc229ffd23cc0070e1a7fab6303521990676538

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ARK_CACHE:-$(cd "$here/../.." && pwd)/.cache/bin}
known=(etcd etcdctl kubectl kube-apiserver kube-controller-manager kine helm)
rest=(kube-apiserver-1.30 kube-controller-manager-1.30 ark-server-before golangci-lint nfpm)

say()  { printf 'tools: %s\n' "$*" >&2; }
fail() { printf 'tools: error: %s\n' "$*" >&2; exit 1; }

# current NAME VERSION: is the cached binary of that version there?
current() { [[ -x $cache/$1 && -f $cache/$1.version && $(<"$cache/$1.version") == "$2" ]]; }

# compile NAME VERSION ARGS...: go build into place, whole or not at all.
compile() {
  local name=$1 version=$2; shift 2
  say "building $name $version (once; kept in $cache)"
  local start=$SECONDS
  nice go build "$@" -o "$cache/.$name.tmp" "${package:?}" || fail "building $name $version failed, see above"
  mv "$cache/.$name.tmp" "$cache/$name"
  printf '%s\n' "$version" >"$cache/$name.version"
  say "built $name $version in $((SECONDS - start)) s"
}

# once DIR COMMAND...: run COMMAND inside a fresh DIR unless it completed there before.
once() {
  local dir=$1; shift
  [[ -f $dir/.ready ]] && return
  rm -rf "$dir"; mkdir -p "$dir"
  (cd "$dir" && "$@") >&2 || fail "preparing the wrapper module in $dir failed (is the Go module proxy reachable?)"
  touch "$dir/.ready"
}

etcd_module() {
  go mod init local.test/etcdbuild
  go get "go.etcd.io/etcd/server/v3@$ETCD_VERSION"
  go get -tool "go.etcd.io/etcd/etcdctl/v3@$ETCD_VERSION"
  mkdir etcd
  cat >etcd/main.go <<'GO'
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
GO
}

build_etcd() {
  local src=$cache/src/etcd-$ETCD_VERSION
  once "$src" etcd_module
  export CGO_ENABLED=0
  cd "$src"
  if [[ $1 == etcd ]]; then
    package=./etcd compile etcd "$ETCD_VERSION" \
      -ldflags "-s -w -X go.etcd.io/etcd/api/v3/version.GitSHA=$ETCD_VERSION"
  else
    package=go.etcd.io/etcd/etcdctl/v3 compile etcdctl "$ETCD_VERSION" -ldflags "-s -w"
  fi
}

# kube_module VERSION: the wrapper's go.mod is Kubernetes' own with its staging modules pinned to their published versions, so no
# version is resolved anew and the binaries are those of the release.
kube_module() {
  local version=$1 staging=v0.${1#v1.} upstream
  upstream=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
  [[ -f $upstream ]] || { echo "no .mod file of k8s.io/kubernetes $version in the module cache"; return 1; }
  {
    echo "module local.test/k8sbuild"
    # The godebug line counts in main modules only: without it the binaries would run with other defaults.
    grep -E '^(go|godebug) ' "$upstream"
    echo "require k8s.io/kubernetes $version"
    sed -n '/^require (/,/^)/p' "$upstream" | sed -E "s/ v0\.0\.0( |\$)/ $staging\1/"
    echo "replace ("
    sed -n '/^replace (/,/^)/p' "$upstream" | sed -nE "s|^\t(k8s.io/[^ ]+) => .*|\t\1 => \1 $staging|p"
    echo ")"
  } >go.mod
  # Fetches what the commands import, and no more: not every staging module of every release was published.
  go list -mod=mod -deps k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kubectl} >/dev/null
}

# build_kube NAME VERSION DATE PARALLEL: NAME is that of the binary, its command what comes before the version in it.
build_kube() {
  local name=$1 version=$2 date=$3 parallel=$4 src=$cache/src/kube-$2 flags="-s -w" pkg
  once "$src" kube_module "$version"
  local minor=${version#v1.}
  for pkg in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $pkg.gitVersion=$version -X $pkg.gitMajor=1 -X $pkg.gitMinor=${minor%%.*}"
    flags+=" -X $pkg.gitTreeState=clean -X $pkg.buildDate=$date"
  done
  export CGO_ENABLED=0
  cd "$src"
  package=k8s.io/kubernetes/cmd/${name%-1.*} compile "$name" "$version" -mod=mod -p "$parallel" -ldflags "$flags"
}

kine_module() {
  go mod init local.test/kinebuild
  go get -tool "github.com/k3s-io/kine@$KINE_VERSION"
}

# Tags and SQLITE_ defines come from kine's own release script, so the peer is what its users run. Setting CGO_CFLAGS drops Go's
# default optimisation, hence -O2.
build_kine() {
  command -v "${CC:-gcc}" >/dev/null ||
    fail "kine needs a C compiler for its SQLite and '${CC:-gcc}' was not found: install one (Debian: apt-get install gcc libc6-dev) or leave kine out"
  local src=$cache/src/kine-$KINE_VERSION script defines tags
  once "$src" kine_module
  export CGO_ENABLED=1
  cd "$src"
  script=$(go list -m -f '{{.Dir}}' github.com/k3s-io/kine)/scripts/build
  defines=$(grep -oE -- '-DSQLITE_[A-Z0-9_]+(=[0-9]+)?' "$script" | tr '\n' ' ')
  tags=$(sed -n 's/^TAGS="\(.*\)"$/\1/p' "$script")
  [[ $defines && $tags ]] || fail "no SQLite defines or build tags found in $script: kine changed its build, adapt build_kine"
  export CGO_CFLAGS="-O2 $defines"
  package=github.com/k3s-io/kine compile kine "$KINE_VERSION" -tags "$tags" \
    -ldflags "-s -X github.com/k3s-io/kine/pkg/version.Version=$KINE_VERSION"
}

helm_module() {
  go mod init local.test/helmbuild
  go get -tool "helm.sh/helm/v3/cmd/helm@$HELM_VERSION"
}

# Without flags helm takes the cluster to be v1.20 where it cannot ask, as in "helm template".
build_helm() {
  local src=$cache/src/helm-$HELM_VERSION minor=${KUBE_VERSION#v1.} flags pkg
  flags="-s -w -X helm.sh/helm/v3/internal/version.version=$HELM_VERSION"
  for pkg in pkg/chartutil pkg/lint/rules; do
    flags+=" -X helm.sh/helm/v3/$pkg.k8sVersionMajor=1 -X helm.sh/helm/v3/$pkg.k8sVersionMinor=${minor%%.*}"
  done
  once "$src" helm_module
  export CGO_ENABLED=0
  cd "$src"
  package=helm.sh/helm/v3/cmd/helm compile helm "$HELM_VERSION" -ldflags "$flags"
}

golangci_lint_module() {
  go mod init local.test/lintbuild
  go get -tool "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$GOLANGCI_LINT_VERSION"
}

build_golangci_lint() {
  local src=$cache/src/golangci-lint-$GOLANGCI_LINT_VERSION
  once "$src" golangci_lint_module
  export CGO_ENABLED=0
  cd "$src"
  package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint compile golangci-lint "$GOLANGCI_LINT_VERSION" \
    -ldflags "-s -w -X main.version=$GOLANGCI_LINT_VERSION"
}

nfpm_module() {
  go mod init local.test/nfpmbuild
  go get -tool "github.com/goreleaser/nfpm/v2/cmd/nfpm@$NFPM_VERSION"
}

build_nfpm() {
  local src=$cache/src/nfpm-$NFPM_VERSION
  once "$src" nfpm_module
  export CGO_ENABLED=0
  cd "$src"
  package=github.com/goreleaser/nfpm/v2/cmd/nfpm compile nfpm "$NFPM_VERSION" -ldflags "-s -w"
}

before_source() {
  git -C "$here/../.." archive "$BEFORE_COMMIT" | tar -x
}

build_before() {
  git -C "$here" cat-file -e "$BEFORE_COMMIT^{commit}" 2>/dev/null ||
    fail "commit $BEFORE_COMMIT is not here: this clone has no history; run \"git fetch --unshallow\""
  local src=$cache/src/ark-server-$BEFORE_COMMIT
  once "$src" before_source
  export CGO_ENABLED=0
  cd "$src"
  package=./cmd/ark-server compile ark-server-before "$BEFORE_COMMIT" -buildvcs=false \
    -ldflags "-s -w -X github.com/mckinsey/ark-server/internal/version.version=before"
}

build() {
  case $1 in
    etcd|etcdctl) current "$1" "$ETCD_VERSION" || (build_etcd "$1") ;;
    kubectl|kube-apiserver|kube-controller-manager) current "$1" "$KUBE_VERSION" || (build_kube "$1" "$KUBE_VERSION" "$KUBE_BUILD_DATE" 2) ;;
    kube-apiserver-1.30|kube-controller-manager-1.30) current "$1" "$OLD_KUBE_VERSION" || (build_kube "$1" "$OLD_KUBE_VERSION" "$OLD_KUBE_BUILD_DATE" 2) ;;
    kine) current kine "$KINE_VERSION" || (build_kine) ;;
    helm) current helm "$HELM_VERSION" || (build_helm) ;;
    golangci-lint) current golangci-lint "$GOLANGCI_LINT_VERSION" || (build_golangci_lint) ;;
    nfpm) current nfpm "$NFPM_VERSION" || (build_nfpm) ;;
    ark-server-before) current "$1" "$BEFORE_COMMIT" || (build_before) ;;
    *) fail "unknown component '$1'; known: ${known[*]} ${rest[*]} all" ;;
  esac
}

(($#)) || fail "name the components to build: ${known[*]} ${rest[*]} all"
command -v go >/dev/null || fail "no go command found: install Go 1.26 or later"
mkdir -p "$cache"
# One build at a time: a second caller waits, then finds the binaries there.
exec 9>"$cache/.lock"
if command -v flock >/dev/null; then flock 9; fi
[[ $* == all ]] && set -- "${known[@]}"
for name in "$@"; do build "$name"; done
say "ready in $cache: $*"
