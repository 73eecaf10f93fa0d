#!/usr/bin/env bash
# Runs a static sonde in an empty root: nothing there but /proc, /sys and the folder of the test, with the
# programs that it traces. Stands in for the binary in the runtime tests: it keeps its pid, arguments and streams.
#
#   SONDE_STATIC=$PWD/build-static/sonde tests/run/runner.py --sonde tests/run/empty_root.sh ...
set -eu

: "${SONDE_STATIC:?}"
# one mount point for all: each run sees its own mount on it, in its own mount namespace
export root=/tmp/sonde-empty-root
mkdir -p "$root"
exec unshare --mount --propagation private -- bash -eu -c '
    mount -t tmpfs tmpfs "$root"
    here=$PWD
    cp "$SONDE_STATIC" "$root/sonde"
    mkdir -p "$root/proc" "$root/sys" "$root/tmp" "$root/$here"
    mount --rbind /proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --bind "$here" "$root/$here"
    exec unshare --root "$root" --wd "$here" /sonde "$@"' sonde "$@"
