/* SPDX-License-Identifier: GPL-2.0 */
/* The node that memory is taken from; see node.c. */
#ifndef GOM_NODE_H
#define GOM_NODE_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/numa.h>
#include <linux/topology.h>

extern int gom_mem_nodes[MAX_NUMNODES];

/*
 * @nid if it has memory for the kernel, else the nearest node that has.  @nid
 * is a possible node.
 */
static inline int gom_mem_node_of(int nid)
{
	/* Pairs with WRITE_ONCE() in mem_nodes_update(). */
	return READ_ONCE(gom_mem_nodes[nid]);
}

/* The node that this CPU takes memory from.  The caller may be preempted. */
static inline int gom_mem_node(void)
{
	return gom_mem_node_of(numa_mem_id());
}

/* The same of an online CPU; others may have no node. */
static inline int gom_cpu_mem_node(int cpu)
{
	return gom_mem_node_of(cpu_to_mem(cpu));
}

/*
 * @gfp for pages of this CPU's node: those of a node without memory can only be
 * another one's, so __GFP_THISNODE is dropped.
 */
static inline gfp_t gom_local_gfp(gfp_t gfp)
{
	return gom_mem_node() == numa_mem_id() ? gfp : gfp & ~__GFP_THISNODE;
}

static inline int gom_node_distance(int from, int to)
{
	return node_distance(from, to);
}

/* Which of @best, which may be NUMA_NO_NODE, and @node is nearer to @nid? */
static inline int gom_nearer_node(int nid, int best, int node, int (*distance)(int from, int to))
{
	return best == NUMA_NO_NODE || distance(nid, node) < distance(nid, best) ? node : best;
}

int gom_node_with_memory(int nid, int nr, bool (*has_memory)(int nid),
			 int (*distance)(int from, int to));
int gom_node_init(void);
void gom_node_exit(void);

#endif /* GOM_NODE_H */
