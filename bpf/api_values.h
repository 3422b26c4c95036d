/* SPDX-License-Identifier: (MIT OR Apache-2.0) OR GPL-2.0-only */
/* What a call may tell: the numbers and strings that a site's sources name. Nothing else of the process is read. */
#ifndef CT_API_VALUES_H
#define CT_API_VALUES_H

#include "api_kernel.h"
#include "api_tables.h"

/* No value: what is not readable. No address, and no number of 32 bits, is this. */
#define UNREAD 0x8000000000000badULL

/*
 * These are functions of their own, which the verifier looks at once, whatever calls them: they are given numbers alone
 * and find the call by its key.
 */

/* Follows pointers from a value, each with an offset of 16 bits. */
__noinline __u64 follow(__u64 value, __u64 offsets, __u32 depth, __u32 width)
{
	for (__u32 i = 0; i < CT_API_FOLLOW; i++) {
		__u64 at, size = 8;

		if (i >= depth)
			break;
		/* A null pointer leads nowhere. */
		if (!value)
			return UNREAD;
		if (i + 1 == depth) {
			if (width == CT_WIDTH_S32 || width == CT_WIDTH_U32)
				size = 4;
			else if (width == CT_WIDTH_U16)
				size = 2;
			else if (width == CT_WIDTH_U8)
				size = 1;
		}
		at = value + (offsets & 0xffff);
		offsets >>= 16;
		value = 0;
		if (bpf_probe_read_user(&value, size, (void *)at))
			return UNREAD;
	}
	if (width == CT_WIDTH_S32)
		return (__s32)value;
	if (width == CT_WIDTH_U32)
		return (__u32)value;
	if (width == CT_WIDTH_U16)
		return (__u16)value;
	if (width == CT_WIDTH_U8)
		return (__u8)value;
	return value;
}

static __always_inline __u64 value_of(const struct ct_api_source *source, const struct ct_api_open *open, __u64 result)
{
	__u64 value = source->from == CT_FROM_RESULT ? result : open->arg[(source->from - 1) & 7];
	__u64 offsets = source->follow[0] | (__u64)source->follow[1] << 16 | (__u64)source->follow[2] << 32 |
			(__u64)source->follow[3] << 48;

	return follow(value, offsets, source->depth, source->width & ~CT_LATE);
}

/* Whether a source can be read now. */
static __always_inline bool there(const struct ct_api_source *source, __u32 returned)
{
	return source->from != CT_FROM_NOWHERE && (returned || (source->from != CT_FROM_RESULT && !(source->width & CT_LATE)));
}

static __always_inline void read_string(struct ct_api_site *site, struct ct_api_open *open, struct ct_api_text *text,
					__u64 result, __u32 returned, const __u32 i)
{
	__u64 bit = 1ULL << (CT_API_NUMBERS + i), pointer;
	struct ct_str *where = &text->record.name;
	char more = 0;
	long n;

	if (!(open->unread & bit) || !there(&site->string[i], returned))
		return;
	pointer = value_of(&site->string[i], open, result);
	if (pointer == UNREAD)
		return;
	/* No string was given. */
	if (!pointer) {
		open->unread &= ~bit;
		return;
	}
	n = bpf_probe_read_user_str(&text->text[i * CT_API_STRING], CT_API_STRING, (void *)pointer);
	if (n <= 0)
		return;
	open->unread &= ~bit;
	if (n == CT_API_STRING) {
		bpf_probe_read_user(&more, 1, (void *)(pointer + CT_API_STRING - 1));
		open->bits |= more ? STRING_CUT : 0;
	}
	if (site->string[i].slot == 1)
		where = &text->record.path;
	else if (site->string[i].slot == 2)
		where = &text->record.path2;
	else if (site->string[i].slot == 3)
		where = &text->record.host;
	where->off = sizeof(struct ct_api_call) + i * CT_API_STRING;
	where->len = n - 1;
}

/* Reads what the site asks for: when the call is entered, and once more, what was not readable then, when it returned. */
__noinline int gather(__u32 index, __u64 who, __u64 frame, __u64 result, __u32 returned)
{
	struct ct_api_call_key key = { .who = who, .frame = frame };
	struct ct_api_site *site = bpf_map_lookup_elem(&api_sites, &index);
	struct ct_api_open *open = bpf_map_lookup_elem(&api_calls, &key);
	struct ct_api_text *text;
	__u64 value;

	if (!site || !open)
		return 0;
	if (!open->object && there(&site->object, returned)) {
		value = value_of(&site->object, open, result);
		open->object = value == UNREAD ? 0 : value;
	}
	if (!open->parent && there(&site->parent, returned)) {
		value = value_of(&site->parent, open, result);
		open->parent = value == UNREAD ? 0 : value;
	}
	for (__u32 i = 0; i < CT_API_NUMBERS; i++) {
		if (!(open->unread & 1ULL << i) || !there(&site->number[i], returned))
			continue;
		value = value_of(&site->number[i], open, result);
		if (value != UNREAD) {
			open->number[i] = value;
			open->unread &= ~(1ULL << i);
		}
	}
	if (!site->strings)
		return 0;
	text = bpf_map_lookup_elem(&api_texts, &key);
	if (!text)
		return 0;
	read_string(site, open, text, result, returned, 0);
	read_string(site, open, text, result, returned, 1);
	read_string(site, open, text, result, returned, 2);
	read_string(site, open, text, result, returned, 3);
	return 0;
}

#endif
