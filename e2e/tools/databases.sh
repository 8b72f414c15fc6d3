#!/usr/bin/env bash
# Sees to it that the database servers which tests start throwaway instances of are installed: PostgreSQL, MariaDB, and the pooler
# PgBouncer.
# Where it may (root on Debian or Ubuntu) it installs their packages; elsewhere it says what to install and fails.
# Running servers can be used instead: ARK_TEST_POSTGRES_DSN and ARK_TEST_MYSQL_DSN.
#
#   e2e/tools/databases.sh             see to it that they are installed
#   e2e/tools/databases.sh --missing   print the packages of those that are not, and install nothing
#   e2e/tools/databases.sh --how       print the command that installs them
set -euo pipefail

# found NAME PATTERN...: is a program there, on PATH or where its package puts it?
found() {
  local name=$1 file; shift
  command -v "$name" >/dev/null && return
  for file in "$@"; do [[ -x $file ]] && return; done
  return 1
}

missing=()
[[ -n ${ARK_TEST_POSTGRES_DSN:-} ]] || found initdb /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb || missing+=(postgresql)
[[ -n ${ARK_TEST_MYSQL_DSN:-} ]] || found mariadbd /usr/sbin/mariadbd /opt/homebrew/opt/mariadb/bin/mariadbd /usr/local/opt/mariadb/bin/mariadbd || missing+=(mariadb-server)
found pgbouncer /usr/sbin/pgbouncer || missing+=(pgbouncer)
how() {
  if command -v brew >/dev/null; then
    echo "brew install ${missing[*]/mariadb-server/mariadb}"
  else
    echo "sudo apt-get install ${missing[*]}"
  fi
}

case ${1:-} in
  --missing) if ((${#missing[@]})); then printf '%s\n' "${missing[@]}"; fi; exit ;;
  --how) missing=("${missing[@]:-postgresql mariadb-server pgbouncer}"); how; exit ;;
esac
((${#missing[@]} == 0)) && exit

if ((EUID == 0)) && command -v apt-get >/dev/null; then
  echo "databases: about to install these packages with apt-get, for tests only: ${missing[*]}" >&2
  echo "databases: press Ctrl-C to stop that; make test-embedded runs the tests that need none of them" >&2
  apt-get update >&2 || true   # an old list of packages may do
  # The tests start servers of their own; the packages' services are not wanted.
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y --no-upgrade "${missing[@]}" >&2
  exit
fi
echo "databases: the tests start throwaway servers of PostgreSQL, MariaDB and PgBouncer; not installed: ${missing[*]}:" >&2
echo "  $(how)" >&2
echo "running database servers can be named in ARK_TEST_POSTGRES_DSN and ARK_TEST_MYSQL_DSN" >&2
exit 1
