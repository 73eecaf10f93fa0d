#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# For budget.test: traces ./bursts_NAME, and tells it to come to its end when NAME.err says that it is counted again, or never will be.
#   [BURST=CALLS] budget.sh SONDE NAME OPTIONS...
sonde=$1 name=$2
shift 2
(
	for i in $(seq 100); do
		grep -Eq ' again|: stays' "$name.err" && break
		sleep 0.1
	done
	touch "$name.go"
) 2>/dev/null >&2 &
exec "$sonde" -q -c "./bursts_$name ${BURST:-400000} $name.go 1000" "$@" >"$name.out" 2>"$name.err"
