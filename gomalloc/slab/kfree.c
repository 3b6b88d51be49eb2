// SPDX-License-Identifier: GPL-2.0
/*
 * Frees of a module built with as_slab.h.  The page map tells of each address
 * whether gomalloc owns it; everything else is freed by the kernel's function.
 * That is memory which the kernel allocated for the module (kstrdup(),
 * memdup_user(), ...), and what kvmalloc() had from vmalloc().
 *
 * Context: as for the kernel's function of that name.
 */
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "api/free_rcu.h"
#include "api/internal.h"
#include "base/fault.h"
#include "base/mode.h"
#include "slab/slab.h"

/*
 * Free what is in no page of gomalloc's, or what the backend may have
 * allocated.  kfree() of a vmalloc() address is always an error: with efence=1
 * it is a double free of an object, and reported.
 */
static noinline void foreign_free(const void *p, unsigned long caller)
{
	if (ZERO_OR_NULL_PTR(p))
		return;
	if (unlikely(gom_backend) && (is_vmalloc_addr(p) || gom_owns(p)))
		gom_free_slow(p, caller);
	else
		kfree(p);
}

/*
 * Most pointers that modules free are NULL, so that is tested first.  The page
 * map has 0 for pages of others.
 */
void gom_slab_kfree(const void *p)
{
	struct gom_mcache *c;
	u32 entry;

	if (!p)
		return;
	if (unlikely(!gom_pagemap_find(p, &entry) || !entry))
		return foreign_free(p, _RET_IP_);
	switch (gom_object_push(p, entry, &c)) {
	case GOM_PUSHED:
		return;
	case GOM_NOT_PUSHED:
		return gom_free_leave(p, entry, c, _RET_IP_);
	case GOM_NOT_ENTERED:
		return gom_free_slow_entry(p, entry, _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_slab_kfree);

/*
 * Is @p for gomalloc?  For functions that take no memory of vmalloc(): with
 * efence=1 such an address is that of an object that was freed, which gomalloc
 * reports.
 */
bool gom_slab_owns(const void *p)
{
	return gom_owns(p) || (unlikely(gom_efence) && is_vmalloc_addr(p));
}

void gom_slab_kfree_sensitive(const void *p)
{
	if (gom_slab_owns(p))
		gom_free_sensitive(p);
	else
		kfree_sensitive(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kfree_sensitive);

/* The kernel's function tells strings in .rodata, which stay. */
void gom_slab_kfree_const(const void *p)
{
	if (gom_slab_owns(p))
		gom_free(p);
	else
		kfree_const(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kfree_const);

void gom_slab_kfree_link(void *p)
{
	gom_slab_kfree(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kfree_link);

void gom_slab_bitmap_free(const unsigned long *bitmap)
{
	gom_slab_kfree(bitmap);
}
EXPORT_SYMBOL_GPL(gom_slab_bitmap_free);

void gom_slab_kfree_strarray(char **array, size_t n)
{
	size_t i;

	if (!array)
		return;
	for (i = 0; i < n; i++)
		gom_slab_kfree(array[i]);
	gom_slab_kfree(array);
}
EXPORT_SYMBOL_GPL(gom_slab_kfree_strarray);

/* Frees @private, which the module may have allocated itself. */
int gom_slab_seq_release_private(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;

	if (gom_owns(seq->private)) {
		gom_free(seq->private);
		seq->private = NULL;
	}
	return seq_release_private(inode, file);
}
EXPORT_SYMBOL_GPL(gom_slab_seq_release_private);

/* kfree_bulk(): objects of both allocators may be mixed. */
void gom_slab_kfree_bulk(size_t nr, void **p)
{
	size_t i = 0;

	while (i < nr) {
		i += gom_push_bulk(nr - i, p + i);
		if (i < nr)
			gom_slab_kfree(p[i++]);
	}
}

/* === kvfree() === */

void gom_slab_kvfree(const void *p)
{
	if (gom_owns(p))
		gom_free(p);
	else
		kvfree(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kvfree);

void gom_slab_kvfree_sensitive(const void *p, size_t size)
{
	if (ZERO_OR_NULL_PTR(p))
		return;
	memzero_explicit((void *)p, size);
	gom_slab_kvfree(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kvfree_sensitive);

/*
 * With efence=1, objects are in vmalloc()'s address range, so a module that
 * asks is_vmalloc_addr() comes here with them.
 */
void gom_slab_vfree(const void *p)
{
	if (unlikely(gom_backend) && gom_owns(p))
		gom_free(p);
	else
		vfree(p);
}
EXPORT_SYMBOL_GPL(gom_slab_vfree);

/* === kfree_rcu() === */

/*
 * The object is the kernel's, or one of sbrk=1, which is known by its first
 * byte only, or is freed already, which gomalloc reports.
 */
static noinline void foreign_free_rcu(void *head, void *p)
{
	void *object = (unsigned long)p < PAGE_SIZE ? head - (unsigned long)p : p;

	if (!gom_owns(object))
		kvfree_call_rcu(head, p);
	else if (head)
		__gom_free_rcu(head);
	else
		gom_free_rcu_mightsleep(object);
}

/*
 * @head is that in the object, or NULL; then this may sleep.  @p is the object;
 * before 6.4, if there is a head, it is the head's offset instead.
 */
void gom_slab_kvfree_call_rcu(void *head, void *p)
{
	bool owned = head ? gom_free_rcu_owned(head) :
			    gom_free_rcu_owned_mightsleep(p, _RET_IP_);

	if (unlikely(!owned))
		foreign_free_rcu(head, p);
}
EXPORT_SYMBOL_GPL(gom_slab_kvfree_call_rcu);

#ifdef CONFIG_TINY_RCU
/* A small number in place of a function is the head's offset: kfree_rcu(). */
void gom_slab_call_rcu(struct rcu_head *head, rcu_callback_t fn)
{
	if ((unsigned long)fn < PAGE_SIZE)
		gom_slab_kvfree_call_rcu(head, (void *)fn);
	else
		call_rcu(head, fn);
}
EXPORT_SYMBOL_GPL(gom_slab_call_rcu);
#endif

#ifdef GOM_HAS_NOLOCK
void gom_slab_kfree_nolock(const void *p)
{
	if (gom_owns(p))
		gom_free_nolock(p);
	else
		kfree_nolock(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kfree_nolock);

void gom_slab_kvfree_atomic(const void *p)
{
	if (gom_owns(p))
		gom_free(p);
	else
		kvfree_atomic(p);
}
EXPORT_SYMBOL_GPL(gom_slab_kvfree_atomic);

/*
 * kfree_rcu_nolock() may interrupt anything, call_rcu() included, also as an
 * NMI.  So the object goes on a lock-free list, linked through its head, and an
 * irq_work frees it by gom_free_rcu().  The irq_work is a hard one: under
 * PREEMPT_RT others run in a thread of the CPU, which a real-time task can keep
 * from running.
 */
static LLIST_HEAD(nolock_heads);

static void nolock_heads_free(struct irq_work *work)
{
	struct llist_node *heads = llist_del_all(&nolock_heads), *node, *next;

	gom_test_point(GOM_AT_NOLOCK_HEADS, 0, 0);
	llist_for_each_safe(node, next, heads)
		__gom_free_rcu(node);
}

static struct irq_work nolock_work = IRQ_WORK_INIT_HARD(nolock_heads_free);

void gom_slab_kfree_call_rcu_nolock(void *head, void *p)
{
	if (!gom_owns(p)) {
		kfree_call_rcu_nolock(head, p);
		return;
	}
	/*
	 * Not only if the list was empty: whoever added the first may have been
	 * preempted here.  It costs little while the irq_work is pending.
	 */
	llist_add(head, &nolock_heads);
	gom_test_point(GOM_AT_NOLOCK_HEAD, 0, 0);
	irq_work_queue(&nolock_work);
}
EXPORT_SYMBOL_GPL(gom_slab_kfree_call_rcu_nolock);
#endif /* GOM_HAS_NOLOCK */

/*
 * On return, the frees so far of kfree_rcu_nolock() have become those of
 * gom_free_rcu().  Whoever added the first to the list may not have queued the
 * irq_work yet, so this takes the list itself.  Then it waits for an irq_work
 * that took it before; the mutex is for a flush that did.  Task context; may
 * sleep.
 */
void gom_slab_kfree_rcu_flush(void)
{
#ifdef GOM_HAS_NOLOCK
	static DEFINE_MUTEX(flush_lock);

	mutex_lock(&flush_lock);
	nolock_heads_free(&nolock_work);
	irq_work_sync(&nolock_work);
	/* It may run on two CPUs at once, and then waits for the first end only. */
	synchronize_rcu();
	mutex_unlock(&flush_lock);
#endif
}
GOM_EXPORT_FOR_TEST(gom_slab_kfree_rcu_flush);

#ifdef GOM_HAS_RCU_BARRIER
void gom_slab_kvfree_rcu_barrier(void)
{
	gom_free_rcu_barrier();
	kvfree_rcu_barrier();
}
EXPORT_SYMBOL_GPL(gom_slab_kvfree_rcu_barrier);
#endif
