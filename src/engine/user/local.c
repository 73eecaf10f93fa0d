/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs of the image that run in the tracer: begin, end, interval. They are compiled as those in traced processes are, and
 * use the same helpers over our own view of the memory file, by our own description of what is where (shared.h).
 */
#include "engine/user/user.h"

#include "engine/user/code/blob.h"
#include "engine/user/code/jit.h"
#include "engine/user/memory/private.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CONTEXT_WORDS = 64, CODE_ALIGN = 16, STACK_ROOM = 16384 };

struct local {
	void *code;
	size_t bytes;
	struct rt_private private;
	uint32_t *entries; /* of the image's programs: offset in code; 0: it does not run here */
	uint64_t blob;
};

static bool runs_here(const struct image *im, const struct image_prog *p)
{
	if (!image_runs(im, p))
		return false;
	switch (p->shape->kind) {
	case PROBE_BEGIN:
	case PROBE_END:
	case PROBE_SELF:
	case PROBE_INTERVAL: return true;
	default: return false;
	}
}

static bool call_helper(void *arg, struct x86 *x, int32_t helper)
{
	const struct local *l = arg;
	int64_t at = blob_helper(helper);

	return at >= 0 && x86_call_to(x, l->blob + (uint64_t)at);
}

static ERR_MUST struct err *compile(struct local *l, const struct image *im, const struct shared *s,
				    struct x86 *x)
{
	struct jit_env env = { .call_helper = call_helper, .arg = l, .is_function = true };

	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];
		struct bpf_insn *insns;
		struct err *err;

		if (!runs_here(im, p))
			continue;
		while (x86_here(x) % CODE_ALIGN)
			x86_bytes(x, "\xcc", 1);
		l->entries[i] = x86_here(x);
		insns = base_alloc(p->n_insns * sizeof(*insns));
		shared_relocate_own(s, p, insns);
		err = jit_compile(insns, p->n_insns, &env, x);
		free(insns);
		if (err)
			return err;
	}
	x86_link(x);
	return NULL;
}

/* room for the code of programs: an instruction becomes 8 bytes, seldom more than 16 */
static size_t room_for(const struct image *im)
{
	size_t n = blob_bytes() + CODE_ALIGN;

	for (uint32_t i = 0; i < im->n_progs; i++)
		if (runs_here(im, im->progs[i]))
			n += (size_t)im->progs[i]->n_insns * 64 + 256;
	return (n + 4095) & ~(size_t)4095;
}

struct err *local_make(const struct image *im, const struct shared *s, struct local **ret)
{
	struct local *l = base_alloc(sizeof(*l));
	struct x86 x = { 0 };
	struct err *err;

	l->entries = base_alloc((im->n_progs + 1) * sizeof(*l->entries));
	l->bytes = room_for(im);
	private_describe(getpid(), NULL, &l->private);
	l->code = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (l->code == MAP_FAILED) {
		l->code = NULL;
		local_free(l);
		return err_new(errno, "map %zu bytes for code", l->bytes);
	}
	l->blob = (uint64_t)(uintptr_t)l->code;
	blob_copy(l->code, (uint64_t)(uintptr_t)s->own, (uint64_t)(uintptr_t)&l->private);
	x.base = l->blob + ((blob_bytes() + CODE_ALIGN - 1) & ~(uint64_t)(CODE_ALIGN - 1));
	err = compile(l, im, s, &x);
	if (!err && x.base + x.code.n > l->blob + l->bytes)
		err = err_new(0, "the programs need more than %zu bytes of code", l->bytes);
	if (!err) {
		if (x.code.n)
			memcpy((char *)l->code + (x.base - l->blob), x.code.p, x.code.n);
		for (uint32_t i = 0; i < im->n_progs; i++)
			if (runs_here(im, im->progs[i]))
				l->entries[i] += (uint32_t)(x.base - l->blob);
		if (mprotect(l->code, l->bytes, PROT_READ | PROT_EXEC))
			err = err_hint(
				err_new(errno, "make code executable"),
				"a security policy (SELinux execmem) may forbid it: use --engine kernel");
	}
	x86_free(&x);
	if (err)
		local_free(l);
	else
		*ret = l;
	return err;
}

void local_free(struct local *l)
{
	if (!l)
		return;
	if (l->code)
		munmap(l->code, l->bytes);
	free(l->entries);
	free(l);
}

uint64_t local_run(const struct local *l, uint32_t prog)
{
	uint64_t context[CONTEXT_WORDS] = { 0 };
	volatile char below[STACK_ROOM];
	uint64_t (*run)(void *) = NULL;
	uintptr_t at = (uintptr_t)l->code + l->entries[prog];

	/* reads of a program's own stack may go so far up from there, whatever address they are given: rt/read.c */
	below[0] = below[STACK_ROOM - 1] = 0;
	memcpy(&run, &at, sizeof(run));
	return run(context);
}
