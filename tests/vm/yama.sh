#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What an ordinary user may trace under Yama: yama.sh SONDE PROGS SCOPE..., prints what the test expects. 3 cannot be undone.
set -u
sonde=$1 progs=$2
shift 2
scope=/proc/sys/kernel/yama/ptrace_scope
[ -w "$scope" ] || { echo "no Yama"; exit 1; }
before=$(cat "$scope")
chmod 755 .
cp "$progs/hardships" "$progs/threads" .
nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
script="uprobe:$PWD/hardships:hit { @n = count(); }"

for s in "$@"; do
    echo "$s" >"$scope" || exit 1
    echo "scope $s"
    (for ((i = 0; i < 6000; i++)); do [ -e "end.$s" ] && break; sleep 0.01; done; printf ge) |
        setpriv --reuid 65534 --regid 65534 --clear-groups ./hardships >"said.$s" & pid=$!
    for ((i = 0; i < 2000; i++)); do grep -qs ready "said.$s" && break; sleep 0.01; done
    nobody "$sonde" -q --engine user -p $pid --duration 100ms -e "$script" 2>&1 | sed "s/\b$pid\b/PID/g"
    echo "-c: $(nobody "$sonde" -q --engine user -c './threads 1 100' -e "uprobe:$PWD/threads:work { @work = count(); }" 2>&1 | grep -a '^@work\|ERROR\|HINT' | sed 's/process [0-9]*/process PID/g' | paste -sd ' ')"
    touch "end.$s"
    wait $pid
    echo "$(paste -sd ' ' said.$s), status $?"
done
[ "$(cat "$scope")" = 3 ] || echo "$before" >"$scope"
