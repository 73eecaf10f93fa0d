#!/bin/sh
# Every function of a program under two probes in one run: one stands where placement puts it, the other reads a register
# by name and therefore stands at the entry. placement_twice.sh SONDE BINARY COMMAND; says how many functions differ.
sonde=$1 binary=$(readlink -f "$2") command=$3
"$sonde" -q -c "$command" -e "config = { max_probes = 100000; max_map_keys = 20000; max_memory = 1000000000 }
	uprobe:$binary:* /pid == cpid/ { @placed[func] = count(); }
	uprobe:$binary:* /pid == cpid && reg(\"sp\") != 0/ { @entry[func] = count(); }" >twice.out || exit 1
sed -n 's/^@\(placed\|entry\)\[\(.*\)\]: \([0-9]*\)$/\2 \3/p' twice.out | sort | uniq -c |
	awk '{ if ($1 == 2) same++; else { differ++; print } } END { print same + 0 " functions are counted alike, " differ / 2 " are not" }'
