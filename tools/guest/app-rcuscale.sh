# SPDX-License-Identifier: GPL-2.0
# The kernel's own measurement of kfree_rcu().  rcuscale is loaded once for each
# multiple of the size of its object, 16 bytes.  The loop that waits for its end
# says little of the time; so the host takes that which it prints.

measure_rcu() {
	insmod rcuscale.ko kfree_rcu_test=1 kfree_nthreads=1 kfree_alloc_num=$NUMBER \
		kfree_loops=4 kfree_mult=$1 shutdown=0 shutdown_secs=0 || fail "rcuscale cannot be loaded"
	for second in $(seq 60); do
		dmesg | grep -q "Total time taken by all kfree'ers" && break
		sleep 1
	done
	dmesg | grep -q "Total time taken by all kfree'ers" || fail "rcuscale does not end"
	dmesg | sed -n "s/.*Total time taken by all kfree'ers: \([0-9]*\) ns.*footprint: \(-*[0-9]*\)MB.*/# spent \1 ns, kfree_mult=$1, footprint \2 MB/p"
	dmesg -c > /dev/null
	rmmod rcuscale
}

work() {
	rmmod rcuscale
	dmesg -c > /dev/null
	for multiple in 1 2 4 8 16 32 64; do
		counted measure_rcu $multiple
	done
	insmod rcuscale.ko $PARAMETERS
}
