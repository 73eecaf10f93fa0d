#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# For budget.test: traces ./bursts_NAME, ends its burst when NAME.err says that it was restrained, and the calm behind it when
# that says that it counts again, or never will.
#   budget.sh SONDE NAME OPTIONS...
sonde=$1 name=$2
shift 2
await() {
	for i in $(seq 1200); do
		grep -Eq "$1" "$name.err" && break
		sleep 0.1
	done
	touch "$name.$2"
}
{
	await 'switched off|is taken' stop
	await ' again|: stays' go
} >/dev/null 2>&1 &
exec "$sonde" -q -c "./bursts_$name $name.stop $name.go 100" "$@" >"$name.out" 2>"$name.err"
