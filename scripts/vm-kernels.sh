#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Fetches the kernels that tests/vm boots: Debian 12's own and the newest of its backports, each as the package
# has it. They are unpacked below build-vm/ and never installed; apt's lists for that are kept there, too, so
# that the machine's own sources stay as they are.
set -euo pipefail

cd "$(dirname "$0")/.."
dir=build-vm/kernels
key=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${SONDE_DEBIAN_MIRROR:-http://deb.debian.org}

# a quick no-op when both are there
[ -e "$dir/complete" ] && exit 0

apt=$PWD/build-vm/apt
mkdir -p "$dir" "$apt/lists/partial" "$apt/archives/partial" "$apt/debs"
cat >"$apt/sources.list" <<LIST
deb [arch=amd64 signed-by=$key] $mirror/debian bookworm main
deb [arch=amd64 signed-by=$key] $mirror/debian bookworm-backports main
deb [arch=amd64 signed-by=$key] $mirror/debian-security bookworm-security main
LIST
options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root)

# what "linux-image-cloud-amd64" of a version stands for; of several versions the newest
kernel_package() { # regular expression of the version
    apt-cache "${options[@]}" show linux-image-cloud-amd64 |
        sed -n "s/^Depends: \(linux-image-$1[^ ]*\) .*/\1/p" | sort -uV | tail -n 1
}

echo "setup: fetching Debian's kernels for tests/vm"
apt-get "${options[@]}" update -qq
for version in '6\.1\.' '[0-9.]*+deb12-'; do
    package=$(kernel_package "$version")
    [ -n "$package" ] || { echo "setup: no kernel package like $version" >&2; exit 1; }
    (cd "$apt/debs" && apt-get "${options[@]}" download -qq "$package")
    dpkg-deb --fsys-tarfile "$apt/debs/${package}"_*.deb | tar -x -C "$dir" --strip-components=2 --wildcards './boot/vmlinuz-*'
done
rm -rf "$apt"
touch "$dir/complete"
