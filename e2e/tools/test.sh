#!/usr/bin/env bash
# Runs the tests of the server's module, and says at the end what it left out and how to get it.
#
#   e2e/tools/test.sh [go test's flags]             all of them: it fails where a database server is missing
#   e2e/tools/test.sh --embedded [go test's flags]  those that need no database server
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

embedded=
[[ ${1:-} == --embedded ]] && { embedded=yes; shift; }

leave=()
if [[ $embedded ]]; then
  leave=(PostgreSQL MariaDB MySQL PgBouncer)
else
  e2e/tools/databases.sh
  while read -r package; do
    case $package in
      postgresql) leave+=(PostgreSQL) ;;
      mariadb-server) leave+=(MariaDB) ;;
      pgbouncer) leave+=(PgBouncer) ;;
    esac
  done < <(e2e/tools/databases.sh --missing)
fi

# On a terminal the compiler's progress is shown; go test compiles in silence.
if [[ -t 2 ]]; then e2e/tools/progress.sh go build ./internal/... || exit; fi

if ((${#leave[@]})); then
  left=$(mktemp)
  trap 'rm -f "$left"' EXIT
  ARK_TEST_LEAVE_OUT=$(IFS=,; echo "${leave[*]}")
  export ARK_TEST_LEAVE_OUT ARK_TEST_LEFT_OUT=$left
fi
go test -timeout 20m "$@" ./...
status=$?
((${#leave[@]})) || exit "$status"

echo
echo "LEFT OUT, for want of a database server: $(sort -u "$left" | wc -l) tests"
sort -u "$left" | awk '{ n[$1 " (" $3 ")"]++ } END { for (p in n) printf "  %-28s%d\n", p, n[p] }' | sort
if [[ $embedded ]]; then
  echo "To run them too: make test (it needs PostgreSQL, MariaDB and PgBouncer: $(e2e/tools/databases.sh --how))"
  exit "$status"
fi
echo "To get them: $(e2e/tools/databases.sh --how)"
echo "make test FAILS without them; make test-embedded runs the rest and succeeds."
exit 1
