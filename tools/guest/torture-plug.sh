# SPDX-License-Identifier: GPL-2.0
# Memory is plugged in while gomalloc is loaded: above 4 GiB, so that the kernel
# takes its pages first.  The host plugs it in on request.

. /verdict.sh

insmod gomalloc.ko
insmod gomalloc_torture.ko
torture live 4096
echo "host: plug 512"
plugged 500000
torture free
torture plugged 65536
dmesg | grep "gomalloc_torture: plugged"
rmmod gomalloc_torture
unload
