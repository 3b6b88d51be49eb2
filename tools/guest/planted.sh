# SPDX-License-Identifier: GPL-2.0
# Bugs planted in overlayfs, and how gomalloc shows them.  planted.py sets
# GUEST, the function below that runs with a copy that has its bugs.  Lines
# between "FILE name BEGINS" and "FILE ENDS" are read by tools of the host.

. /verdict.sh

# file NAME: print a file of debugfs for the host.
file() {
	echo "FILE $1 BEGINS"
	cat $gomalloc/$2
	echo "FILE ENDS"
}

# layers: the folders of an overlay.
layers() {
	mkdir -p /tmp/lower /tmp/upper /tmp/work /tmp/at
}

# overlay LOWER UPPER WORK: mount it.
overlay() {
	mount -t overlay -o lowerdir=$1,upperdir=$2,workdir=$3 none /tmp/at
}

# names PATTERN FILE: a function must be in it.
names() {
	grep -q "$1" $2 || fail "$(cat $2)
There is no line with $1"
}

# without_times: the kernel log without the times of its lines.
without_times() {
	sed "s/^\[ *[0-9.]*\] *//"
}

# What leaked, and what grew.
holds() {
	insmod gomalloc.ko memprofilerate=1
	insmod overlay.ko
	layers
	echo overlay > $gomalloc/leaks_module

	# Files that were copied up once have an xattr, so ovl_copy_xattr() has a
	# list to read when they are copied up again.
	for i in $(seq 48); do
		echo $i > /tmp/lower/file$i
	done
	overlay /tmp/lower /tmp/upper /tmp/work
	chmod 600 /tmp/at/file*
	umount /tmp/at
	mkdir /tmp/upper2 /tmp/work2
	overlay /tmp/upper /tmp/upper2 /tmp/work2
	chmod 640 /tmp/at/file*
	umount /tmp/at

	echo "== what did I leak?  At any time: leaks_seconds=1 leaks_module=overlay"
	sleep 2
	echo 1 > $gomalloc/leaks_seconds
	cat $gomalloc/leaks > /tmp/leaks
	head -n 6 /tmp/leaks
	names "^48 objects, .*of module overlay" /tmp/leaks
	sed -n 4p /tmp/leaks > /tmp/frame
	names "^ *ovl_copy_xattr+.* .overlay.$" /tmp/frame
	echo 0 > $gomalloc/leaks_seconds

	# Directories that are in both layers are read into a cache.  Everything is
	# looked up before, so that only the cache grows.
	for i in $(seq 100); do
		mkdir -p /tmp/upper2/dir$i /tmp/upper/dir$i
		for name in one two three four; do
			echo > /tmp/upper/dir$i/$name-$i
		done
	done
	rm -rf /tmp/work2/*
	overlay /tmp/upper /tmp/upper2 /tmp/work2
	(cd /tmp/upper && find dir*) | (cd /tmp/at && xargs stat) > /dev/null
	echo "== who holds my memory, and what grew?"
	file earlier heap
	find /tmp/at/dir* > /dev/null
	file later heap
	echo "== how long do my objects live, would a cache pay?"
	file lifetimes lifetimes
	umount /tmp/at

	echo "== what did I leak?  When the module is unloaded"
	expect_reports
	rmmod overlay
	dmesg | grep -A 40 "overlay left" | grep "gomalloc: " | without_times > /tmp/left
	head -n 6 /tmp/left
	names "overlay left 48 objects, .*in 1 stacks when it was unloaded" /tmp/left
	names "gomalloc:   48 objects, .*class " /tmp/left
	sed -n 3p /tmp/left > /tmp/frame
	names "^gomalloc: *ovl_copy_xattr+.* .overlay.$" /tmp/frame
	rmmod gomalloc
	expect_no_reports
}

# faults FUNCTION COMMAND...: the kernel must report a page fault there.
faults() {
	function=$1
	shift
	echo "\$ $*"
	echo "planted: $*" > /dev/kmsg
	"$@" > /dev/null 2>&1 || true
	dmesg | sed "1,\\|planted: $*|d" | without_times |
		grep -E "unable to handle|RIP: 0010" > /tmp/oops || fail "nothing was reported"
	head -n 2 /tmp/oops
	names "BUG: unable to handle page fault" /tmp/oops
	sed -n "/RIP/{p;q}" /tmp/oops > /tmp/rip
	names "$function+.* .overlay.$" /tmp/rip
}

# Who overran, who used it after the free?
bounds() {
	insmod gomalloc.ko efence=1 efence_module=overlay
	insmod overlay.ko
	layers
	mkdir -p /tmp/lower/short /tmp/upper/short /tmp/lower/long /tmp/upper/long
	echo > /tmp/lower/short/abc
	echo > /tmp/lower/long/abcd
	overlay /tmp/lower /tmp/upper /tmp/work
	echo "== who overran?  efence=1 efence_module=overlay"
	echo "\$ ls /tmp/at/short; a name of 3 bytes"
	ls /tmp/at/short
	expect_oops
	faults ovl_cache_entry_new ls /tmp/at/long
	echo "== who used it after the free?"
	faults ovl_release cat /tmp/at/short/abc
	expect_no_oops
	[ "$(value efence_missed)" = 0 ] || fail "an object had no guard page"
}

# reports WHAT USER FUNCTION COMMAND...: gomalloc must report this of an object
# that was last allocated, or freed, there.
reports() {
	what=$1
	user=$2
	function=$3
	shift 3
	echo "\$ $*"
	echo "planted: $*" > /dev/kmsg
	"$@" > /dev/null 2>&1 || true
	dmesg | sed "1,\\|planted: $*|d" | without_times | sed "/^gomalloc: FIX /q" > /tmp/report
	grep -q "^gomalloc: FIX " /tmp/report || fail "nothing was reported"
	grep "^gomalloc: BUG " /tmp/report
	grep -A 3 "^gomalloc: $user in " /tmp/report || true
	grep -E "^gomalloc: (called from|FIX) " /tmp/report
	names "^gomalloc: BUG malloc-[0-9]*: $what$" /tmp/report
	names "^gomalloc: $user in $function+.* .overlay. age=" /tmp/report
}

# The same without a fault, and who allocated and freed it?  A name of 3 bytes
# overruns a size that is not a multiple of 8, which no guard page sees.
debug() {
	insmod gomalloc.ko debug=FZPU
	insmod overlay.ko
	layers
	mkdir -p /tmp/lower/short /tmp/upper/short
	echo > /tmp/lower/short/abc
	overlay /tmp/lower /tmp/upper /tmp/work
	expect_reports
	echo "== who overran, without a fault?  debug=FZPU"
	reports "Right Redzone overwritten" Allocated ovl_cache_entry_new ls /tmp/at/short
	echo "== who wrote after the free?"
	echo "\$ cat /tmp/at/short/abc"
	cat /tmp/at/short/abc > /dev/null
	reports "Poison overwritten" Freed ovl_release sh -c "echo validate > $gomalloc/control"
	expect_no_reports
}

# Does it survive ENOMEM?
enomem() {
	insmod gomalloc.ko
	insmod overlay.ko
	layers
	mkdir -p /tmp/lower/dir /tmp/upper/dir /tmp/lower/more
	echo > /tmp/lower/dir/one
	for i in $(seq 30); do
		echo > /tmp/lower/more/$i
	done
	echo 0 > /tmp/runs
	overlay /tmp/lower /tmp/upper /tmp/work
	# Each run copies another file up, and leaves nothing in the caches: a dentry
	# that was used survives once, and then its parent does.
	cat > /tmp/work.sh <<-end
		set -e
		forget() {
			for i in 1 2 3 4 5 6; do
				echo 2 > /proc/sys/vm/drop_caches
			done
		}
		trap forget EXIT
		echo \$((\$(cat /tmp/runs) + 1)) > /tmp/runs
		ls /tmp/at/dir
		cat /tmp/at/dir/one
		chmod 600 /tmp/at/more/\$(cat /tmp/runs)
		mkdir /tmp/at/new
		rmdir /tmp/at/new
	end
	echo "== does it survive ENOMEM?"
	echo "\$ gomfail overlay sh work.sh"
	expect_oops
	gomfail overlay sh /tmp/work.sh > /tmp/sites && fail "gomfail found nothing"
	expect_no_oops
	without_times < /tmp/sites
	names " COMPLAINED  *ovl_dir_open+" /tmp/sites
	[ $(grep -c " COMPLAINED " /tmp/sites) = 1 ] || fail "other sites complained"
	! grep " LEFT " /tmp/sites || fail "other sites leak"
	names " survived  *ovl_cache_entry_new+" /tmp/sites
}

$GUEST
