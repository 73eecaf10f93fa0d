#!/usr/bin/env bash
# Traces a private redis-server (its own folder, a unix socket, no port) while redis-cli works on it:
# commands with their arguments, calls per function, a latency histogram, a user stack. Ends everything it started.
#
#   scripts/demo.sh [SONDE]
set -euo pipefail

cd "$(dirname "$0")/.."
sonde=$(readlink -f "${1:-build/src/cli/sonde}")
redis=$(command -v redis-server)
[ -x "$sonde" ] || { echo "demo: '$sonde' is not there, run make first" >&2; exit 1; }
if [ "$(id -u)" != 0 ]; then
    echo "demo: attaching probes needs root: sudo make demo" >&2
    exit 1
fi

dir=$(mktemp -d /tmp/sonde-demo.XXXXXX)
server= tracer=
finish() {
    [ -z "$tracer" ] || kill -INT "$tracer" 2>/dev/null || true
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM

cli() { redis-cli -s "$dir/socket" "$@"; }

"$redis" --port 0 --unixsocket "$dir/socket" --save '' --appendonly no --dir "$dir" >"$dir/redis.log" 2>&1 &
server=$!
for _ in $(seq 100); do
    [ "$(cli ping 2>/dev/null)" != PONG ] || break
    sleep 0.1
done
[ "$(cli ping)" = PONG ] || { cat "$dir/redis.log" >&2; exit 1; }

# show TITLE PROGRAM WORKLOAD...: trace while the workload runs, then SIGINT, then what was printed
show() {
    local title=$1 program=$2
    shift 2
    printf '\n\033[1m%s\033[0m\n' "$title"
    printf "  sonde -e '%s'\n\n" "$program"
    : >"$dir/out"
    __BPFTRACE_NOTIFY_PROBES_ATTACHED=1 "$sonde" -e "$program" >"$dir/out" 2>&1 &
    tracer=$!
    for _ in $(seq 200); do
        ! grep -q __BPFTRACE_NOTIFY_PROBES_ATTACHED "$dir/out" || break
        kill -0 "$tracer" 2>/dev/null || break
        sleep 0.05
    done
    "$@" >/dev/null
    kill -INT "$tracer" 2>/dev/null || true
    wait "$tracer" || { tracer=; cat "$dir/out"; echo "demo: sonde failed" >&2; exit 1; }
    tracer=
    grep -v __BPFTRACE_NOTIFY_PROBES_ATTACHED "$dir/out" | sed 's/^/  /'
}

few() {
    cli set octi fest
    cli get octi
    cli lpush list a b c
    cli incr counter
}
many() {
    redis-benchmark -s "$dir/socket" -n 2000 -c 5 -q -t set,get,lpush,incr
}

show "Commands with their arguments" \
    "uprobe:$redis:createStringObject { printf(\"%s \", str(arg0, arg1)); }
            uprobe:$redis:processCommand { printf(\"\\n\"); }" few

show "Calls per function, 340 functions probed at once" \
    "uprobe:$redis:*Command { @[func] = count(); }" many

show "How long a command takes, in nanoseconds" \
    "uprobe:$redis:call { @start[tid] = nsecs; }
            uretprobe:$redis:call /@start[tid]/ { @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }" many

show "Where a command comes from" \
    "uprobe:$redis:setCommand { printf(\"%s (pid %d):%s\\n\", comm, pid, ustack); }" cli set octi fest
