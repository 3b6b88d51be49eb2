// SPDX-License-Identifier: GPL-2.0
/*
 * The mallocing flag as a lock: lockdep and others report what must not be done
 * inside.  Among the last suites: lockdep is off after its first report.
 */
#include <linux/debug_locks.h>
#include <linux/kernel.h>
#include <linux/spinlock.h>

#include "base/compat.h"
#include "log.h"
#include "percpu/mcache.h"
#include "suites.h"

#ifdef CONFIG_DEBUG_LOCK_ALLOC

static void entering_twice_is_reported(struct kunit *test)
{
	struct gom_mcache *c = gom_mcache_enter_slow();

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_NULL(test, gom_mcache_enter_slow());
	gom_mcache_leave_slow(c);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("is entered twice"));
}

/* Neither an interrupt nor a caller that never waits does anything wrong. */
static void tryenter_inside_is_not_reported(struct kunit *test)
{
	struct gom_mcache *c = gom_mcache_enter_slow();

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_NULL(test, gom_mcache_tryenter_slow());
	gom_mcache_leave_slow(c);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
}

static void leaving_on_another_cpu_is_reported(struct kunit *test)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	preempt_disable();
	gom_mcache_debug_enter();
	if (cpu == smp_processor_id())
		cpu = cpumask_any_but(cpu_online_mask, cpu);
	gom_mcache_debug_leave(per_cpu_ptr(&gom_mcache, cpu));
	preempt_enable();
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("is left on CPU"));
}

static void sleeping_inside_is_reported(struct kunit *test)
{
	struct gom_mcache *c;

	gomtest_log_match("BUG: sleeping function called from invalid context");
	/* The kernel reports that at most once per second. */
	schedule_timeout_uninterruptible(HZ + 1);
	c = gom_mcache_enter_slow();
	KUNIT_ASSERT_NOT_NULL(test, c);
	might_sleep();
	gom_mcache_leave_slow(c);
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP))
		KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1U);
	else
		kunit_skip(test, "this kernel does not detect sleeping in atomic context");
}

static void lock_inside_is_reported(struct kunit *test)
{
	static DEFINE_RAW_SPINLOCK(lock);
	struct gom_mcache *c;

	if (!IS_ENABLED(CONFIG_PROVE_RAW_LOCK_NESTING))
		kunit_skip(test, "this kernel does not check the nesting of raw locks");
	if (!debug_locks)
		kunit_skip(test, "lockdep is off after an earlier report");
	gomtest_log_match("Invalid wait context");
	c = gom_mcache_enter_slow();
	KUNIT_ASSERT_NOT_NULL(test, c);
	raw_spin_lock(&lock);
	raw_spin_unlock(&lock);
	gom_mcache_leave_slow(c);
	KUNIT_EXPECT_FALSE(test, debug_locks);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1U);
}

static int flag_begin(struct kunit *test)
{
	int err = gomtest_log_capture();

	gomtest_log_clear();
	return err;
}

static void flag_end(struct kunit *test)
{
	gomtest_log_release();
}

static struct kunit_case cases[] = {
	KUNIT_CASE(tryenter_inside_is_not_reported),
	KUNIT_CASE(entering_twice_is_reported),
	KUNIT_CASE(leaving_on_another_cpu_is_reported),
	KUNIT_CASE(lock_inside_is_reported),
	KUNIT_CASE(sleeping_inside_is_reported),	/* its report takes a lock inside */
	{}
};

#else

static void lockdep_knows_the_flag(struct kunit *test)
{
	kunit_skip(test, "this kernel has no lockdep");
}

static int flag_begin(struct kunit *test)
{
	return 0;
}

static void flag_end(struct kunit *test)
{
}

static struct kunit_case cases[] = {
	KUNIT_CASE(lockdep_knows_the_flag),
	{}
};

#endif

struct kunit_suite gomalloc_mcache_debug_suite = {
	.name = "gomalloc_mcache_debug",
	.suite_init = gomtest_kernel_reports_begin,
	.suite_exit = gomtest_kernel_reports_end,
	.init = flag_begin,
	.exit = flag_end,
	.test_cases = cases,
};
