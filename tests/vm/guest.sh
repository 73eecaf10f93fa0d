#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The first process of the virtual machine: mounts, runs /vm/commands, and ends the machine.
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin HOME=/root LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -sf /proc/self/fd /dev/fd
ip link set lo up
ulimit -n 65536
stty -F /dev/console -opost 2>/dev/null
echo "vm: kernel $(uname -r), up after $(cut -d' ' -f1 /proc/uptime) s"
cd /
bash /vm/commands </dev/null
echo "vm: end, after $(cut -d' ' -f1 /proc/uptime) s"
# at once: there is nothing to be kept, and "reboot=t" with QEMU's -no-reboot ends the machine
sleep 0.3 # the serial line is slower than this
echo b >/proc/sysrq-trigger
sleep 100
