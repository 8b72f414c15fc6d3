#!/usr/bin/env bash
# Installs the npm packages of a lock file into a folder of the cache, once, and prints that folder.
#
#   e2e/tools/npm.sh FOLDER    FOLDER has package.json and package-lock.json
#
# Nothing of the packages runs while they are installed. Needs node 20 or later, with npm.
set -euo pipefail

from=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ARK_CACHE:-$(cd "$here/../.." && pwd)/.cache/bin}/npm
say() { printf 'npm: %s\n' "$*" >&2; }

if ! command -v node >/dev/null || ! command -v npm >/dev/null || (($(node -p 'process.versions.node.split(".")[0]') < 20)); then
  say "node 20 or later with npm is needed: apt-get install nodejs npm, or https://nodejs.org"
  exit 1
fi
dir=$cache/$(cat "$from/package.json" "$from/package-lock.json" | sha256sum | cut -c 1-16)
if [[ ! -d $dir ]]; then
  say "installing the packages of ${from##*/e2e/} into $dir"
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  cp "$from/package.json" "$from/package-lock.json" "$new"
  (cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  mv -T "$new" "$dir" 2>/dev/null || [[ -d $dir ]] # another process may have been first
fi
printf '%s\n' "$dir"
