#!/usr/bin/env bash
# Makes libZydis.a, the one archive that Debian 12 lacks (docs/decisions/static-binary.md), from Debian's own
# source package of the very version that libzydis-dev has. Touches nothing of the system's apt configuration.
#
#   scripts/static-zydis.sh DIR     leaves DIR/libZydis.a; a no-op when it is there
set -euo pipefail

dir=${1:?usage: static-zydis.sh DIR}
mkdir -p "$dir"
cd "$dir"
[ ! -e libZydis.a ] || exit 0

version=$(dpkg-query -W -f='${Version}' libzydis-dev)
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 || true)
mirror=${mirror:-http://deb.debian.org/debian}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
chmod -R a+rwX "$work"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >"$work/src.list"
options=(-qq -o "Dir::Etc::SourceList=$work/src.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$work/lists" -o APT::Get::List-Cleanup=0)
(cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" source "zydis=$version" >/dev/null 2>&1) || {
    echo "static: Debian's source package zydis $version cannot be had: no libZydis.a, so no static binary" >&2
    exit 1
}
src=$(echo "$work"/zydis-*/)
# the decoder alone: formatter and encoder would want libZycore, which has no archive either
for f in "$src"src/*.c; do
    "${CC:-gcc}" -O2 -ffunction-sections -fdata-sections -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD \
        -DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER -I"${src}include" -I"${src}src" \
        -c "$f" -o "$work/$(basename "$f" .c).o"
done
ar rcs "$work/libZydis.a" "$work"/*.o
mv "$work/libZydis.a" .
