#!/usr/bin/env bash
# Runs a go build and shows on a terminal how far it is; elsewhere it only runs it.
#
#   e2e/tools/progress.sh go build ARGS...
#
# go build -v prints the name of each package that it compiles. These become one line that changes; all else that it
# prints, such as errors, stays.
set -uo pipefail

if [[ ! -t 2 || $1 != go || $2 != build ]]; then
  exec "$@"
fi
shift 2
echo "Compiling (the first time takes some minutes, later ones seconds)" >&2
start=$SECONDS
go build -v "$@" 2>&1 >/dev/null | awk -v width="$(tput cols 2>/dev/null || echo 80)" '
  /^[A-Za-z0-9_.\/~-]+$/ {
    line = sprintf("  %d packages: %s", ++n, $0)
    printf "\r\033[K%s", substr(line, 1, width - 1)
    fflush()
    next
  }
  { printf "\r\033[K"; print; fflush() }
  END { printf "\r\033[K" }' >&2
status=${PIPESTATUS[0]}
((status == 0)) && echo "Compiled in $((SECONDS - start)) s" >&2
exit "$status"
