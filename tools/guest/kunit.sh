# SPDX-License-Identifier: GPL-2.0
# Runs the KUnit suites, which report to the kernel log while their module
# loads.  On kernels with kmemleak no memory may be leaked afterwards.  kunit.py
# sets FILTER, a glob of what to run, and expects the modes below.

. /verdict.sh

leaks=/sys/kernel/debug/kmemleak
if [ -e $leaks ]; then
	echo scan > $leaks
	echo clear > $leaks
fi

# misuses: those reported so far; of each call site only the first is in the log.
misuses() {
	awk '/^misuse_/ { sum += $2 } END { print sum + 0 }' $gomalloc/memstats
}

# unload_suites: nothing may be found damaged any more, now or while they go.
unload_suites() {
	before=$(misuses)
	rmmod gomalloc_kunit || return
	echo check > $gomalloc/control || fail "the consistency check found errors after the suites"
	echo validate > $gomalloc/control || fail "objects were damaged after the suites"
	after=$(misuses)
	[ $after = $before ] || fail "$((after - before)) misuses were counted after the suites"
}

# run_suites LEAVE [PARAMETER...]: load both modules, leak LEAVE objects,
# unload.
run_suites() {
	leave=$1
	shift
	insmod gomalloc.ko "$@" || return
	echo "gomalloc: KUnit starts $*" > /dev/kmsg
	insmod gomalloc_kunit.ko leave=$leave "filter=$FILTER" || return
	echo "gomalloc: KUnit ended" > /dev/kmsg
	[ "$leave" = 0 ] || expect_reports
	unload_suites || return
	rmmod gomalloc || return
	[ "$leave" = 0 ] || expect_no_reports
}

run_suites 0 sbrk=1 || exit
if [ "$FILTER" = "*" ] && ! dmesg | grep -q "gomalloc: sbrk: .* to be released"; then
	echo "rmmod gomalloc did not log the memory that sbrk mode released"
	exit 1
fi
run_suites 0 efence=1 || exit
run_suites 0 debug=FZPU || exit
run_suites 3 debug=- || exit

# The leaked objects must be reported, by class.
for line in "4 objects are still in use" "64 bytes: *3 objects, *192 bytes" "large: *1 objects" \
	"1 finalizers never ran"; do
	if ! dmesg | grep -q "gomalloc: .*$line"; then
		echo "rmmod gomalloc did not log: $line"
		exit 1
	fi
done

if [ -e $leaks ]; then
	sleep 6		# kmemleak ignores objects younger than five seconds
	echo scan > $leaks
	if [ -n "$(cat $leaks)" ]; then
		echo "kmemleak found:"
		cat $leaks
		exit 1
	fi
fi
