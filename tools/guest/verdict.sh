# SPDX-License-Identifier: GPL-2.0
# gomalloc's own verdict on a run, for guest scripts: `. /verdict.sh`.  What it
# says in the kernel log is judged by complaints.py; here is what its files say.
# A command that fails ends a script, and so the run, unless the script asks for
# its status.

set -e

gomalloc=/sys/kernel/debug/gomalloc

fail() {
	echo "$*"
	exit 1
}

# sound: all structures hold against each other, and nobody was seen to misuse it.
sound() {
	echo check > $gomalloc/control || fail "the check found something"
	grep -q "^misuse_" $gomalloc/memstats || fail "memstats has no counter of misuse"
	awk '/^misuse_/ && $2 { print "memstats: " $0; bad = 1 } END { exit bad }' \
		$gomalloc/memstats || fail "gomalloc was misused, or believes so"
}

# unload: rmmod gomalloc, which must be sound before.
unload() {
	sound
	rmmod gomalloc || fail "gomalloc cannot be unloaded"
}

# torture COMMAND [NUMBER]: what gomalloc_torture.ko does, see its main.c.
torture() {
	echo "$*" > /sys/module/gomalloc_torture/parameters/run ||
		fail "torture $*: $(dmesg | grep "gomalloc_torture: " | tail -n 3)"
}

# on CPU COMMAND...: a command, also one of these, on that CPU.
on() {
	mask=$(printf %x $((1 << $1)))
	shift
	taskset $mask sh -c ". /verdict.sh; $*"
}

# within SECONDS COMMAND...: it has to end in time.
within() {
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
	fail "$*: not done after $limit s"
}

# at_least MAJOR MINOR: is the kernel so new?
at_least() {
	version=$(uname -r)
	minor=${version#*.}
	minor=${minor%%[!0-9]*}
	[ ${version%%.*} -gt $1 ] || [ ${version%%.*} -eq $1 -a $minor -ge $2 ]
}

total_kb() {
	awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo
}

# plugged KB [HOW]: after "host: plug", wait until so much is there, and put it
# online; HOW is what else to write than "online".
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

# value NAME: of memstats.
value() {
	awk -v name="$1" '$1 == name { print $2 }' $gomalloc/memstats
}

# cached CPU: objects that it has.
cached() {
	awk -v cpu="$1" '$1 == cpu && $2 == "all" { print $9 }' $gomalloc/mcache
}

# held NODE: pages of its memory that the heap has.
held() {
	awk -v nid="$1" '/^node/ { node = $2 } /held/ && node == nid { print $2 }' $gomalloc/mheap
}

# Between the two, what gomalloc reports is what the script provoked.
expect_reports() {
	echo "gomalloc: reports are expected from here" > /dev/kmsg
}

expect_no_reports() {
	echo "gomalloc: reports are expected no more" > /dev/kmsg
}

# Between the two, the kernel may kill a task for want of memory.
expect_oom() {
	echo "gomalloc: OOM kills are expected from here" > /dev/kmsg
}

expect_no_oom() {
	echo "gomalloc: OOM kills are expected no more" > /dev/kmsg
}
