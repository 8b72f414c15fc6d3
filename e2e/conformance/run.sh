#!/bin/sh
# Runs k8s.io/apiserver's storage tests on our endpoint; see main.go for the flags.
set -eu
cd "$(dirname "$0")/.."
exec go run ./conformance "$@"
