#!/usr/bin/env bash
# Installs the Debian 12 packages that a step of sonde needs. A quick no-op when they are there.
#
#   scripts/setup.sh build     compiler, Meson, libraries
#   scripts/setup.sh demo      build + a redis to trace
#   scripts/setup.sh test      demo + the second compiler, the traced programs, the peers
#   scripts/setup.sh static    build + what makes libZydis.a (Debian ships no archive of it)
#   scripts/setup.sh vm        test + QEMU, and two of Debian's kernels in build-vm (not installed)
#
# Services that come with a package (redis, nginx) are not started. Tools that stand in PATH in a newer
# version than Debian's (go, rustc, java) are taken as they are.
set -euo pipefail

build="gcc libc6-dev make meson ninja-build pkg-config libelf-dev libdw-dev libbpf-dev libzydis-dev
    libzycore-dev libiberty-dev zlib1g-dev libzstd-dev liblzma-dev libbz2-dev libnghttp2-dev"
demo="redis-server redis-tools procps util-linux"
test="clang-14 libclang-rt-14-dev clang-format-14 llvm-14 g++ python3-minimal python3 curl openssl nginx-light gnutls-bin wget libcurl3-nss tshark nghttp2-client postgresql mariadb-server
    valgrind bpftrace systemtap-sdt-dev binutils strace musl-tools xz-utils tmux bpftool time iproute2 zip bash tcl ruby3.1 php8.2-cli dwz pahole libdebuginfod1
    librust-rustls-dev librust-tokio-dev libwolfssl-dev libmbedtls-dev android-libboringssl-dev"
static="dpkg-dev xz-utils curl"
vm="qemu-system-x86 qemu-system-data seabios libzstd1 liblz4-1"

usage() {
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    exit 2
}

# name the packages of the list that are missing; one question for all of them
missing() {
    local have p
    have=" $(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii //p' | tr '\n' ' ')" || true
    for p in "$@"; do
        [[ $have == *" $p "* ]] || echo "$p"
    done
}

# a language whose command is in PATH needs no package
language() { # command package ...
    command -v "$1" >/dev/null 2>&1 || echo "${@:2}"
}

# Debian's rustc is of 2022; rustc-web is its own, newer build for browsers, and stands in for it (cargo-web: its cargo)
rust() {
    local minor
    minor=$({ rustc --version 2>/dev/null || true; } | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge 70 ] || echo rustc-web cargo-web
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "setup: not root and no sudo; install by hand: $*" >&2
        exit 1
    fi
}

install() {
    local want policy=/usr/sbin/policy-rc.d ours=no rc=0
    want=$(missing "$@")
    [ -n "$want" ] || return 0
    # shellcheck disable=SC2086
    echo "setup: installing" $want
    # invoke-rc.d asks this script whether a freshly installed service may start
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        ours=yes
    fi
    as_root apt-get update -qq || rc=$?
    # shellcheck disable=SC2086
    [ "$rc" != 0 ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends \
        $want >/tmp/sonde-setup.$$.log 2>&1 || rc=$?
    [ "$ours" = no ] || as_root rm -f "$policy"
    if [ "$rc" != 0 ]; then
        tail -n 20 "/tmp/sonde-setup.$$.log" >&2 || true
        echo "setup: apt-get failed (exit $rc)" >&2
        exit 1
    fi
    rm -f "/tmp/sonde-setup.$$.log"
}

# tracefs and bpffs are where probes are listed and objects pinned; a container or a bare VM may lack them
mount_filesystems() {
    [ "$(id -u)" = 0 ] || return 0
    # tests/tracing.py keeps it out of sight where it answers nobody
    [ -n "${SONDE_TESTS_NO_TRACING:-}" ] || [ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null ||
        echo "setup: no tracefs: tracepoints and listings will be missing" >&2
    mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf 2>/dev/null ||
        echo "setup: no bpffs" >&2
}

case "${1:-}" in
build) packages=$build ;;
demo) packages="$build $demo" ;;
static) packages="$build $static" ;;
test | vm) packages="$build $demo $test $(language go golang-go) $(rust) \
    $(language javac openjdk-17-jdk-headless) $(language node nodejs libnode-dev)"
    # Go's tables and conventions change: an old version beside the newest, where the distribution has it
    apt-cache show golang-1.19-go >/dev/null 2>&1 && packages="$packages golang-1.19-go"
    # values of both C++ libraries
    apt-cache show libc++-14-dev >/dev/null 2>&1 && packages="$packages libc++-14-dev libc++abi-14-dev"
    # headers of the node that is there
    [ "$(readlink -f "$(command -v node)")" != /usr/bin/node ] || [ -e /usr/include/node/node_api.h ] || packages="$packages libnode-dev"
    # the acceptance figures are for Debian's OpenJDK 17, whatever else stands in PATH
    ls /usr/lib/jvm/java-17-openjdk-*/bin/java >/dev/null 2>&1 || packages="$packages openjdk-17-jdk-headless"
    [ "$1" = test ] || packages="$packages $vm" ;;
*) usage ;;
esac
# shellcheck disable=SC2086
install $packages
mount_filesystems
[ "$1" != vm ] || "$(dirname "$0")/vm-kernels.sh"
