#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Libraries that come while the user engine traces: user_loads.sh kill|memory SONDE PROGS, in a folder of its own. PROGS/loads opens copies
# of one; the truth is what it computes, its own bytes (own_bytes.py), and smaps.
set -u
mode=$1 sonde=$2 progs=$3
here=$(cd "$(dirname "$0")" && pwd)
n=50
[ "$1" = kill ] && n=25

until_true() {
    local end=$((SECONDS + 120))
    while ((SECONDS < end)); do "$@" && return 0; sleep 0.01; done
    echo "not in time: $*"
    exit 1
}
has_line() { grep -q "$2" "$1" 2>/dev/null; }
has_lines() { test "$(grep -c "$2" "$1" 2>/dev/null)" -ge "$3"; }
has_ended() { ! test -d "/proc/$1" || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
own_bytes() { python3 "$here/own_bytes.py" "$1" "$PWD" >/dev/null; }
# KB of memory that is of no file: maps and rings are, and code that nobody has written to
own_kb() { awk '/^Anonymous:/ { s += $2 } END { print s }' "/proc/$1/smaps"; }

for i in $(seq 0 $((n - 1))); do cp "$progs/liblater.so" "libmany_$i.so"; done
cp "$progs/loads" loads

begin() {
    rm -f begin go said err
    ./loads slowly $n "$PWD/libmany_" >said & pid=$!
    until_true has_line said waiting
}

trace() {
    "$sonde" -v --engine user -p $pid -e 'uprobe:*/libmany_*:work { @ = count(); }' >out 2>err & tracer=$!
    until_true has_line err 'Attached 0 probes'
}

end() {
    touch go
    wait $pid
    grep right said
}

case $mode in
kill) # in the middle of what comes
    for at in 3 17; do
        begin
        trace
        touch begin
        until_true has_line said "loaded $at"
        until_true has_line err 'there .* after it was mapped'
        kill -9 $tracer
        wait $tracer 2>/dev/null
        until_true has_line said "loaded $((n - 1))"
        until_true own_bytes $pid
        end
    done
    ;;
memory)
    begin
    touch begin
    until_true has_line said "loaded $((n - 1))"
    without=$(own_kb $pid)
    end
    begin
    trace
    touch begin
    until_true has_lines err 'there .* after it was mapped' $n
    until_true has_line said "loaded $((n - 1))"
    with=$(own_kb $pid)
    echo "# $n libraries: $((with - without)) KB besides maps and rings"
    test $((with - without)) -lt 1024 && echo "less than a megabyte"
    end
    until_true has_ended $tracer
    wait $tracer
    grep '^@: ' out
    ;;
esac
