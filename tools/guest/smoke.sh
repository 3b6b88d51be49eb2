# SPDX-License-Identifier: GPL-2.0
# A short SMP smoke test: all CPUs use the allocator for some seconds and check
# the contents of objects, while every debugfs file is read repeatedly.  The
# load is the workload "smoke" of the benchmark module; insmod fails on
# corruption.  smoke.py sets RATE, the memprofilerate of that load, or nothing
# for the default.

. /verdict.sh
files=$gomalloc

# A parameter out of range fails insmod with a line that names it.
for parameter in mcache_kb=70000 persistent_chunk_kb=1 memprofilerate=2000000000; do
	if insmod gomalloc.ko $parameter 2> /dev/null; then
		echo "gomalloc.ko was loaded with $parameter"
		exit 1
	fi
	if ! dmesg | grep -q "gomalloc: $parameter is out of range"; then
		echo "insmod gomalloc.ko $parameter did not log that it is out of range"
		exit 1
	fi
done

for parameters in "sbrk=1 efence=1" "sbrk=1 debug=F" "efence=1 debug=F" debug=X; do
	if insmod gomalloc.ko $parameters 2> /dev/null; then
		echo "gomalloc.ko was loaded with $parameters"
		exit 1
	fi
done

insmod gomalloc.ko ${RATE:+memprofilerate=$RATE} || exit
insmod gomalloc_bench.ko workload=smoke seconds=5 &
load=$!

reads=0
checks=0
while kill -0 $load 2> /dev/null; do
	for file in $(find $files -type f -perm -400); do
		cat $file > /dev/null || exit
		reads=$((reads + 1))
	done
	# The consistency check finds no error under load.
	echo check > $files/control || exit
	checks=$((checks + 1))
done
wait $load || exit
echo check > $files/control || exit

# With memprofilerate=4096 about one object in 8 is sampled, by default one in
# 300.
if [ "$RATE" ]; then
	samples=$(value profile_samples)
	objects=$(value mallocs)
	echo "$samples samples of $objects objects"
	[ "$samples" -gt $((objects / 50)) ] || fail "with memprofilerate=$RATE there were too few samples"
fi

# All objects are free, so after a flush no tiny block is held.
echo flush > $files/control || exit
held=$(awk '$1 == "tiny" { print $6 }' $files/sizeclasses)
tiny=$(awk '$1 == "tiny_mallocs" { print $2 }' $files/memstats)
echo "$tiny tiny objects were combined, ${held:-no line of} blocks are held now"
[ "$held" = 0 ] && [ "$tiny" -gt 0 ] || exit 1

# A CPU that goes offline is flushed: it has no cached object left.
cpu=/sys/devices/system/cpu/cpu1
if [ -e $cpu/online ]; then
	echo 0 > $cpu/online || exit
	left=$(awk '$1 == 1 && $2 == "all" { print $9 }' $files/mcache)
	echo 1 > $cpu/online || exit
	echo "CPU 1 went offline and left ${left:-no line of} objects cached"
	[ "$left" = 0 ] || exit 1
fi

rmmod gomalloc_bench || exit
unload

# A load in sbrk mode: short, as nothing is freed.
insmod gomalloc.ko sbrk=1 || exit
insmod gomalloc_bench.ko workload=pair size=8,64,1000 rounds=3 || exit
grep -q "^sbrk 1$" $files/memstats || exit
grep sbrk_ $files/memstats
rmmod gomalloc_bench || exit
unload
if ! dmesg | grep "gomalloc: sbrk: .* to be released"; then
	echo "rmmod gomalloc did not log the memory that sbrk mode released"
	exit 1
fi

# A load with all objects debugged: nothing is reported, and red zones and
# poison are sound at any time.
insmod gomalloc.ko debug=FZPU || exit
insmod gomalloc_bench.ko workload=smoke seconds=3 &
load=$!
traced=0
while kill -0 $load 2> /dev/null; do
	echo validate > $files/control || exit
	lines=$(cat $files/alloc_traces $files/free_traces | grep -c "gomalloc_bench" || :)
	[ "$lines" -le "$traced" ] || traced=$lines
done
wait $load || exit
echo "alloc_traces and free_traces had up to $traced lines of the load"
[ "$traced" -gt 0 ] || exit 1
rmmod gomalloc_bench || exit
unload

# as_slab_debug=1 names who gives memory of gomalloc's to the kernel's kfree() and
# to others, which then do no harm.  kvfree_call_rcu() is called twice.
insmod gomalloc.ko as_slab_debug=1 || exit
insmod gomalloc_torture.ko || exit
expect_reports
torture transfer
expect_no_reports
reports=1
for name in kfree ksize krealloc krealloc_noprof krealloc_node_align_noprof kfree_nolock \
	    kmem_cache_free kvfree_call_rcu kfree_call_rcu_nolock; do
	grep -q " T $name$" /proc/kallsyms || continue
	dmesg | grep "gomalloc: $name() of the kernel for .*, which is gomalloc's.*called from .*transfer" ||
		fail "as_slab_debug=1 did not report $name()"
	reports=$((reports + 1))
done
[ "$(value misuse_transfer)" = $reports ] ||
	fail "misuse_transfer is $(value misuse_transfer), not $reports"
echo check > $files/control || exit
# The irq_work of the drop-in's kfree_rcu_nolock() is a hard one.
! grep -q " T kfree_call_rcu_nolock$" /proc/kallsyms || torture nolock-head
# A cache of the drop-in is no address, so the kernel cannot read it.
expect_oops
torture handle
expect_no_oops
dmesg | grep "general protection fault, .*non-canonical address 0x7ff0000000" ||
	fail "the kernel's access to a handle did not fault"
rmmod gomalloc_torture || exit
rmmod gomalloc || exit

echo "load on $(nproc) CPUs for 5 s, with $reads reads of debugfs files and $checks consistency checks"
[ $reads -gt 0 ]
