// SPDX-License-Identifier: GPL-2.0
/*
 * gom_free_rcu(): freeing after a grace period, in batches (as kvfree_rcu()
 * does).
 *
 * Each CPU collects objects in a batch, an array of pointers.  A full batch has
 * an rcu_head of its own; after its grace period the callback frees its objects
 * in bulk.  If no batch is available, an object goes on a list of the CPU,
 * linked through the one pointer that every kind of head has.  This needs no
 * memory.
 *
 * Each CPU also has a monitor, an RCU callback followed by a work item, for the
 * objects on the list and for a batch that does not fill up.  After a grace
 * period the work item
 *
 *   - detaches the current batch,
 *   - starts the next monitor if objects are on the list,
 *   - frees the list that this monitor waited for, and
 *   - refills the freelist of batches if it was empty.
 *
 * A list may be long, so it is freed by the work item, which reschedules, and
 * not in the RCU callback.  So is a batch of large objects with init_on_free=1:
 * it may be hundreds of MiB to clear.
 *
 * Who may be in here
 * ------------------
 * gom_free_rcu() may be called wherever call_rcu() may: with raw locks held
 * (the run queue's or a task's pi_lock included), with interrupts off, in a
 * hardirq.  So it calls only call_rcu() and code that neither waits nor wakes:
 * it starts no timer, queues no work and allocates no page.  It runs with
 * preemption off.
 *
 *   @busy	set while code of this CPU fills @cur.  An interrupt that finds
 *		it set puts its object on @list, which is lock-free.  Not read
 *		by other CPUs.
 *   @cur	filled by its own CPU with preemption off, which is an RCU
 *		read-side section.  Any CPU may detach it with xchg().  One
 *		grace period later nobody fills it any more; then its objects
 *		wait for a second grace period.
 *   @monitor	whoever changes it from MONITOR_IDLE owns @rcu and @waiting,
 *		until the work item changes it back.
 *   freelist_lock  protects the freelist of batches; a raw lock, interrupts
 *		off, held for a few instructions.
 *
 * Invariant: if @cur or @list is not empty, then the monitor is pending, or the
 * context that added the object is about to start it, or monitor_work() has set
 * MONITOR_IDLE and is about to check again.
 *
 * No step depends on the CPU itself.  An isolated CPU in a real-time task is
 * not disturbed.  CPU hotplug needs no callback: RCU moves the callbacks of a
 * dead CPU to another one, and the monitor frees the rest.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "api/free_rcu.h"
#include "api/internal.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/fixalloc.h"
#include "base/report.h"

#define BATCH_OBJECTS	125U		/* makes struct batch 1 KiB */
#define BLOCK_OBJECTS	(8 * BATCH_OBJECTS)	/* a fixalloc block has at least 8 batches */
#define BLOCKS_MAX	32U		/* blocks allocated per refill */
#define LIST_AT_ONCE	64U		/* objects of a list per bulk free */
#define WIPE_IN_CALLBACK	SZ_1M	/* bytes that a callback may clear */
#define WIPE_BATCHES	16	/* that wait for the worker, at most */

/**
 * struct batch - objects that wait for the same grace period
 * @rcu: for call_rcu()
 * @wipe: on the list of wipe_work
 * @nr: number of objects
 * @at: for each object an address inside it: that of its head
 */
struct batch {
	union {
		struct rcu_head rcu;
		struct llist_node wipe;
	};
	unsigned int nr;
	void *at[BATCH_OBJECTS];
};

enum monitor_state {
	MONITOR_IDLE,
	MONITOR_STARTING,	/* call_rcu() is about to be called */
	MONITOR_PENDING,
};

/**
 * struct free_rcu_cpu - objects of one CPU that wait for a grace period
 * @busy: code of this CPU is filling @cur
 * @submitting: a full batch was removed from @cur, call_rcu() is about to
 *	follow
 * @monitor: enum monitor_state
 * @cur: the batch being filled, or NULL
 * @list: heads of objects for which there was no batch
 * @waiting: the part of the list that the monitor waits for
 * @rcu: callback of the monitor
 * @work: work item of the monitor
 */
struct free_rcu_cpu {
	u8 busy;
	u8 submitting;
	int monitor;
	struct batch *cur;
	struct llist_head list;
	struct llist_node *waiting;
	struct rcu_head rcu;
	struct work_struct work;
};

/*
 * The size given in Documentation/persistent.rst; lockdep enlarges a work item.
 */
static_assert(BITS_PER_LONG < 64 || IS_ENABLED(CONFIG_LOCKDEP) ||
	      sizeof(struct free_rcu_cpu) <= 80);

static DEFINE_PER_CPU(struct free_rcu_cpu, free_rcu_cpus);
static DEFINE_RAW_SPINLOCK(freelist_lock);	/* protects freelist */
static struct gom_fixalloc freelist;
static struct workqueue_struct *wq;

/* === Batches === */

/*
 * NULL if the freelist is empty: memory cannot be allocated here (see above).
 */
static struct batch *batch_alloc(void)
{
	unsigned long flags;
	struct batch *b;

	if (gom_test_point(GOM_AT_BATCHES, 0, 0))
		return NULL;
	raw_spin_lock_irqsave(&freelist_lock, flags);
	b = gom_fixalloc_alloc(&freelist);
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
	if (b)
		b->nr = 0;
	return b;
}

static void batch_free(struct batch *b)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&freelist_lock, flags);
	gom_fixalloc_free(&freelist, b);
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
}

static bool freelist_has_batches(void)
{
	unsigned long flags;
	bool some;

	if (gom_test_point(GOM_AT_BATCHES, 0, 0))
		return false;
	raw_spin_lock_irqsave(&freelist_lock, flags);
	some = freelist.free;
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
	return some;
}

/* Add one block of batches to the freelist; false if there is no memory. */
static bool freelist_refill(gfp_t gfp)
{
	void *block = gom_fixalloc_block(&freelist, gfp | __GFP_NOWARN);
	unsigned long flags;

	if (!block)
		return false;
	raw_spin_lock_irqsave(&freelist_lock, flags);
	gom_fixalloc_carve(&freelist, block);
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
	return true;
}

/* Refill the freelist if it is empty and @objects found no batch. */
static void freelist_refill_for(unsigned int objects)
{
	unsigned int blocks = min(DIV_ROUND_UP(objects, BLOCK_OBJECTS), BLOCKS_MAX);

	if (!objects || freelist_has_batches())
		return;
	while (blocks-- && freelist_refill(GFP_NOWAIT))
		;
}

/* === Freeing after the grace period === */

/**
 * struct object_span - the objects of a span, for finding several of one span
 * @base: first byte
 * @bytes: bytes of all objects; 0: no span yet
 * @cl: their class
 */
struct object_span {
	void *base;
	size_t bytes;
	const struct gom_class *cl;
};

/*
 * Fill in @s for the span of @at; false if that is not cut into objects, or if
 * these are debugged, and begin elsewhere.
 */
static bool object_span_find(struct object_span *s, const void *at)
{
	struct gom_place place;

	gom_pagemap_place(at, &place);
	if (!place.span || !place.class || place.class == GOM_CLASS_TINY ||
	    gom_class_debug(place.class))
		return false;
	s->base = place.span->base;
	s->cl = gom_class(place.class);
	s->bytes = gom_span_object_bytes(place.span, s->cl);
	return true;
}

/*
 * The object that @at points into, or NULL.  As gom_object_at(), but neighbours
 * in a batch are often from the same span, and their grace period is over: it
 * keeps its class while one of them is live.  @s: the span of the one before.
 */
static void *object_of_head(struct object_span *s, void *at)
{
	size_t off = at - s->base, size;

	if (unlikely(off >= s->bytes)) {
		if (!object_span_find(s, at) || (size_t)(at - s->base) >= s->bytes)
			return gom_object_at(at, &size);
		off = at - s->base;
	}
	return s->base + gom_class_index(s->cl, off) * s->cl->size;
}

static void free_objects(unsigned int nr, void **at)
{
	struct object_span span = {};
	unsigned int i, n = 0;
	void *p;

	for (i = 0; i < nr; i++) {
		p = object_of_head(&span, at[i]);
		if (likely(p))
			at[n++] = p;
		else
			gom_report(GOM_BAD_DOUBLE_FREE, _RET_IP_,
				   "object at %p was freed before its grace period was over",
				   at[i]);
	}
	gom_free_bulk(n, at);
}

/* Batches that take long to clear, after their grace period. */
static LLIST_HEAD(wipe_batches);
static atomic_t nr_wipe_batches;

static void batches_wipe(struct work_struct *unused)
{
	struct batch *b, *next;
	unsigned int i;

	llist_for_each_entry_safe(b, next, llist_del_all(&wipe_batches), wipe) {
		for (i = 0; i < b->nr; i++) {
			free_objects(1, &b->at[i]);
			cond_resched();
		}
		batch_free(b);
		atomic_dec(&nr_wipe_batches);
	}
}

static DECLARE_WORK(wipe_work, batches_wipe);

/* Does freeing the batch clear more than is good in a callback? */
static bool batch_is_long_to_wipe(const struct batch *b)
{
	size_t size, bytes = 0;
	unsigned int i;

	for (i = 0; want_init_on_free() && i < b->nr; i++)
		if (gom_object_at(b->at[i], &size))
			bytes += size;
	return bytes > WIPE_IN_CALLBACK;
}

/* RCU callback of a batch, after the grace period of its objects. */
static void batch_free_objects(struct rcu_head *head)
{
	struct batch *b = container_of(head, struct batch, rcu);

	/* One worker clears for all CPUs; what it cannot keep up with is cleared here. */
	if (unlikely(batch_is_long_to_wipe(b)) &&
	    atomic_add_unless(&nr_wipe_batches, 1, WIPE_BATCHES)) {
		llist_add(&b->wipe, &wipe_batches);
		queue_work(wq, &wipe_work);
		return;
	}
	free_objects(b->nr, b->at);
	batch_free(b);
}

/*
 * RCU callback of a batch that was detached by another context: its CPU no
 * longer adds to it.  The grace period of the last objects added begins only
 * now.
 */
static void batch_detached_rcu(struct rcu_head *head)
{
	gom_call_rcu_hurry(head, batch_free_objects);
}

/* Free a list whose grace period is over; returns the number of objects. */
static unsigned int list_free_objects(struct llist_node *node)
{
	void *at[LIST_AT_ONCE];
	unsigned int n, sum = 0;

	while (node) {
		for (n = 0; node && n < LIST_AT_ONCE; node = node->next)
			at[n++] = node;
		free_objects(n, at);
		sum += n;
		cond_resched();
	}
	return sum;
}

/* === The monitor === */

static void monitor_rcu(struct rcu_head *head)
{
	queue_work(wq, &container_of(head, struct free_rcu_cpu, rcu)->work);
}

/*
 * Start the monitor unless it is pending.  Called with preemption off, so that
 * its grace period does not end before it is marked as pending.  cmpxchg()
 * pairs with WRITE_ONCE() in monitor_work(): @waiting is free for the next
 * list.
 */
static void monitor_start(struct free_rcu_cpu *g)
{
	if (READ_ONCE(g->monitor) != MONITOR_IDLE ||
	    cmpxchg(&g->monitor, MONITOR_IDLE, MONITOR_STARTING) != MONITOR_IDLE)
		return;
	g->waiting = llist_del_all(&g->list);
	gom_test_point(GOM_AT_MONITOR_START, 0, 0);
	gom_call_rcu_hurry(&g->rcu, monitor_rcu);
	/* Pairs with smp_load_acquire() in adders_wait(). */
	smp_store_release(&g->monitor, MONITOR_PENDING);
}

/*
 * Detach the batch of any CPU, however full, and submit it to RCU.  xchg()
 * pairs with cmpxchg() in batch_submit_full(): one of the two gets the batch.
 */
static void batch_detach(struct free_rcu_cpu *g)
{
	struct batch *b = xchg(&g->cur, NULL);

	if (b) {
		gom_test_point(GOM_AT_DETACHED_BATCH, 0, 0);
		gom_call_rcu_hurry(&b->rcu, batch_detached_rcu);
	}
}

static void monitor_work(struct work_struct *work)
{
	struct free_rcu_cpu *g = container_of(work, struct free_rcu_cpu, work);
	struct llist_node *done = g->waiting, *next;

	gom_test_point(GOM_AT_MONITOR, 0, 0);
	batch_detach(g);
	next = llist_del_all(&g->list);
	if (next) {
		g->waiting = next;
		gom_call_rcu_hurry(&g->rcu, monitor_rcu);
	} else {
		gom_test_point(GOM_AT_MONITOR_IDLE, 0, 0);
		/* Pairs with cmpxchg() in monitor_start(). */
		WRITE_ONCE(g->monitor, MONITOR_IDLE);
		/*
		 * Pairs with llist_add() in list_add_object() and with smp_mb()
		 * in batch_open(): they see MONITOR_IDLE, or we see what they
		 * added.
		 */
		smp_mb();
		if (!llist_empty(&g->list) || READ_ONCE(g->cur)) {
			preempt_disable();
			monitor_start(g);
			preempt_enable();
		}
	}
	freelist_refill_for(list_free_objects(done));
}

/* === Adding objects; with preemption off === */

static noinline struct batch *batch_open(struct free_rcu_cpu *g)
{
	struct batch *b = batch_alloc();

	if (b) {
		WRITE_ONCE(g->cur, b);
		smp_mb();	/* pairs with smp_mb() in monitor_work() */
		monitor_start(g);
	}
	return b;
}

/*
 * Submit a full batch to RCU, unless another context has detached it.  A
 * context whose xchg() in batch_detach() finds the batch gone then sees
 * @submitting set until call_rcu() has been called.
 */
static noinline void batch_submit_full(struct free_rcu_cpu *g, struct batch *b)
{
	WRITE_ONCE(g->submitting, 1);	/* ordered by cmpxchg(); read in adders_wait() */
	if (cmpxchg(&g->cur, b, NULL) == b) {
		gom_test_point(GOM_AT_FULL_BATCH, 0, 0);
		call_rcu(&b->rcu, batch_free_objects);
	}
	/* Pairs with smp_load_acquire() in adders_wait(). */
	smp_store_release(&g->submitting, 0);
}

/*
 * Add an object to this CPU's batch, by an address inside it; false if there is
 * no batch, or an interrupt found it in use.  barrier() and the stores of @busy
 * are for interrupts of this CPU only.
 */
static __always_inline bool batch_add(struct free_rcu_cpu *g, void *at)
{
	struct batch *b;

	if (unlikely(g->busy))
		return false;
	WRITE_ONCE(g->busy, 1);
	barrier();
	b = READ_ONCE(g->cur);
	if (unlikely(!b))
		b = batch_open(g);
	if (likely(b)) {
		b->at[b->nr++] = at;
		if (unlikely(b->nr == BATCH_OBJECTS))
			batch_submit_full(g, b);
	}
	barrier();
	WRITE_ONCE(g->busy, 0);
	return b;
}

/*
 * The usual case of batch_add(), without a call: there is a batch, and @at does
 * not fill it up.  Enters and leaves by itself; false if the case is another.
 */
static __always_inline bool batch_try_add(const void *at)
{
	struct free_rcu_cpu *g;
	void **end;	/* a pointer: UBSAN would check an index */
	bool added = false;
	struct batch *b;

	preempt_disable();
	g = this_cpu_ptr(&free_rcu_cpus);
	if (likely(!g->busy)) {
		WRITE_ONCE(g->busy, 1);
		barrier();
		b = READ_ONCE(g->cur);
		if (likely(b) && likely(b->nr < BATCH_OBJECTS - 1)) {
			end = b->at + b->nr++;
			*end = (void *)at;
			added = true;
		}
		barrier();
		WRITE_ONCE(g->busy, 0);
	}
	preempt_enable();
	return added;
}

/*
 * llist_add() orders the list before the read of @monitor: see monitor_work().
 */
static noinline void list_add_object(struct free_rcu_cpu *g, struct llist_node *node)
{
	llist_add(node, &g->list);
	monitor_start(g);
}

/* Is @at in a page of gomalloc's that is in use? */
static __always_inline bool page_has_objects(const void *at)
{
	unsigned int slot = gom_entry_slot(gom_pagemap_entry(at));

	return slot && slot != GOM_SLOT_IDLE;
}

/*
 * Does @at lie in memory of gomalloc, so that the head may be written?  Other
 * misuse is found after the grace period.
 */
static bool free_rcu_may_own(const void *at)
{
	size_t size;

	return page_has_objects(at) || (gom_backend && gom_object_at(at, &size));
}

static noinline void free_rcu_report_foreign(const void *at, unsigned long caller)
{
	if (!gom_backend_only())
		gom_report(GOM_BAD_FREE_FOREIGN, caller,
			   "free after a grace period of %p, which is not gomalloc's", at);
}

/* Add the object with @head, which is in memory of gomalloc's. */
static noinline void head_add_owned(void *head)
{
	struct free_rcu_cpu *g;

	preempt_disable();
	g = this_cpu_ptr(&free_rcu_cpus);
	if (!batch_add(g, head))
		list_add_object(g, head);
	preempt_enable();
}

static noinline bool head_add_slow(void *head)
{
	if (!free_rcu_may_own(head))
		return false;
	head_add_owned(head);
	return true;
}

/* Add the object with @head; false if it is not in memory of gomalloc's. */
static __always_inline bool head_add(void *head)
{
	if (unlikely(!page_has_objects(head)))
		return head_add_slow(head);
	if (unlikely(!batch_try_add(head)))
		head_add_owned(head);
	return true;
}

/*
 * gom_free_rcu(): @head is the address of the head, of which one pointer is
 * used.
 */
void __gom_free_rcu(void *head)
{
	if (unlikely(!head_add(head)))
		free_rcu_report_foreign(head, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_rcu);

/* The same; false, without a report, if @head is no address of gomalloc's. */
bool gom_free_rcu_owned(void *head)
{
	return head_add(head);
}

/* Add an object without a head; false if there is no batch. */
static bool batch_add_headless(void *p)
{
	bool added;

	preempt_disable();
	added = batch_add(this_cpu_ptr(&free_rcu_cpus), p);
	preempt_enable();
	return added;
}

/* If there is no batch for @p, allocate one, or wait for the grace period. */
static noinline bool headless_add_slow(const void *p, unsigned long caller)
{
	if (!free_rcu_may_own(p))
		return false;
	if (batch_add_headless((void *)p))
		return true;
	/* As in kvfree_rcu(): use no reserves, and trigger no OOM kill. */
	if (freelist_refill(GFP_KERNEL | __GFP_NORETRY | __GFP_NOMEMALLOC) &&
	    batch_add_headless((void *)p))
		return true;
	synchronize_rcu();
	/* Meanwhile the slot of its page may have changed (special.h). */
	gom_free_slow(p, caller);
	return true;
}

/* gom_free_rcu_owned() for an object without a head, on behalf of @caller. */
bool gom_free_rcu_owned_mightsleep(const void *p, unsigned long caller)
{
	might_sleep();
	if (likely(page_has_objects(p)) && likely(batch_try_add(p)))
		return true;
	return headless_add_slow(p, caller);
}

/**
 * gom_free_rcu_mightsleep - free an object without a head after a grace period
 * @p: the result of any gomalloc allocation; may be NULL or ZERO_SIZE_PTR
 *
 * The object is batched as by gom_free_rcu().  If there is no memory for a
 * batch, this waits for the grace period and frees the object itself.
 *
 * Context: task, may sleep.
 */
void gom_free_rcu_mightsleep(const void *p)
{
	if (!gom_free_rcu_owned_mightsleep(p, _RET_IP_) && !ZERO_OR_NULL_PTR(p))
		free_rcu_report_foreign(p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_free_rcu_mightsleep);

/* === The barrier === */

/*
 * Wait until contexts that are submitting a batch or starting a monitor have
 * called call_rcu().  They run with preemption off, so the wait is short.
 */
static void adders_wait(struct free_rcu_cpu *g)
{
	/*
	 * Pair with smp_store_release() in batch_submit_full() and
	 * monitor_start().
	 */
	while (smp_load_acquire(&g->submitting) ||	/* batch_submit_full() */
	       smp_load_acquire(&g->monitor) == MONITOR_STARTING)	/* monitor_start() */
		cpu_relax();
}

static void monitors_flush(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		flush_work(&per_cpu_ptr(&free_rcu_cpus, cpu)->work);
}

/**
 * gom_free_rcu_barrier - wait until all pending RCU frees are done
 *
 * On return, each object passed to gom_free_rcu() or gom_free_rcu_mightsleep()
 * before the call has been freed.
 *
 * Context: task, may sleep.
 */
void gom_free_rcu_barrier(void)
{
	/*
	 * Without it, this would miss a batch that another barrier has just
	 * detached.
	 */
	static DEFINE_MUTEX(barrier_lock);
	struct free_rcu_cpu *g;
	int cpu;

	mutex_lock(&barrier_lock);
	for_each_possible_cpu(cpu) {
		g = per_cpu_ptr(&free_rcu_cpus, cpu);
		batch_detach(g);
		adders_wait(g);
	}
	/*
	 * A list may have to wait for one monitor to end before its own begins,
	 * and the work item of the first may be about to call call_rcu().  A
	 * detached batch waits for two grace periods.  So flush and wait twice.
	 */
	monitors_flush();
	rcu_barrier();
	monitors_flush();
	rcu_barrier();
	monitors_flush();
	flush_work(&wipe_work);		/* queued by callbacks, which have all run */
	mutex_unlock(&barrier_lock);
}
EXPORT_SYMBOL_GPL(gom_free_rcu_barrier);

/*
 * For tests: set @busy of this CPU, as if it were filling its batch.
 * Preemption off.
 */
void gom_free_rcu_pretend(bool inside)
{
	WRITE_ONCE(this_cpu_ptr(&free_rcu_cpus)->busy, inside);
}
GOM_EXPORT_FOR_TEST(gom_free_rcu_pretend);

int gom_free_rcu_init(void)
{
	struct free_rcu_cpu *g;
	int cpu;

	gom_fixalloc_init(&freelist, sizeof(struct batch), GOM_OTHER_SYS);
	for_each_possible_cpu(cpu) {
		g = per_cpu_ptr(&free_rcu_cpus, cpu);
		init_llist_head(&g->list);
		INIT_WORK(&g->work, monitor_work);
	}
	/*
	 * Unbound: a monitor must not wait for a CPU occupied by a real-time
	 * task.
	 */
	wq = alloc_workqueue("gomalloc_rcu", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return wq ? 0 : -ENOMEM;
}

/* On unload, after gom_free_rcu_barrier(), when nobody frees any more. */
void gom_free_rcu_exit(void)
{
	destroy_workqueue(wq);
}
