# SPDX-License-Identifier: GPL-2.0
# gomalloc's own verdict on a run, for guest scripts: `. /verdict.sh`.  What it
# says in the kernel log is judged by complaints.py; here is what its files say.

gomalloc=/sys/kernel/debug/gomalloc

fail() {
	echo "$*"
	exit 1
}

# sound: all structures hold against each other, and nobody was seen to misuse it.
sound() {
	echo check > $gomalloc/control || fail "the check found something"
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
