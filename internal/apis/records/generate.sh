#!/usr/bin/env bash
# Regenerates every zz_generated* file of the group records.ark.mckinsey.com. Run it
# from the root of the repository. A second run changes nothing.
set -euo pipefail

if [[ ! -f internal/apis/records/generate.sh ]]; then
  echo "generate.sh: run from the root of the repository" >&2
  exit 1
fi

# One build cache with the rest of the project, which is built without cgo.
export CGO_ENABLED=0

base=github.com/mckinsey/ark-server/internal/apis/records
versions=("$base/v1alpha1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
header="$scratch/header.txt"
: >"$header"

find internal/apis/records -name 'zz_generated*.go' -delete

echo "deepcopy"
go tool deepcopy-gen --go-header-file "$header" \
  --output-file zz_generated.deepcopy.go "${versions[@]}"

# The definitions include the API machinery types that the kinds use; their
# packages are read-only because their model names exist upstream. The rule
# report lists mostly upstream's exceptions, hence the scratch file.
echo "openapi"
go tool openapi-gen --go-header-file "$header" \
  --output-dir internal/apis/records/openapi \
  --output-pkg "$base/openapi" \
  --output-file zz_generated.openapi.go \
  --output-model-name-file zz_generated.model_name.go \
  --report-filename "$scratch/violations" \
  --readonly-pkg k8s.io/apimachinery/pkg/apis/meta/v1 \
  --readonly-pkg k8s.io/apimachinery/pkg/runtime \
  k8s.io/apimachinery/pkg/apis/meta/v1 \
  k8s.io/apimachinery/pkg/runtime \
  "${versions[@]}"

gofmt -l -w internal/apis/records
echo "done"
