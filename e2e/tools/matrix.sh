#!/usr/bin/env bash
# Runs what depends on a database server on each version of one: start and engine tests, k8s.io/apiserver's storage suite, kill -9
# (crash), replicas beside each other, the API contract, and what users of kubectl are promised. Writes what came out into the table of
# docs/databases.md.
#
#   e2e/tools/matrix.sh [NAME...]   NAME: one of servers.sh, or postgresql or mariadb, which are the system's own
#
# The versions are fetched by servers.sh. One that cannot be had is named, and its row of the table stays as it was.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
root=$PWD table=docs/databases.md
logs=$root/.cache/matrix
mkdir -p "$logs"
(($#)) || set -- postgresql-13 postgresql postgresql-17 postgresql-18 mariadb mariadb-11.8 mysql

# outcome LOG STATUS: how many tests passed, and how many did not.
outcome() {
  local passed failed
  passed=$(grep -cE '^ *--- PASS' "$1") failed=$(grep -cE '^ *--- FAIL' "$1")
  [[ $2 == 0 && $failed == 0 && $passed != 0 ]] && echo "$passed" || echo "**$failed failed**, $passed"
}

# suite NAME FOLDER COMMAND...: runs a suite and prints its cell of the table.
suite() {
  local log=$logs/$server-$1.log; local folder=$2; shift 2
  (cd "$folder" && "$@") >"$log" 2>&1
  outcome "$log" $?
}

row() {
  local package=$1 storage=$2 version=$3
  local engine conformance crash replicas contract kubectl
  engine=$(suite engine . go test -count=1 -v -timeout 30m "./internal/mvcc/$package")
  conformance=$(suite conformance e2e go run ./conformance -v -storage "$storage" -transport direct)
  crash=$(suite crash e2e go test -count=1 -v -timeout 20m ./crash -run "TestKillNine/^$storage\$")
  replicas=$(suite replicas e2e go test -count=1 -v -timeout 30m ./replicas -run "^(TestReplicas|TestLeases)\$/^$storage\$")
  contract=$(suite contract e2e/contract go test -count=1 -v -timeout 30m -systems="$storage")
  kubectl=$(suite kubectl e2e go test -count=1 -v -timeout 20m ./kubectl -run "TestKubectl/^$storage\$")
  local line="| $version | $engine | $conformance | $crash | $replicas | $contract | $kubectl | $(date +%F) |"
  echo "$line"
  grep -vF "| $version |" "$table" | awk -v line="$line" '{ print } /^\|---\|---\|---\|---\|---\|---\|---\|---\|$/ { print line }' >"$table.new" && mv "$table.new" "$table"
  [[ $line != *failed* ]]
}

failed=()
for server; do
  folder=
  case $server in
    postgresql | mariadb) ;;
    *)
      e2e/tools/servers.sh "$server" || { failed+=("$server"); continue; }
      folder=$(e2e/tools/servers.sh -p "$server") ;;
  esac
  (
    [[ $folder ]] && PATH=$folder:$PATH
    case $server in
      postgresql*)
        postgres=$(command -v postgres || printf '%s\n' /usr/lib/postgresql/*/bin/postgres | tail -n 1)
        row postgres postgresql "$("$postgres" --version | sed -E 's/^postgres \(PostgreSQL\) ([0-9.a-z]+).*/PostgreSQL \1/')" ;;
      mariadb*)
        mariadbd=$(command -v mariadbd || echo /usr/sbin/mariadbd)
        row mysql mysql "MariaDB $("$mariadbd" --version | sed -E 's/.* Ver ([0-9.]+).*/\1/')" ;;
      mysql)
        export ARK_TEST_MYSQLD=$folder/mysqld
        row mysql mysql "MySQL $("$folder/mysqld" --version | sed -E 's/.* Ver ([0-9.]+).*/\1/')" ;;
    esac
  ) || failed+=("$server")
done
((${#failed[@]} == 0)) || { echo "matrix: failed, or not to be had: ${failed[*]} (logs in .cache/matrix)" >&2; exit 1; }
