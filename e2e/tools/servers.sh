#!/usr/bin/env bash
# Unpacks database servers of other versions than the system's, from Debian's packages, into a folder of their own.
#
#   e2e/tools/servers.sh NAME...   NAME: mysql postgresql-13 postgresql-17 postgresql-18 postgresql-19 mariadb-11.8 | all
#   e2e/tools/servers.sh -p NAME   print the folder to put first on PATH
#
# Nothing is installed: packages are downloaded with package lists of their own, unpacked below $ARK_CACHE/servers, and their
# programs are made to use the libraries that came with them. A server is fetched once. One that cannot be had is named and makes
# the script fail, after it has tried the others.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ARK_CACHE:-$(cd "$here/../.." && pwd)/.cache/bin}/servers
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
known=(mysql postgresql-13 postgresql-17 postgresql-18 postgresql-19 mariadb-11.8)

say() { printf 'servers: %s\n' "$*" >&2; }

# suite_of NAME: the Debian suite that has it, and the packages to take.
suite_of() {
  case $1 in
    mysql)         echo sid mysql-server-core mysql-client-core ;;
    postgresql-13) echo bullseye postgresql-13 ;;
    postgresql-17) echo trixie postgresql-17 ;;
    postgresql-18) echo sid postgresql-18 ;;
    postgresql-19) echo experimental postgresql-19 ;;
    mariadb-11.8)  echo trixie mariadb-server mariadb-client ;;
    *) return 1 ;;
  esac
}

# mirror: the address in the system's own package sources.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE 's|^URIs: *([^ ]+/debian)/? *$|\1|p; s|^deb +(\[[^]]*\] +)?([^ ]+/debian)/? .*|\2|p' | head -n 1
}

# fetch DIR SUITE PACKAGE...: unpack the packages and all that they need into DIR/root.
fetch() {
  local dir=$1 suite=$2 source; shift 2
  source=$(mirror)
  [[ $source ]] || { say "the system's package sources name no Debian mirror"; return 1; }
  mkdir -p "$dir"/apt/{lists/partial,cache/archives/partial} "$dir/debs" "$dir/root/usr"/{bin,sbin,lib,lib64}
  : >"$dir/apt/status"
  echo "deb [signed-by=$keyring] $source $suite main" >"$dir/apt/sources.list"
  [[ $suite == experimental ]] && echo "deb [signed-by=$keyring] $source sid main" >>"$dir/apt/sources.list"
  local options=(-o "Dir::Etc::SourceList=$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$dir/apt/lists"
    -o "Dir::Cache=$dir/apt/cache" -o "Dir::State::status=$dir/apt/status" -o APT::Update::Post-Invoke-Success= -o Acquire::Languages=none
    -o APT::Sandbox::User=root)
  apt-get "${options[@]}" -qq update || return 1
  local release=()
  [[ $suite == experimental ]] && release=(-t experimental)
  # With an empty status file every library is listed, the C library too.
  local packages
  packages=$(apt-get "${options[@]}" "${release[@]}" install --no-install-recommends -s "$@" | awk '/^Inst/{print $2}' |
    grep -vE '^(perl|libperl|libgdbm|libdb5|systemd|udev|dbus|init)')
  [[ $packages ]] || return 1
  # shellcheck disable=SC2086 # a list of words
  (cd "$dir/debs" && apt-get "${options[@]}" "${release[@]}" -qq download $packages) || return 1
  local name deb
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$dir/root/$name" 2>/dev/null; done
  for deb in "$dir"/debs/*.deb; do
    dpkg --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$dir/root" || return 1
  done
  rm -rf "$dir/debs" "$dir/apt"
}

# own ROOT PROGRAM...: let programs use the loader and the libraries below ROOT, whatever the system's are.
own() {
  local root=$1 lib program; shift
  lib=$root/usr/lib/$(uname -m)-linux-gnu
  for program; do
    patchelf --set-interpreter "$(echo "$lib"/ld-linux-*.so.*)" --force-rpath \
      --set-rpath "$lib:$root/usr/lib:$lib/mysql/private:$root/usr/lib/mysql/private" "$program" || return 1
  done
}

# wrapper PATH COMMAND...: a program that runs COMMAND with its own arguments behind.
wrapper() {
  local path=$1; shift
  printf '#!/bin/sh\nexec %s "$@"\n' "$*" >"$path" && chmod +x "$path"
}

# arrange NAME DIR: make DIR/bin hold the programs that the tests look for on PATH.
arrange() {
  local root=$2/root name programs
  mkdir -p "$2/bin"
  case $1 in
    postgresql-*)
      # The server finds share/ and lib/ from its own path.
      local bin=$root/usr/lib/postgresql/${1#*-}/bin
      programs=()
      for name in "$bin"/*; do
        [[ -f $name && ! -L $name ]] && head -c 4 "$name" | grep -q ELF && programs+=("$name")
      done
      own "$root" "${programs[@]}" || return 1
      for name in initdb postgres psql pg_ctl pg_basebackup pg_dump pg_dumpall pg_restore pg_upgrade pg_controldata pg_resetwal vacuumdb createdb dropdb; do
        [[ -x $bin/$name ]] && wrapper "$2/bin/$name" "$bin/$name"
      done ;;
    mariadb-*)
      own "$root" "$root"/usr/sbin/mariadbd "$root"/usr/bin/{my_print_defaults,mariadb,mariadb-dump,mariadb-upgrade,mariadb-check,resolveip} || return 1
      local share="--basedir=$root/usr --lc-messages-dir=$root/usr/share/mariadb --character-sets-dir=$root/usr/share/mariadb/charsets --plugin-dir=$root/usr/lib/mysql/plugin"
      # mariadbd wants --no-defaults before anything else.
      cat >"$2/bin/mariadbd" <<SH
#!/bin/sh
first=
case \${1-} in --no-defaults|--defaults-file=*) first=\$1; shift ;; esac
exec $root/usr/sbin/mariadbd \$first $share "\$@"
SH
      cat >"$2/bin/mariadb-install-db" <<SH
#!/bin/sh
first=
case \${1-} in --no-defaults|--defaults-file=*) first=\$1; shift ;; esac
exec $root/usr/bin/mariadb-install-db \$first --basedir=$root/usr --lc-messages-dir=$root/usr/share/mariadb "\$@"
SH
      chmod +x "$2/bin"/*
      for name in mariadb mariadb-dump mariadb-upgrade mariadb-check; do wrapper "$2/bin/$name" "$root/usr/bin/$name"; done ;;
    mysql)
      own "$root" "$root"/usr/sbin/mysqld "$root"/usr/bin/{mysql,mysqldump} || return 1
      cat >"$2/bin/mysqld" <<SH
#!/bin/sh
first=
case \${1-} in --no-defaults|--defaults-file=*) first=\$1; shift ;; esac
exec $root/usr/sbin/mysqld \$first --basedir=$root/usr --lc-messages-dir=$root/usr/share/mysql --plugin-dir=$root/usr/lib/mysql/plugin --secure-file-priv=NULL --mysqlx=OFF "\$@"
SH
      chmod +x "$2/bin/mysqld"
      wrapper "$2/bin/mysql" "$root/usr/bin/mysql"
      wrapper "$2/bin/mysqldump" "$root/usr/bin/mysqldump" ;;
  esac
}

get() {
  local dir=$cache/$1 suite
  [[ -f $dir/.ready ]] && return
  suite=$(suite_of "$1") || { say "unknown server '$1'; known: ${known[*]} all"; return 1; }
  say "fetching $1 from Debian's packages (once; kept in $dir)"
  rm -rf "$dir"; mkdir -p "$dir"
  # shellcheck disable=SC2086 # a suite and package names
  fetch "$dir" $suite && arrange "$1" "$dir" && touch "$dir/.ready"
}

[[ ${1-} == -p ]] && { echo "$cache/$2/bin"; exit; }
(($#)) || { say "name the servers: ${known[*]} all"; exit 1; }
[[ $* == all ]] && set -- "${known[@]}"
mkdir -p "$cache"
# Servers run as their own users, who must be able to read these.
chmod a+rx "$cache"
exec 9>"$cache/.lock"
command -v flock >/dev/null && flock 9
failed=()
for name; do get "$name" || failed+=("$name"); done
((${#failed[@]} == 0)) || { say "not to be had here: ${failed[*]} (this needs Debian's package mirror, dpkg and patchelf)"; exit 1; }
say "ready in $cache: $*"
