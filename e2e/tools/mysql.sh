#!/usr/bin/env bash
# Runs the engine's tests and k8s.io/apiserver's storage suite on MySQL itself, which Debian's stable releases do not have: "make test"
# and "make storage-conformance-servers" run them on MariaDB. Where MySQL cannot be fetched the script says so in a line that CI
# shows, and does not fail: the packages come from Debian's unstable release, which is out of the hands of whoever makes a change.
#
#   e2e/tools/mysql.sh [FLAG...]   flags of go test
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! e2e/tools/servers.sh mysql; then
  echo "NOT CHECKED: MySQL itself, which cannot be fetched here: the lines above say why"
  exit 0
fi
ARK_TEST_MYSQLD=$(e2e/tools/servers.sh -p mysql)/mysqld
export ARK_TEST_MYSQLD
"$ARK_TEST_MYSQLD" --version
go test -count=1 -timeout 30m "$@" ./internal/mvcc/mysql || exit 1
cd e2e && exec go run ./conformance -storage mysql -transport direct
