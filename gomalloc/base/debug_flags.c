// SPDX-License-Identifier: GPL-2.0
/*
 * The parameter debug=; see debug_flags.h.
 *
 * It consists of blocks, separated by ';'.  A block is letters, then names of
 * caches, separated by ','.  A name may end in '*'.  A block without names is
 * for all caches that no other block names.
 */
#include <linux/compiler.h>
#include <linux/ctype.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/debug_flags.h"

#define ALL_FLAGS	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* KASAN needs the record beside each object, and reports its users. */
#ifdef CONFIG_KASAN_GENERIC
# define DEFAULT_TEXT	"FU"
#else
# define DEFAULT_TEXT	""
#endif

char gom_debug_text[GOM_DEBUG_TEXT] __read_mostly = DEFAULT_TEXT;

/* A part of the parameter's text. */
struct text {
	const char *start;
	size_t len;
};

/* The part of @rest up to @end or its own end; moves @rest behind that. */
static struct text text_cut(struct text *rest, char end)
{
	struct text part = { rest->start };

	while (part.len < rest->len && part.start[part.len] != end)
		part.len++;
	rest->start += min(part.len + 1, rest->len);
	rest->len -= min(part.len + 1, rest->len);
	return part;
}

/* The flags of @letters; ~0 if one is not known. */
static slab_flags_t letters_flags(struct text letters)
{
	slab_flags_t flags = 0;
	size_t i;

	if (!letters.len)
		return ALL_FLAGS;
	for (i = 0; i < letters.len; i++) {
		switch (tolower(letters.start[i])) {
		case 'f': case '1': case 'y':	/* the last two: of a switch, as debug=1 */
			flags |= SLAB_CONSISTENCY_CHECKS;
			break;
		case 'z':
			flags |= SLAB_RED_ZONE;
			break;
		case 'p':
			flags |= SLAB_POISON;
			break;
		case 'u':
			flags |= SLAB_STORE_USER;
			break;
		case 't':
			flags |= SLAB_TRACE;
			break;
		case '-': case '0': case 'n':
			return 0;
		default:
			return (__force slab_flags_t)~0U;
		}
	}
	return flags;
}

static bool name_matches(struct text pattern, const char *name)
{
	if (pattern.len && pattern.start[pattern.len - 1] == '*')
		return !strncmp(name, pattern.start, pattern.len - 1);
	return pattern.len == strlen(name) && !strncmp(name, pattern.start, pattern.len);
}

static bool names_match(struct text names, const char *name)
{
	while (names.len)
		if (name_matches(text_cut(&names, ','), name))
			return true;
	return false;
}

/* What is wrong with @text as the value of debug=; NULL if nothing is. */
const char *gom_debug_wrong(const char *text)
{
	struct text rest = { text, strlen(text) }, block;

	if (rest.len >= GOM_DEBUG_TEXT)
		return "it is too long";
	while (rest.len) {
		block = text_cut(&rest, ';');
		if (letters_flags(text_cut(&block, ',')) == (__force slab_flags_t)~0U)
			return "the letters are F, Z, P, U, T, or - for none";
	}
	return NULL;
}
GOM_EXPORT_FOR_TEST(gom_debug_wrong);

/* The flags that @text, which is valid, gives to the cache @name. */
slab_flags_t gom_debug_flags_in(const char *text, const char *name)
{
	struct text rest = { text, strlen(text) }, block;
	slab_flags_t flags, others = 0;

	while (rest.len) {
		block = text_cut(&rest, ';');
		flags = letters_flags(text_cut(&block, ','));
		if (!block.len)
			others = flags;
		else if (names_match(block, name))
			return flags;
	}
	return others;
}
GOM_EXPORT_FOR_TEST(gom_debug_flags_in);

/* Does debug= give flags to any cache? */
bool gom_debug_any(void)
{
	struct text rest = { gom_debug_text, strlen(gom_debug_text) }, block;

	while (rest.len) {
		block = text_cut(&rest, ';');
		if (letters_flags(text_cut(&block, ',')))
			return true;
	}
	return false;
}

/* The flags that debug= gives to the cache @name. */
slab_flags_t gom_debug_flags(const char *name)
{
	return gom_debug_flags_in(gom_debug_text, name);
}
