# SPDX-License-Identifier: GPL-2.0
# Run the benchmark and print its results.  GOMALLOC (gomalloc's parameters),
# PARAMETERS and SBRK_PARAMETERS are set before by bench.py.

# One load of both modules: gomalloc's parameters, the benchmark's.
run() {
	insmod gomalloc.ko $1 && insmod gomalloc_bench.ko $2 || exit
	cat /sys/kernel/debug/gomalloc_bench/results || exit
	rmmod gomalloc_bench && rmmod gomalloc || exit
}

sleep 2		# right after boot other tasks share the CPUs: let them finish
run "$GOMALLOC" "$PARAMETERS" > /tmp/results
echo "# cmdline $(cat /proc/cmdline); gomalloc.ko ${GOMALLOC:-as it is loaded by default}"
cat /tmp/results

# Memory is measured from a module that was just loaded, row by row: metadata
# that one row made gomalloc take is there for the next.
grep '^# alone ' /tmp/results > /tmp/alone
while read -r _ _ parameters; do
	run "$GOMALLOC" "alone=1 $parameters"
done < /tmp/alone

# The same loops where nothing is ever freed: few, as memory is finite.
[ "$SBRK_PARAMETERS" ] || exit 0
echo "# sbrk"
run sbrk=1 "$SBRK_PARAMETERS"
