# SPDX-License-Identifier: GPL-2.0
# Runs modules nobody here wrote, over SLUB or over gomalloc: apps.py puts this
# after variables and app-NAME.sh, which defines
#
#   prepare	what comes before the modules (optional)
#   work	the workload, with its modules loaded
#   finish	umount and the like (optional); then the modules are unloaded
#
# Variables: SIDE (slub or goml), STOCK and AFTER (modules of the kernel's
# package, before and after the others), OWN (the modules under test, in the
# order of loading), PARAMETERS (of the last one), STAYS (1: it has no exit
# function, so that nothing can be unloaded), NUMBER (the workload's size),
# GOMALLOC (parameters of gomalloc), MEASURE (instructions or cycles, if these are
# measured).

. /verdict.sh

# counted COMMAND...: run a command, or a function, and count its instructions or
# cycles.
counted() {
	case $MEASURE in
	instructions)
		/opt/mark start
		"$@"
		/opt/mark stop
		held
		;;
	cycles)
		/opt/mark clock
		"$@"
		/opt/mark clock
		held
		;;
	*)
		"$@"
		;;
	esac
}

# where: print where SLUB's functions are, by their names in /opt/slub, and the
# modules.
where() {
	awk 'FNR == NR { wanted[$1] = 1; next }
		$2 !~ /[tT]/ || $4 != "" { next }
		name != "" && $1 != first { print "# slub " name " " first " " $1; name = "" }
		{ split($3, parts, "."); if (parts[1] in wanted) { name = $3; first = $1 } }' \
		/opt/slub /proc/kallsyms | sed 's/[.][a-z0-9.]* / /'
	awk '{ print "# module " $1 " " $6 " " $2 }' /proc/modules
}

# held: print what the kernel's slabs hold now, in kB, what gomalloc holds with
# its metadata, in bytes, and the number of objects allocated from it.
held() {
	slab=$(awk '$1 == "Slab:" { print $2 }' /proc/meminfo)
	if [ -e $gomalloc/memstats ]; then
		echo "# held $slab $(value sys) $(value mallocs)"
	else
		echo "# held $slab 0 0"
	fi
}

load() {
	for module in $STOCK; do
		insmod $module.ko || fail "$module of the kernel's package cannot be loaded"
	done
	[ $SIDE = slub ] || insmod gomalloc.ko $GOMALLOC || fail "gomalloc cannot be loaded"
	last=${OWN##* }
	for module in $OWN; do
		[ $module = $last ] && given=$PARAMETERS || given=
		insmod $module.ko $given || fail "$module cannot be loaded"
	done
	for module in $AFTER; do
		insmod $module.ko || fail "$module of the kernel's package cannot be loaded"
	done
}

unload_own() {
	back=
	for module in $OWN $AFTER; do
		back="$module $back"
	done
	for module in $back; do
		rmmod $module || fail "$module cannot be unloaded"
	done
}

# nothing_left: every object was freed to the allocator that it came from.
# Frees after a grace period may take seconds.
nothing_left() {
	for second in $(seq 10); do
		[ "$(value heap_objects)" = 0 ] && break
		sleep 1
	done
	echo "gomalloc: $(value mallocs) objects allocated, $(value frees) freed"
	[ "$(value heap_objects)" = 0 ] || fail "$(value heap_objects) objects were left"
	[ "$(value mallocs)" -gt 0 ] || fail "nothing was allocated from gomalloc"
}

if type prepare > /dev/null 2>&1; then
	prepare
fi
[ -z "$MEASURE" ] || held
load
if [ "$MEASURE" ]; then
	sleep 2		# let tasks of the boot finish
	held
fi
if [ "$MEASURE" = instructions ]; then
	/opt/peak 10 > /tmp/peak &
	peak=$!
	work
	kill $peak
	wait $peak
	cat /tmp/peak
	where
else
	work
fi
if type finish > /dev/null 2>&1; then
	finish
fi
[ "$STAYS" ] || unload_own
if [ $SIDE = goml ]; then
	nothing_left
	if [ "$STAYS" ]; then
		sound
	else
		unload
	fi
fi
