# SPDX-License-Identifier: GPL-2.0
# Runs the benchmark and prints its results.  bench.py sets GOMALLOC (parameters
# of gomalloc), PARAMETERS (of the benchmark) and SBRK_PARAMETERS.

# run GOMALLOC_PARAMETERS BENCH_PARAMETERS: load both modules, print, unload.
run() {
	insmod gomalloc.ko $1 && insmod gomalloc_bench.ko $2 || exit
	cat /sys/kernel/debug/gomalloc_bench/results || exit
	rmmod gomalloc_bench && rmmod gomalloc || exit
}

sleep 2		# let tasks of the boot finish
run "$GOMALLOC" "$PARAMETERS" > /tmp/results
echo "# cmdline $(cat /proc/cmdline); gomalloc.ko ${GOMALLOC:-without parameters}"
cat /tmp/results

# Rows of memory need gomalloc freshly loaded: it keeps the metadata of earlier
# rows.
grep '^# alone ' /tmp/results > /tmp/alone
while read -r _ _ parameters; do
	run "$GOMALLOC" "alone=1 $parameters"
done < /tmp/alone

# The same loops in sbrk mode: few, as nothing is freed.
[ "$SBRK_PARAMETERS" ] || exit 0
echo "# sbrk"
run sbrk=1 "$SBRK_PARAMETERS"
