#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes that are hard to trace from inside, one case a call: user_hard.sh CASE SONDE [PROGRAM]. Prints what the test expects.
set -u

sonde=$2 program=${3:-}
here=$(dirname "$0")

until_true() { # a condition; nothing waits that long on any machine that works
    local end=$((SECONDS + 120))
    while ((SECONDS < end)); do
        "$@" && return 0
        sleep 0.01
    done
    echo "not in time: $*"
    return 1
}

field() { # PID NAME: of its status
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" 2>/dev/null
}

is_traced() { [ "$(field "$1" TracerPid)" != 0 ]; }
has_state() { [ "$(field "$1" State | cut -c1)" = "$2" ]; }
is_untraced() { [ "$(field "$1" TracerPid)" = 0 ]; }
has_line() { grep -q "$2" "$1" 2>/dev/null; }

own_bytes() { python3 "$here/own_bytes.py" "$1" "${2:-$PWD}" && echo "own bytes"; }

# a C library of our own: what others do to the system's is in all processes
libc=$PWD/libc.so.6
own_libc() {
    cp -L "$(ldd /bin/bash | sed -n 's/.*libc.so.6 => \([^ ]*\).*/\1/p')" "$libc"
    export LD_LIBRARY_PATH=$PWD
}

# a debugger has it: that is said, and neither notices
strace_first() {
    "$program" >said & local pid=$!
    until_true has_line said ready
    strace -p "$pid" -o log 2>err & local strace=$!
    until_true is_traced "$pid"
    "$sonde" -q --engine user -p "$pid" -e "uprobe:$program:by_float { @ = count(); }" 2>&1 | sed "s/$pid/PID/g; s/$strace/TRACER/"
    kill "$strace"; wait "$strace" 2>/dev/null
    own_bytes "$pid"
    kill "$pid"
    wait "$pid" && sed 's/^[0-9]* rounds/rounds/' said
}

# its own process ids, mounts, network, and an empty root
another_world() {
    mkdir root
    cp checks-static root/checks
    unshare --pid --fork --mount --net chroot root /checks >said & local outer=$!
    until_true has_line said ready
    local pid
    pid=$(tr -d ' ' <"/proc/$outer/task/$outer/children")
    "$sonde" -q --engine user -p "$pid" -e 'uprobe:/checks:by_float { @ = count(); } interval:ms:50 { if (@ > 0) { exit(); } }' | sed 's/[1-9][0-9]*/N/'
    own_bytes "$pid" /
    kill "$pid"
    wait "$outer" && sed 's/^[0-9]* rounds/rounds/' said
}

# a stopped program is probed and stays stopped
stopped() {
    "$program" >said & local pid=$!
    until_true has_line said ready
    kill -STOP "$pid"
    until_true has_state "$pid" T
    "$sonde" -q --engine user -p "$pid" --duration 50ms -e "uprobe:$program:by_float { @ = count(); } end { printf(\"end\\n\"); }"
    until_true has_state "$pid" T && echo stopped
    own_bytes "$pid"
    kill -CONT "$pid"
    kill "$pid"
    wait "$pid" && sed 's/^[0-9]* rounds/rounds/' said
}

# probes come and go in a program whose threads run other programs all the time (vfork and exec), and fork
spawning() {
    own_libc
    python3 "$here/user_spawns.py" stop >said & local pid=$!
    until_true has_line said ready
    local i
    for i in 1 2 3; do
        # until something is counted, however long a busy machine lets the program wait for its turn
        timeout 120 "$sonde" -q --engine user -p "$pid" -e "uprobe:$libc:malloc { @ = count(); } interval:ms:30 { if (@ > 0) { exit(); } }" >count ||
            echo "sonde failed"
        has_line count '@: [1-9]' || echo "nothing was counted"
    done
    own_bytes "$pid"
    touch stop
    wait "$pid" && tail -n 1 said | sed 's/[0-9][0-9]*/N/'
}

# nothing of ours stays mapped where nobody can be in it
sleeps() { [ "$(cat "/proc/$1/comm")" = sleep ] && has_state "$1" S; }
nothing_stays() {
    own_libc
    sleep 60 & local pid=$!
    until_true sleeps "$pid"
    cat "/proc/$pid/maps" >before
    "$sonde" -q --engine user -p "$pid" --duration 20ms -e "uprobe:$libc:malloc { @ = count(); } begin { printf(\"begun\\n\"); }"
    diff before "/proc/$pid/maps" && echo same
    own_bytes "$pid"
    kill "$pid"
}

word_at() { # PID SYMBOL: 16 bits of a position-independent program
    python3 -c 'import os, sys
pid, address = sys.argv[1], int(sys.argv[2], 16)
base = min(int(line.split("-")[0], 16) for line in open(f"/proc/{pid}/maps") if line.rstrip().endswith(sys.argv[3]))
print(int.from_bytes(os.pread(os.open(f"/proc/{pid}/mem", os.O_RDONLY), 2, base + address), "little"))' "$1" "$(sed -n "s/^\([0-9a-f]*\) . $2\$/\1/p" symbols)" "$program"
}
is_raised() { [ "$(word_at "$1" probes_guarded_semaphore)" = 1 ]; }

# the word by which a program knows that its USDT probe is in use, when all that could lower it is killed
semaphores() {
    "$program" 1000000000 >/dev/null & local pid=$!
    "$sonde" -q --engine user -p "$pid" -e "usdt:$program:probes:guarded { @ = count(); }" >out 2>err & local tracer=$!
    until_true is_raised "$pid"
    kill -STOP "$tracer"
    local child
    for child in $(cat "/proc/$tracer/task/$tracer/children"); do
        [ "$(cat "/proc/$child/comm")" != sonde-guardian ] || kill -KILL "$child"
    done
    kill -KILL "$tracer"
    wait "$tracer" 2>/dev/null
    until_true is_untraced "$pid"
    echo "left: $(word_at "$pid" probes_guarded_semaphore)"
    "$sonde" clean "$pid" | sed "s/$pid/PID/"
    echo "then: $(word_at "$pid" probes_guarded_semaphore)"
    own_bytes "$pid"
    "$sonde" clean "$pid" | sed "s/$pid/PID/"
    echo "again: $(word_at "$pid" probes_guarded_semaphore)"
    kill "$pid"
}

# a probed process becomes another program
exec_meanwhile() {
    mkfifo go
    own_libc
    bash -c 'read -r x <go; exec '"$program 2 300" >said & local pid=$!
    exec 3<>go # the shell waits, not its open
    "$sonde" -q --engine user -p "$pid" -e "uprobe:$libc:malloc { @ = count(); } uprobe:$libc:read { @r = count(); }" >out 2>err & local tracer=$!
    until_true is_patched "$pid"
    echo now >&3
    wait "$pid"
    echo "status $?"
    wait "$tracer"
    echo "sonde $?"
    cat said
}
is_patched() { python3 "$here/own_bytes.py" "$1" "$PWD" >/dev/null; [ $? = 1 ]; }

# a traced process that writes anything into what it shares with the tracer
hostile() {
    timeout 200 "$sonde" -q --engine user -c "$program 500 out" -e "uprobe:$program:hit { @n[arg0] = count(); @s = hist(arg0); @p = avg(arg0); @k[str(arg0), comm] = max(arg0); printf(\"hit %d %s\n\", arg0, comm); }
interval:ms:5 { @i[nsecs % 50] = stats(nsecs); for (\$x : @n) { @f = count(); } print(@n, 3); print(@s); print(@k, 2); } end { printf(\"the end\n\"); }" >out 2>err
    local status=$?
    # it may have written over its exit code
    [ $status -lt 124 ] && ! grep -aq "Sanitizer\|runtime error" err && echo "sonde ended"
    echo "hits $(grep -ac "^hit [0-9]* scribbles$" out)"
    grep -a "^shorter\|writes$\|the end" out
}

"$1"
