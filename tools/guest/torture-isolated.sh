# SPDX-License-Identifier: GPL-2.0
# CPU 1 is isolated, has cached objects, and runs a real-time process for ever.
# Nothing on CPU 0 may wait for it.

. /verdict.sh

limit=10

flush() {
	echo flush > $gomalloc/control
}

release() {
	echo release > $gomalloc/control
}

# unload_beside_spinner: as within $limit unload.  On 6.1 callbacks of the CPU may
# be left to a thread that never runs, about once in 17 runs; then the kernel's own
# rcu_barrier() waits for the spinner's end, and the unload with it.
unload_beside_spinner() {
	ended_within $limit unload && return
	stack=$(cat /proc/$(pidof rmmod)/stack)
	echo "$stack"
	at_least 6 12 && fail "unload: not done after $limit s"
	echo "$stack" | grep -q "] rcu_barrier+" || fail "unload: not done, and not in rcu_barrier()"
	echo "unload: the kernel's rcu_barrier() waits for CPU 1"
	kill -9 $spinner
	wait $command || fail "the unload failed"
}

[ "$(cat /sys/devices/system/cpu/isolated)" = 1 ] || fail "CPU 1 is not isolated"

# The spinner is never preempted: no real-time throttling and, since 6.12, no
# deadline servers, which let other tasks run.
echo -1 > /proc/sys/kernel/sched_rt_runtime_us
servers=$(ls -d /sys/kernel/debug/sched/*_server/cpu1 2> /dev/null) || servers=
[ "$servers" ] || ! at_least 6 12 || fail "debugfs has no deadline servers of the scheduler"
for server in $servers; do
	echo 0 > $server/runtime
done

insmod gomalloc.ko
insmod gomalloc_torture.ko
on 1 torture live 4096
on 1 torture free
on 1 torture cache-hold
torture timer 1		# free after grace periods, in interrupts of both CPUs
has=$(cached 1)
echo "CPU 1 has $has objects and begins to spin"
[ "$has" -gt 0 ] || fail "CPU 1 has no cached object"

taskset 2 sh -c 'while :; do :; done' &
spinner=$!
torture fifo $spinner
taskset 2 touch /tmp/ran &
other=$!
sleep 1
[ ! -e /tmp/ran ] || fail "CPU 1 runs other tasks beside the spinner"

[ "$(cached 1)" -gt 0 ] || fail "CPU 1 has no cached object any more"
within $limit torture cache-end
within $limit torture rcu-barrier
within $limit torture timer 0
within $limit torture rcu-barrier
within $limit flush
[ "$(cached 1)" = 0 ] || fail "CPU 1 still has $(cached 1) objects after a flush"
within $limit release
within $limit torture live 4096
within $limit torture free
within $limit torture cache 3
[ ! -e /tmp/ran ] || fail "CPU 1 ran other tasks beside the spinner"
torture defer 1
rmmod gomalloc_torture
unload_beside_spinner
[ ! -e /tmp/ran ] || ! kill -0 $spinner 2> /dev/null ||
	fail "CPU 1 ran other tasks beside the spinner during the unload"
kill -9 $spinner 2> /dev/null || :
wait $spinner || :
wait $other
