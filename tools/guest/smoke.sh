# SPDX-License-Identifier: GPL-2.0
# A short SMP smoke test: all CPUs hammer the allocator for some seconds with
# checked contents (workload "smoke" of the benchmark module, whose insmod fails
# on corruption) while every debugfs file is read again and again.  RATE, the
# memprofilerate of that load or nothing for the default, is set before by smoke.py.

. /verdict.sh
files=$gomalloc

# A parameter out of range fails the load with a line that names it.
for parameter in mcache_kb=70000 persistent_chunk_kb=1 memprofilerate=2000000000; do
	if insmod gomalloc.ko $parameter 2> /dev/null; then
		echo "gomalloc.ko was loaded with $parameter"
		exit 1
	fi
	if ! dmesg | grep -q "gomalloc: $parameter is out of range"; then
		echo "nothing was said about $parameter"
		exit 1
	fi
done

if insmod gomalloc.ko sbrk=1 efence=1 2> /dev/null; then
	echo "gomalloc.ko was loaded with sbrk=1 and efence=1"
	exit 1
fi

insmod gomalloc.ko ${RATE:+memprofilerate=$RATE} || exit
insmod gomalloc_bench.ko workload=smoke seconds=5 &
hammer=$!

reads=0
checks=0
while kill -0 $hammer 2> /dev/null; do
	for file in $(find $files -type f -perm -400); do
		cat $file > /dev/null || exit
		reads=$((reads + 1))
	done
	# All structures hold against each other, also while everything is on its way.
	echo check > $files/control || exit
	checks=$((checks + 1))
done
wait $hammer || exit
echo check > $files/control || exit

# A rate of 4096 is a sample for every eighth object or so, the default for every 300th.
if [ "$RATE" ]; then
	samples=$(value profile_samples)
	objects=$(value mallocs)
	echo "$samples samples of $objects objects"
	[ "$samples" -gt $((objects / 50)) ] || fail "too few for memprofilerate=$RATE"
fi

# Tiny objects were among them; all are free, so once it is flushed no block is held.
echo flush > $files/control || exit
held=$(awk '$1 == "tiny" { print $6 }' $files/sizeclasses)
tiny=$(awk '$1 == "tiny_mallocs" { print $2 }' $files/memstats)
echo "$tiny tiny objects were combined, ${held:-no line of} blocks are held now"
[ "$held" = 0 ] && [ "$tiny" -gt 0 ] || exit 1

# What a CPU that goes offline has cached must go back: no object is left on it.
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

# The same load when nothing is ever freed: short, as memory is finite.
insmod gomalloc.ko sbrk=1 || exit
insmod gomalloc_bench.ko workload=pair size=8,64,1000 rounds=3 || exit
grep -q "^sbrk 1$" $files/memstats || exit
grep sbrk_ $files/memstats
rmmod gomalloc_bench || exit
unload
if ! dmesg | grep "gomalloc: sbrk: .* go back"; then
	echo "rmmod gomalloc did not say what sbrk mode gave back"
	exit 1
fi
echo "$(nproc) CPUs hammered for 5 s, $reads reads of debugfs files and $checks checks of all structures meanwhile"
[ $reads -gt 0 ]
