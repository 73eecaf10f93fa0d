#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# go_build.sh FOLDER OUT VERSION [go build's options]: builds a Go program of tests/progs without the network. VERSION is
# "new" (the go in PATH or /usr/local/go) or one that Debian packages ("1.19"); without OUT or options only asks whether
# that version is here.
set -e
src=$1 out=$2 version=$3
shift 3
case $version in
new) go=$(command -v go || echo /usr/local/go/bin/go) ;;
*) go=/usr/lib/go-$version/bin/go ;;
esac
[ -x "$go" ] || exit 77
[ -n "$out" ] || exit 0
out=$(realpath "$out")
cd "$src"
export GOFLAGS="-mod=mod -buildvcs=false" GOTOOLCHAIN=local GOPROXY=off GO111MODULE=on CGO_ENABLED="${CGO_ENABLED:-0}"
exec "$go" build -o "$out" "$@" .
