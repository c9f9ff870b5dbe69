# Sourced by the image scripts: a small root file system made of this machine's own files.
set -euo pipefail

say() { echo "local-images: $*" >&2; }

# install_missing COMMAND PACKAGE...
install_missing() {
  command -v "$1" >/dev/null && return
  shift
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" >/dev/null
}

# copy_libraries ROOT FILE...: every shared library that the files load.
copy_libraries() {
  local root=$1 library target
  shift
  { ldd "$@" 2>/dev/null || true; } | sed -nE 's/.*(=> |^\s+)(\/[^ ]+) \(0x.*/\2/p' | sort -u | while read -r library; do
    case $library in "$root"/*) continue ;; esac
    target=$root${library/#\/lib/\/usr\/lib}
    [ -e "$target" ] || install -D -m755 "$library" "$target"
  done
}

# copy_commands ROOT COMMAND...
copy_commands() {
  local root=$1 name path
  shift
  for name in "$@"; do
    path=$(type -P "$name")
    install -m755 "$(readlink -f "$path")" "$root/usr/bin/$name"
    copy_libraries "$root" "$path"
  done
}

# make_root ROOT USER ID HOME: folders, users, a shell and the commands that the images' scripts use.
make_root() {
  local root=$1 user=$2 id=$3 home=$4 name path target
  mkdir -p "$root"/usr/{bin,lib,lib64} "$root"/{etc,root,run,var/tmp,var/lib,proc,sys,dev}
  install -d -m1777 "$root/tmp"
  ln -s usr/bin "$root/bin"
  ln -s usr/lib "$root/lib"
  ln -s usr/lib64 "$root/lib64"
  printf 'root:x:0:0:root:/root:/bin/bash\n%s:x:%s:%s::%s:/bin/bash\n' "$user" "$id" "$id" "$home" >"$root/etc/passwd"
  printf 'root:x:0:\n%s:x:%s:\n' "$user" "$id" >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  copy_commands "$root" bash env sleep chmod chown mkdir cat ls id tr sed grep rm cp mv touch head tail date find setpriv
  ln -s bash "$root/usr/bin/sh"
  if [ -d /usr/lib/locale/C.utf8 ]; then cp -r --parents /usr/lib/locale/C.utf8 "$root"; fi
  # What programs load by name later: name look-up, and the libraries of native code inside jars.
  for name in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2 libpthread.so.0 libdl.so.2 librt.so.1 libm.so.6 \
    libgcc_s.so.1 libstdc++.so.6 libz.so.1; do
    path=$(ldconfig -p | sed -n "s/^\s*$name (libc6,[^)]*) => //p" | head -1)
    [ -n "$path" ] || continue
    target=$root${path/#\/lib/\/usr\/lib}
    [ -e "$target" ] || install -D -m755 "$path" "$target"
    copy_libraries "$root" "$path"
  done
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# import_image ROOT NAME CHANGE...: the folder as an image of one layer; the folder is removed.
import_image() {
  local root=$1 name=$2 change changes=()
  shift 2
  for change in "$@"; do changes+=(--change "$change"); done
  tar -C "$root" --numeric-owner -cf - . | docker import "${changes[@]}" - "$name" >/dev/null
  rm -rf "$root"
  say "$name made of this machine's files: $(docker image inspect -f '{{.Size}}' "$name") bytes"
}
