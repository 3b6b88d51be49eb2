// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: of a machine that is made up, which node gives memory in the place of one that
 * has none; and this machine's own table.
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

static bool has_memory(int nid)
{
	return with_memory & BIT(nid);
}

static int distance(int from, int to)
{
	return distances[from][to];
}

static void expect_nodes(struct kunit *test, unsigned int memory, const int *expected)
{
	int nid;

	with_memory = memory;
	for (nid = 0; nid < NODES; nid++)
		KUNIT_EXPECT_EQ_MSG(test, gom_node_with_memory(nid, NODES, has_memory, distance),
				    expected[nid], "node %d, memory on %#x", nid, memory);
}

static void the_nearest_with_memory_is_taken(struct kunit *test)
{
	expect_nodes(test, 0xf, (const int []){ 0, 1, 2, 3 });
	expect_nodes(test, 0x1, (const int []){ 0, 0, 0, 0 });
	expect_nodes(test, 0x8, (const int []){ 3, 3, 3, 3 });
	expect_nodes(test, 0x9, (const int []){ 0, 0, 3, 3 });
	expect_nodes(test, 0xa, (const int []){ 1, 1, 3, 3 });
	expect_nodes(test, 0xc, (const int []){ 2, 3, 2, 3 });
	expect_nodes(test, 0xe, (const int []){ 1, 1, 2, 3 });
}

/* It cannot be, but if it were: requests fail by themselves. */
static void without_any_memory_each_node_stays(struct kunit *test)
{
	expect_nodes(test, 0, (const int []){ 0, 1, 2, 3 });
}

static void this_machine_has_a_node_for_each(struct kunit *test)
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
static void a_node_with_memory_is_insisted_on(struct kunit *test)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_THISNODE;

	KUNIT_EXPECT_EQ(test, (unsigned int)gom_local_gfp(GFP_KERNEL), (unsigned int)GFP_KERNEL);
	if (node_state(numa_mem_id(), N_NORMAL_MEMORY))
		KUNIT_EXPECT_EQ(test, (unsigned int)gom_local_gfp(gfp), (unsigned int)gfp);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(the_nearest_with_memory_is_taken),
	KUNIT_CASE(without_any_memory_each_node_stays),
	KUNIT_CASE(this_machine_has_a_node_for_each),
	KUNIT_CASE(a_node_with_memory_is_insisted_on),
	{}
};

struct kunit_suite gomalloc_node_suite = {
	.name = "gomalloc_node",
	.test_cases = cases,
};
