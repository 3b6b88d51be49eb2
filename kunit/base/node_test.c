// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: the nearest node with memory, on an invented machine of four nodes; and
 * this machine's table.
 */
#include <linux/bits.h>
#include <linux/nodemask.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "base/node.h"
#include "suites.h"

#define NODES	4

/* Two sockets of two nodes each. */
static const u8 distances[NODES][NODES] = {
	{ 10, 12, 21, 23 },
	{ 12, 10, 22, 21 },
	{ 21, 22, 10, 12 },
	{ 23, 21, 12, 10 },
};

static unsigned int with_memory;	/* a bit for each node */

static bool node_has_memory(int nid)
{
	return with_memory & BIT(nid);
}

static int node_distance_of(int from, int to)
{
	return distances[from][to];
}

static void nodes_expect(struct kunit *test, unsigned int memory, const int *expected)
{
	int nid;

	with_memory = memory;
	for (nid = 0; nid < NODES; nid++)
		KUNIT_EXPECT_EQ_MSG(test, gom_node_with_memory(nid, NODES, node_has_memory, node_distance_of),
				    expected[nid], "node %d, memory on %#x", nid, memory);
}

static void nearest_node_with_memory_is_found(struct kunit *test)
{
	nodes_expect(test, 0xf, (const int []){ 0, 1, 2, 3 });
	nodes_expect(test, 0x1, (const int []){ 0, 0, 0, 0 });
	nodes_expect(test, 0x8, (const int []){ 3, 3, 3, 3 });
	nodes_expect(test, 0x9, (const int []){ 0, 0, 3, 3 });
	nodes_expect(test, 0xa, (const int []){ 1, 1, 3, 3 });
	nodes_expect(test, 0xc, (const int []){ 2, 3, 2, 3 });
	nodes_expect(test, 0xe, (const int []){ 1, 1, 2, 3 });
}

/* It cannot be, but if it were: requests fail by themselves. */
static void node_stays_without_any_memory(struct kunit *test)
{
	nodes_expect(test, 0, (const int []){ 0, 1, 2, 3 });
}

static void every_online_node_has_one_with_memory(struct kunit *test)
{
	int nid;

	for_each_online_node(nid) {
		KUNIT_EXPECT_TRUE(test, node_state(gom_mem_node_of(nid), N_MEMORY));
		if (node_state(nid, N_NORMAL_MEMORY))
			KUNIT_EXPECT_EQ(test, gom_mem_node_of(nid), nid);
	}
	KUNIT_EXPECT_TRUE(test, node_state(gom_mem_node(), N_MEMORY));
}

/* Where memory may come from another node at all, __GFP_THISNODE is dropped. */
static void node_with_memory_keeps_thisnode(struct kunit *test)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_THISNODE;

	KUNIT_EXPECT_EQ(test, (unsigned int)gom_local_gfp(GFP_KERNEL), (unsigned int)GFP_KERNEL);
	if (node_state(numa_mem_id(), N_NORMAL_MEMORY))
		KUNIT_EXPECT_EQ(test, (unsigned int)gom_local_gfp(gfp), (unsigned int)gfp);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(nearest_node_with_memory_is_found),
	KUNIT_CASE(node_stays_without_any_memory),
	KUNIT_CASE(every_online_node_has_one_with_memory),
	KUNIT_CASE(node_with_memory_keeps_thisnode),
	{}
};

struct kunit_suite gomalloc_node_suite = {
	.name = "gomalloc_node",
	.test_cases = cases,
};
