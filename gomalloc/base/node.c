// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: for each the nearest one with memory, itself if it has some.
 *
 * A CPU's memory is tried with __GFP_THISNODE first, which always fails on a
 * node without memory.  numa_mem_id() does not help on x86 and arm64: without
 * CONFIG_HAVE_MEMORYLESS_NODES it is the CPU's own node, with or without
 * memory.  So wherever the local node is taken, it is looked up in a table.
 *
 * A memory notifier updates the table when memory has come online or has gone
 * offline.  It is read without a lock, in any context, NMI included; a reader
 * may still see what was before.
 *
 * Locking: mem_nodes_lock, a mutex, serializes gom_node_init() and the
 * notifier, which is called with the memory hotplug lock held.  No lock is
 * taken inside, and no memory allocated.
 */
#include <linux/memory.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>

#include "base/compat.h"
#include "base/node.h"

int gom_mem_nodes[MAX_NUMNODES] __read_mostly;
GOM_EXPORT_FOR_TEST(gom_mem_nodes);

static DEFINE_MUTEX(mem_nodes_lock);	/* writers of gom_mem_nodes */

/**
 * gom_node_with_memory - find the nearest node with memory
 * @nid: the node
 * @nr: number of nodes
 * @has_memory: has a node memory?
 * @distance: the distance of two nodes
 *
 * Return: @nid if it has memory; else the first of the nearest that have; @nid
 * if none has.
 */
int gom_node_with_memory(int nid, int nr, bool (*has_memory)(int nid),
			 int (*distance)(int from, int to))
{
	int node, best = NUMA_NO_NODE;

	if (has_memory(nid))
		return nid;
	for (node = 0; node < nr; node++)
		if (has_memory(node))
			best = gom_nearer_node(nid, best, node, distance);
	return best == NUMA_NO_NODE ? nid : best;
}
GOM_EXPORT_FOR_TEST(gom_node_with_memory);

/*
 * Has @nid memory that the kernel itself may use?  A node whose memory is all
 * in ZONE_MOVABLE has none.  The zones tell, not N_NORMAL_MEMORY: not all
 * kernels since 6.1 update it when memory is plugged in.
 */
static bool node_has_memory(int nid)
{
	int zone;

	if (!node_state(nid, N_MEMORY))
		return false;
	for (zone = 0; zone <= ZONE_NORMAL; zone++)
		if (managed_zone(&NODE_DATA(nid)->node_zones[zone]))
			return true;
	return false;
}

static void mem_nodes_update(void)
{
	int nid, node;

	mutex_lock(&mem_nodes_lock);
	for_each_node(nid) {
		node = gom_node_with_memory(nid, nr_node_ids, node_has_memory, gom_node_distance);
		/* Pairs with READ_ONCE() in gom_mem_node_of(). */
		WRITE_ONCE(gom_mem_nodes[nid], node);
	}
	mutex_unlock(&mem_nodes_lock);
}

/*
 * The states and zones of the nodes are up to date when the two actions are
 * notified.
 */
static int node_memory_notify(struct notifier_block *nb, unsigned long action, void *unused)
{
	if (action == MEM_ONLINE || action == MEM_OFFLINE)
		mem_nodes_update();
	return NOTIFY_OK;
}

static struct notifier_block memory_notifier = { .notifier_call = node_memory_notify };

int gom_node_init(void)
{
	int err = register_memory_notifier(&memory_notifier);

	/* After that, so that no change is missed. */
	if (!err)
		mem_nodes_update();
	return err;
}

void gom_node_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
}
