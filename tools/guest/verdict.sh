# SPDX-License-Identifier: GPL-2.0
# Functions for guest scripts: `. /verdict.sh`.  They check gomalloc by its
# files in debugfs; complaints.py checks the kernel log.  A command that fails
# ends the script, and fails the run, unless the script tests its status.

set -e

gomalloc=/sys/kernel/debug/gomalloc

fail() {
	echo "$*"
	exit 1
}

# sound: the consistency check finds no error, and no misuse was counted.
sound() {
	echo check > $gomalloc/control || fail "the consistency check found errors"
	grep -q "^misuse_" $gomalloc/memstats || fail "memstats has no counter of misuse"
	awk '/^misuse_/ && $2 { print "memstats: " $0; bad = 1 } END { exit bad }' \
		$gomalloc/memstats || fail "gomalloc counted misuses"
}

# unload: rmmod gomalloc, after sound.
unload() {
	sound
	rmmod gomalloc || fail "gomalloc cannot be unloaded"
}

# torture COMMAND [NUMBER]: run a command of gomalloc_torture.ko, see its
# main.c.
torture() {
	echo "$*" > /sys/module/gomalloc_torture/parameters/run ||
		fail "torture $*: $(dmesg | grep "gomalloc_torture: " | tail -n 3)"
}

# on CPU COMMAND...: run a command, or one of these functions, on that CPU.
on() {
	mask=$(printf %x $((1 << $1)))
	shift
	taskset $mask sh -c ". /verdict.sh; $*"
}

# ended_within SECONDS COMMAND...: run the command; false if it has not ended in
# time.  It must not fail.
ended_within() {
	limit=$1
	shift
	"$@" &
	command=$!
	for second in $(seq $limit); do
		sleep 1
		kill -0 $command 2> /dev/null && continue
		wait $command || fail "$*: failed"
		echo "$*: done after at most $second s"
		return
	done
	return 1
}

# within SECONDS COMMAND...: the command must end in time.
within() {
	ended_within "$@" && return
	shift
	fail "$*: not done after $limit s"
}

# at_least MAJOR MINOR: whether the kernel is at least this version.
at_least() {
	version=$(uname -r)
	minor=${version#*.}
	minor=${minor%%[!0-9]*}
	[ ${version%%.*} -gt $1 ] || [ ${version%%.*} -eq $1 -a $minor -ge $2 ]
}

total_kb() {
	awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo
}

# plugged KB [STATE]: after "host: plug", wait for so much memory and put it
# online, by writing STATE ("online" if not given).
plugged() {
	before=$(total_kb)
	for second in $(seq 20); do
		for state in /sys/devices/system/memory/memory*/state; do
			[ "$(cat $state)" = online ] || echo ${2:-online} > $state
		done
		[ "$(total_kb)" -gt $((before + $1)) ] && break
		sleep 1
	done
	echo "$before kB of memory before, $(total_kb) kB now"
	[ "$(total_kb)" -gt $((before + $1)) ] || fail "no memory was plugged in"
}

# value NAME: print a statistic of memstats.
value() {
	awk -v name="$1" '$1 == name { print $2 }' $gomalloc/memstats
}

# cached CPU: print the number of objects in its cache.
cached() {
	awk -v cpu="$1" '$1 == cpu && $2 == "all" { print $9 }' $gomalloc/mcache
}

# held NODE: print the number of pages that its heap holds.
held() {
	awk -v nid="$1" '/^node/ { node = $2 } /held/ && node == nid { print $2 }' $gomalloc/mheap
}

# Between these two, the script provokes reports of gomalloc.
expect_reports() {
	echo "gomalloc: reports are expected from here" > /dev/kmsg
}

expect_no_reports() {
	echo "gomalloc: reports are expected no more" > /dev/kmsg
}

# Between these two, the script provokes OOM kills.
expect_oom() {
	echo "gomalloc: OOM kills are expected from here" > /dev/kmsg
}

expect_no_oom() {
	echo "gomalloc: OOM kills are expected no more" > /dev/kmsg
}

# Between these two, the script provokes reports of the kernel, such as an Oops.
expect_oops() {
	echo "gomalloc: the kernel's reports are expected from here" > /dev/kmsg
}

expect_no_oops() {
	echo "gomalloc: the kernel's reports are expected no more" > /dev/kmsg
}
