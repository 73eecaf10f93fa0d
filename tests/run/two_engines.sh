#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A script of which one half runs in the process and the other in the kernel must print what it prints when all of it runs in the kernel.
#
#   two_engines.sh SONDE PROGRAM ROUNDS SCRIPT [OPTION...]
#
# Prints that; "the engines differ: ..." when they do not, "one engine" when the script was not divided.
sonde=$1 program=$2 rounds=$3 script=$4
shift 4
for engine in auto kernel; do
	"$sonde" -v --engine $engine -o $engine.out "$@" -c "$program $rounds" -e "$script" >$engine.prog 2>$engine.err
	echo $? >$engine.status
done
grep -q 'engine: user for' auto.err && grep -q 'engine: kernel for' auto.err || { echo "one engine"; cat auto.err; exit 1; }
if ! cmp -s auto.out kernel.out || ! cmp -s auto.status kernel.status; then
	echo "the engines differ:"
	diff auto.out kernel.out
	diff auto.status kernel.status
	grep -E '(WARNING|ERROR)' auto.err kernel.err
	exit 1
fi
grep -E '(WARNING|ERROR)' auto.err
cat auto.out
exit "$(cat auto.status)"
