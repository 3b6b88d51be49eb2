# SPDX-License-Identifier: GPL-2.0
# WireGuard's self-tests, which run while it is loaded; many peers, which come
# and go; then two in two network namespaces, connected by veth, and datagrams
# both ways.

# side NUMBER COMMAND...: run a command in a namespace; a is 1, b is 2.
side() {
	number=$1
	shift
	nsenter --net=/proc/$(cat /tmp/ns$number)/ns/net "$@"
}

peer() {
	/opt/wg genkey > /tmp/key$1
	/opt/wg pubkey < /tmp/key$1 > /tmp/public$1
	side $1 /opt/ip link add wg0 type wireguard
	side $1 /opt/ip addr add 10.1.0.$1/24 dev wg0
	side $1 /opt/ip addr add 10.0.0.$1/24 dev veth$1
	side $1 /opt/ip link set lo up
	side $1 /opt/ip link set veth$1 up
}

join() {
	side $1 /opt/wg set wg0 listen-port 500$1 private-key /tmp/key$1 peer "$(cat /tmp/public$2)" \
		allowed-ips 10.1.0.$2/32 endpoint 10.0.0.$2:500$2
	side $1 /opt/ip link set wg0 up
}

# both_ways FROM TO: NUMBER datagrams, and back.
both_ways() {
	side $1 /opt/echo send 10.1.0.$2 7000 $NUMBER || fail "they did not all come back"
}

# peers: configure a sixteenth of NUMBER on another interface, with four ranges
# of addresses each, and remove it.
peers() {
	seq $((NUMBER / 16)) | awk '{
		print "[Peer]"
		printf "PublicKey = %042d0=\n", $1
		printf "AllowedIPs = "
		for (i = 0; i < 4; i++)
			printf "10.%d.%d.%d/32%s", 16 + i, $1 / 256, $1 % 256, i < 3 ? ", " : "\n"
	}' > /tmp/peers
	side 1 /opt/ip link add wg1 type wireguard
	side 1 /opt/wg addconf wg1 /tmp/peers || fail "peers cannot be configured"
	[ "$(side 1 /opt/wg show wg1 peers | wc -l)" = $((NUMBER / 16)) ] || fail "peers are missing"
	side 1 /opt/ip link del wg1
}

work() {
	umask 077
	dmesg | grep "wireguard: .*self-test"
	dmesg | grep "wireguard: .*FAIL" && fail "a self-test failed"
	[ "$(dmesg | grep -c "wireguard: .*self-tests: pass")" -ge 2 ] || fail "self-tests are missing"
	for number in 1 2; do
		unshare -n sleep 1000 &
		echo $! > /tmp/ns$number
	done
	sleep 1
	/opt/ip link add veth1 type veth peer name veth2
	for number in 1 2; do
		/opt/ip link set veth$number netns $(cat /tmp/ns$number)
		peer $number
	done
	join 1 2
	join 2 1
	side 1 ping -c 3 -A 10.1.0.2 > /dev/null || fail "no answer through the tunnel"
	for number in 1 2; do
		side $number /opt/echo serve 7000 &
		echo $! > /tmp/server$number
	done
	sleep 1
	counted peers
	counted both_ways 1 2
	counted both_ways 2 1
}

finish() {
	for number in 1 2; do
		kill $(cat /tmp/server$number)
		side $number /opt/ip link del wg0
		kill $(cat /tmp/ns$number)
	done
	sleep 2		# namespaces are removed by a work item
}
