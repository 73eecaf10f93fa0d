/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing jumps over code that may be running; see patch.h. */
#include "engine/user/patch/patch.h"

#include "arch/x86_64/relocate.h"
#include "engine/user/patch/goroutines.h"

#include <errno.h>
#include <string.h>

enum { ALIGNMENT = 16, INT3 = 0xcc, JMP_REL32 = 0xe9 };

/* ---- trampolines ---- */

static struct err *emit_displaced(struct x86 *x, struct patch *p, const struct code_insn *i,
				  const uint8_t *bytes)
{
	uint8_t out[RELOCATE_MAX];
	const char *why = relocate_refusal(i, bytes);
	unsigned n = why ? 0 : relocate_insn(i, bytes, x->base + x86_here(x), out);

	if (why)
		return err_new(0, "%s at 0x%llx cannot be moved: %s", i->name,
			       (unsigned long long)i->addr, why);
	if (!n)
		return err_new(0, "%s at 0x%llx names something out of reach", i->name,
			       (unsigned long long)i->addr);
	if (p->n_insns < PATCH_INSNS) {
		p->offsets[p->n_insns] = (uint8_t)(i->addr - p->site);
		p->moved[p->n_insns] = x->base + x86_here(x);
		p->n_insns++;
	}
	x86_bytes(x, out, n);
	return NULL;
}

struct err *patch_emit(struct x86 *x, struct patch *p, const struct code *c, const uint8_t *bytes,
		       void (*body)(void *arg, struct x86 *x), void *arg)
{
	static const uint8_t filler = INT3;
	const struct code_insn *i = code_at(c, p->site), *end = c->insn + c->n;
	bool goes_on = true;

	if (!i || p->len < PATCH_JUMP || p->len > PATCH_LONGEST || p->site + p->len > c->end ||
	    (p->at && (p->at < p->site || p->at > p->site + p->len || !code_at(c, p->at))))
		return err_new(EINVAL, "0x%llx is no place for a patch",
			       (unsigned long long)p->site);
	while (x86_here(x) % ALIGNMENT)
		x86_bytes(x, &filler, 1);
	p->trampoline = x->base + x86_here(x);
	p->n_insns = 0;
	memcpy(p->old, bytes + (p->site - c->start), p->len);
	for (; i < end && i->addr < p->site + p->len; i++) {
		if (i->addr == (p->at ? p->at : p->site))
			body(arg, x);
		goes_on = code_falls_through(i);
		/* padding behind the function's last instruction is never executed */
		if (!(i->flags & CODE_PADDING))
			TRY(emit_displaced(x, p, i, bytes + (i->addr - c->start)));
	}
	if (goes_on && p->at == p->site + p->len)
		body(arg, x);
	if (goes_on && !x86_jump_to(x, p->site + p->len))
		return err_new(0, "the trampoline is too far from 0x%llx",
			       (unsigned long long)p->site);
	return NULL;
}

/* ---- in the process ---- */

static bool make_jump(const struct patch *p, uint8_t jump[PATCH_JUMP])
{
	int64_t rel = (int64_t)(p->trampoline - (p->site + PATCH_JUMP));
	int32_t rel32 = (int32_t)rel;

	jump[0] = JMP_REL32;
	memcpy(jump + 1, &rel32, sizeof(rel32));
	return rel == rel32;
}

/* where a thread that stands within the displaced bytes has to go on; 0: it does not stand there */
static uint64_t moved_ip(const struct patch *p, uint64_t ip)
{
	if (ip <= p->site || ip >= p->site + p->len)
		return 0;
	for (unsigned k = 0; k < p->n_insns; k++)
		if (ip == p->site + p->offsets[k])
			return p->moved[k];
	return 0;
}

static struct err *move_threads(struct remote *r, const struct patch *p, struct patch_counts *ret)
{
	vec_each(t, &r->threads) {
		uint64_t ip = t->tid ? moved_ip(p, t->regs.rip) : 0;

		if (!ip)
			continue;
		TRY(remote_set_ip(r, t, ip));
		ret->n_moved++;
	}
	return NULL;
}

static struct err *cannot_write(const struct remote *r, const struct patch *p)
{
	return err_new(errno, "write code of process %d at 0x%llx", (int)r->pid,
		       (unsigned long long)p->site);
}

struct err *patch_install(struct remote *r, struct patch *v, size_t n, struct patch_counts *ret)
{
	*ret = (struct patch_counts){ 0 };
	goroutines_mark(r, v, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t now[PATCH_LONGEST], jump[PATCH_JUMP];
		struct patch *p = &v[i];

		if (p->is_installed)
			continue;
		if (p->is_parked) {
			ret->n_refused++;
			continue;
		}
		/* somebody else's breakpoint or jump stands there: two of them would destroy the program */
		if (!remote_read(r, p->site, now, p->len) || memcmp(now, p->old, p->len) ||
		    !make_jump(p, jump)) {
			ret->n_refused++;
			continue;
		}
		TRY(move_threads(r, p, ret));
		if (!remote_write(r, p->site, jump, sizeof(jump)))
			return cannot_write(r, p);
		p->is_installed = true;
		ret->n_installed++;
	}
	return NULL;
}

/*
 * Another tracer's breakpoints (the kernel's uprobes) have been put into our jump, at its first byte or at that of a later instruction. When
 * they go, their owner writes the file's byte back: then the others must be the file's, too
 */
static bool has_breakpoints(const uint8_t now[PATCH_JUMP], const uint8_t jump[PATCH_JUMP])
{
	bool is_any = false;

	for (unsigned i = 0; i < PATCH_JUMP; i++) {
		if (now[i] != jump[i] && now[i] != INT3)
			return false;
		is_any |= now[i] != jump[i];
	}
	return is_any;
}

bool patch_is_overwritten(const struct remote *r, const struct patch *p)
{
	uint8_t now[PATCH_JUMP], jump[PATCH_JUMP];

	return p->is_installed && make_jump(p, jump) && remote_read(r, p->site, now, sizeof(now)) &&
	       has_breakpoints(now, jump);
}

struct err *patch_remove(struct remote *r, struct patch *v, size_t n, struct patch_counts *ret)
{
	*ret = (struct patch_counts){ 0 };
	for (size_t i = 0; i < n; i++) {
		uint8_t now[PATCH_JUMP], jump[PATCH_JUMP];
		struct patch *p = &v[i];

		if (!p->is_installed)
			continue;
		make_jump(p, jump);
		p->is_installed = false;
		if (!remote_read(r, p->site, now, sizeof(now))) {
			ret->n_refused++;
			continue;
		}
		if (memcmp(now, jump, sizeof(now)) && !has_breakpoints(now, jump)) {
			ret->n_refused++;
			continue;
		}
		for (unsigned k = 0; k < PATCH_JUMP; k++)
			if (now[k] == jump[k])
				now[k] = p->old[k];
		if (!remote_write(r, p->site, now, sizeof(now)))
			return cannot_write(r, p);
		ret->n_installed++;
	}
	return NULL;
}
