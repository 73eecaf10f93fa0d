/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places that lie within reach of one another share an area: code, private pages, and the memory file. While the process runs,
 * areas are mapped (one thread stops for a moment) and code is made and written; then all threads stop, and all jumps are written
 * at once. See batch.h; what is patched and how: patch.h, trampoline.h.
 */
#include "engine/user/batch.h"

#include "base/cleanup.h"
#include "engine/user/blob.h"
#include "engine/user/patches.h"
#include "engine/user/private.h"
#include "engine/user/trampoline.h"
#include "objfile/go_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	STOP_MS = 3000,
	PRIVATE_BYTES = 4096, /* struct rt_private */
	CALL_BUCKETS = 2048,  /* of the table of open calls: room for 8 calls in each */
	CODE_ALIGN = 16,
	CODE_FRAME = 1024, /* of a trampoline, besides its programs */
	CODE_PER_INSN = 24 /* eBPF's instructions become 4 to 12 bytes, calls some more */
};
/* text that one area serves: it has to be within 2 GB of all of it, and holes are not everywhere */
#define CLUSTER_SPAN (1ull << 30)

/* ---- code ---- */

/* the copies of a site's programs for one area */
struct copies {
	VEC(struct trampoline_prog) here, returns;
};

static void copies_free(struct copies *c)
{
	vec_each(p, &c->here)
		free((void *)p->insns);
	vec_each(p, &c->returns)
		free((void *)p->insns);
	vec_free(&c->here);
	vec_free(&c->returns);
}

static void copy_programs(const struct target_job *j, const struct site *s,
			  const struct remote_area *a, struct copies *out)
{
	vec_each(u, &s->uses) {
		const struct image_prog *p = j->image->progs[u->prog];
		struct bpf_insn *insns = base_alloc(p->n_insns * sizeof(*insns));
		struct trampoline_prog t = { .insns = insns,
					     .n_insns = p->n_insns,
					     .cookie = u->point->cookie,
					     .func_ip = s->address };

		shared_relocate(j->shared, p, a->data, insns);
		if (u->is_return)
			vec_push(&out->returns, t);
		else
			vec_push(&out->here, t);
	}
}

static unsigned go_room(const struct site *s)
{
	const struct code_insn *i = code_at(&s->function->code, s->address - s->bias);
	uint64_t entry;

	go_entry_place(&s->function->code, s->function->start, &entry);
	/* at the entry, and at RETs, rsp is where it was when the function was called */
	return SITES_GO_ROOM +
	       (entry + s->bias == s->address || (i && i->kind == CODE_RET) ? SITES_GO_FRAME : 0);
}

static ERR_MUST struct err *make_trampoline(const struct target_job *j, struct site *s,
					    const struct trampoline_env *env,
					    const struct remote_area *a, struct x86 *x)
{
	struct trampoline_site t = { .kind = s->is_entry ? TRAMPOLINE_ENTRY : TRAMPOLINE_INSIDE };
	struct copies copies = { 0 };
	CODE_AUTO c = { 0 };
	struct err *err;

	code_decode(s->function->bytes, s->function->size, s->function->start + s->bias, &c);
	copy_programs(j, s, a, &copies);
	t.progs = copies.here.v;
	t.n_progs = (uint32_t)copies.here.n;
	t.returns = copies.returns.v;
	t.n_returns = (uint32_t)copies.returns.n;
	if (t.n_returns)
		t.kind = TRAMPOLINE_CALL;
	else if (s->is_go)
		t.kind = TRAMPOLINE_GO;
	err = trampoline_emit(x, &s->patch, &c, s->function->bytes, &t, env);
	copies_free(&copies);
	if (!err && s->is_go && trampoline_stack(&s->patch) > go_room(s))
		err = err_new(0, "the programs there need %u bytes of stack, the function has %u",
			      trampoline_stack(&s->patch), go_room(s));
	return err;
}

/* a site that cannot be done after all is told and left out: its patch has no trampoline */
static void refuse_site(struct target_job *j, struct site *s, struct err *err)
{
	STRBUF_AUTO text = { 0 };

	err_format(err, &text);
	sites_refuse(j, s, strbuf_cstr(&text));
	err_free(err);
	s->patch.trampoline = 0;
}

/* what the compiler of programs may know of the maps: where they are, what never changes of them */
static struct trampoline_map *known_maps(const struct shared *s, uint64_t data, uint32_t *n)
{
	struct trampoline_map *v = base_alloc((s->n_maps + 1) * sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; i < s->n_maps; i++)
		if (s->maps[i].at)
			v[(*n)++] = (struct trampoline_map){ data + s->maps[i].at,
							     &s->maps[i].shape };
	return v;
}

static ERR_MUST struct err *fill_area(struct batch *b, struct target_job *j, struct area *a)
{
	struct trampoline_env env = { .blob = a->blob,
				      .area = a->remote.data,
				      .private = a->remote.private,
				      .calls = a->remote.private + PRIVATE_BYTES,
				      .is_foreign = j->image->is_foreign };
	struct trampoline_map *maps = known_maps(j->shared, a->remote.data, &env.n_maps);
	struct x86 x = { .base = a->blob };
	size_t blob = (blob_bytes() + CODE_ALIGN - 1) & ~(size_t)(CODE_ALIGN - 1);
	char *copy = base_alloc(blob);
	struct err *err = NULL;

	env.maps = maps;
	blob_copy(copy, a->remote.data, a->remote.private);
	x86_bytes(&x, copy, (uint32_t)blob);
	free(copy);
	for (uint32_t i = a->first; i < a->first + a->n; i++) {
		struct err *e = make_trampoline(j, &b->sites.v.v[i], &env, &a->remote, &x);

		if (e)
			refuse_site(j, &b->sites.v.v[i], e);
	}
	free(maps);
	x86_link(&x);
	if (a->blob + x.code.n > a->remote.code + a->remote.code_bytes)
		err = err_new(0, "%zu bytes of code do not fit into %zu", x.code.n,
			      a->remote.code_bytes);
	else if (!remote_write(b->remote, a->blob, x.code.p, x.code.n))
		err = err_new(errno, "write code to process %d", (int)b->remote->pid);
	x86_free(&x);
	return err;
}

/* what the programs in there find about the process */
static ERR_MUST struct err *describe(struct batch *b, const struct target_job *j,
				     struct rt_private *ret)
{
	struct proc_maps maps;

	TRY(proc_maps_read(b->remote->pid, &maps));
	private_describe(b->remote->pid, &maps, ret);
	proc_maps_free(&maps);
	return private_refusal(ret, j->image);
}

static ERR_MUST struct err *fill_private(struct batch *b, const struct area *a,
					 const struct rt_private *p)
{
	const struct rt_calls calls = { .mask = CALL_BUCKETS - 1 };

	if (!remote_write(b->remote, a->remote.private, p, sizeof(*p)) ||
	    !remote_write(b->remote, a->remote.private + PRIVATE_BYTES, &calls, sizeof(calls)))
		return err_new(errno, "write memory of process %d", (int)b->remote->pid);
	return NULL;
}

/* ---- areas ---- */

/* in the table of patches: its own places, and in the first one all semaphores */
static uint32_t table_entries(const struct batch *b, const struct area *a)
{
	return a->n + (a == b->areas.v ? (uint32_t)b->sites.semaphores.n : 0);
}

/* of the table of patches */
static size_t table_bytes(const struct batch *b, const struct area *a)
{
	return (patches_bytes(table_entries(b, a)) + CODE_ALIGN - 1) & ~(size_t)(CODE_ALIGN - 1);
}

static size_t code_room(const struct target_job *j, const struct batch *b, const struct area *a)
{
	size_t n = table_bytes(b, a) + blob_bytes() + CODE_ALIGN;

	for (uint32_t i = a->first; i < a->first + a->n; i++) {
		n += CODE_FRAME;
		vec_each(u, &b->sites.v.v[i].uses)
			n += (size_t)j->image->progs[u->prog]->n_insns * CODE_PER_INSN + CODE_FRAME;
	}
	return n;
}

static ERR_MUST struct err *make_area(struct batch *b, struct target_job *j, struct area *a)
{
	const struct site *first = &b->sites.v.v[a->first], *last = first + a->n - 1;
	struct remote_area_sizes sizes = { .code = code_room(j, b, a),
					   .private = PRIVATE_BYTES + rt_calls_bytes(CALL_BUCKETS),
					   .data = j->shared->bytes };
	struct err *err;

	if (!b->is_held)
		TRY(remote_stop_one(b->remote, STOP_MS));
	err = remote_area_make(b->remote, first->address, last->address + PATCH_LONGEST, &sizes,
			       j->shared->fd, &a->remote);
	if (!b->is_held)
		remote_go(b->remote);
	a->blob = a->remote.code + table_bytes(b, a);
	return err ? err : patches_begin(b->remote, &a->remote, table_entries(b, a));
}

static void make_clusters(struct batch *b)
{
	for (uint32_t i = 0; i < b->sites.v.n; i++) {
		struct area *a = b->areas.n ? &b->areas.v[b->areas.n - 1] : NULL;

		if (!a || b->sites.v.v[i].address - b->sites.v.v[a->first].address > CLUSTER_SPAN) {
			vec_push(&b->areas, ((struct area){ .first = i }));
			a = &b->areas.v[b->areas.n - 1];
		}
		a->n++;
	}
}

/* ---- USDT: the program's own word for whether somebody looks ---- */

static void change_semaphores(struct batch *b, int by)
{
	vec_each(s, &b->sites.semaphores) {
		uint16_t n;

		if (!remote_read(b->remote, s->address, &n, sizeof(n)))
			continue;
		n = (uint16_t)(n + by);
		(void)remote_write(b->remote, s->address, &n, sizeof(n));
	}
}

static ERR_MUST struct err *raise_semaphores(struct batch *b)
{
	const struct semaphore *v = b->sites.semaphores.v;
	size_t n = b->sites.semaphores.n;

	_Static_assert(sizeof(*v) == sizeof(uint64_t), "an array of addresses");
	if (!n)
		return NULL;
	TRY(patches_note_semaphores(b->remote, &b->areas.v->remote, &v->address, n));
	change_semaphores(b, 1);
	b->has_semaphores = true;
	return NULL;
}

static void lower_semaphores(struct batch *b)
{
	if (!b->has_semaphores)
		return;
	err_free(patches_settle_semaphores(b->remote, &b->areas.v->remote));
	change_semaphores(b, -1);
	b->has_semaphores = false;
}

/* ---- all of it ---- */

/* the patches of all sites that have a trampoline, noted in the process before any is made */
static ERR_MUST struct err *gather_patches(struct batch *b)
{
	size_t n = 0;

	b->patches = base_alloc((b->sites.v.n + 1) * sizeof(*b->patches));
	vec_each(a, &b->areas) {
		size_t first = n;

		for (uint32_t i = a->first; i < a->first + a->n; i++)
			if (b->sites.v.v[i].patch.trampoline)
				b->patches[n++] = b->sites.v.v[i].patch;
		TRY(patches_note(b->remote, &a->remote, b->patches + first, n - first));
	}
	b->n_patches = n;
	return NULL;
}

static ERR_MUST struct err *install(struct batch *b)
{
	struct patch_counts counts;
	size_t n;
	struct err *err;

	TRY(gather_patches(b));
	n = b->n_patches;
	if (!b->is_held)
		TRY(remote_stop(b->remote, STOP_MS));
	err = patch_install(b->remote, b->patches, n, &counts);
	if (!err)
		err = raise_semaphores(b);
	if (err)
		err_free(patch_remove(b->remote, b->patches, n, &counts));
	remote_go(b->remote);
	return err;
}

static void note_attached(struct batch *b, struct target_job *j)
{
	size_t k = 0;

	vec_each(s, &b->sites.v) {
		if (!s->patch.trampoline)
			continue;
		s->patch = b->patches[k++];
		if (!s->patch.is_installed) {
			sites_refuse(
				j, s,
				"its bytes are not the file's: another tracer's probe or a debugger's breakpoint?");
			continue;
		}
		vec_each(u, &s->uses)
			j->is_attached[u->place] = true;
	}
}

static ERR_MUST struct err *make_all(struct batch *b, struct target_job *j)
{
	struct rt_private p;

	TRY(describe(b, j, &p));
	make_clusters(b);
	vec_each(a, &b->areas) {
		TRY(make_area(b, j, a));
		TRY(fill_private(b, a, &p));
		TRY(fill_area(b, j, a));
	}
	return install(b);
}

struct err *batch_install(struct batch *b, struct target_job *j)
{
	struct err *err = make_all(b, j);

	if (!err) {
		note_attached(b, j);
		return NULL;
	}
	/* areas were mapped, but nothing leads there */
	if (!b->is_held && remote_stop_one(b->remote, STOP_MS))
		return err;
	vec_each(a, &b->areas)
		if (a->remote.code)
			err_free(remote_area_unmap(b->remote, &a->remote));
	remote_go(b->remote);
	return err;
}

/* a call through a trampoline leaves its return address in places that nobody knows, a jmp_buf for one */
static bool had_calls(const struct batch *b, const struct area *a)
{
	size_t n = a->remote.private_bytes - PRIVATE_BYTES;
	FREE_AUTO char *bytes = base_alloc(n);
	struct rt_calls none = { .mask = CALL_BUCKETS - 1 };

	if (!remote_read(b->remote, a->remote.private + PRIVATE_BYTES, bytes, n) ||
	    memcmp(bytes, &none, sizeof(none)))
		return true;
	for (size_t i = sizeof(none); i < n; i++)
		if (bytes[i])
			return true;
	return false;
}

bool batch_give_back(struct batch *b)
{
	bool is_all = true;

	if (!b->is_removed)
		return true;
	vec_each(a, &b->areas) {
		if (!a->remote.code || had_calls(b, a))
			continue;
		if (remote_area_is_idle(b->remote, &a->remote))
			err_free(remote_area_unmap(b->remote, &a->remote));
		else
			is_all = false;
	}
	return is_all;
}

void batch_check(struct batch *b)
{
	struct patch_counts counts;

	for (size_t i = 0; i < b->n_patches; i++) {
		struct err *err;

		if (!patch_is_overwritten(b->remote, &b->patches[i]))
			continue;
		err = remote_stop(b->remote, STOP_MS);
		if (!err)
			err = patch_remove(b->remote, &b->patches[i], 1, &counts);
		err_free(err);
		remote_go(b->remote);
	}
}

void batch_remove(struct batch *b)
{
	struct patch_counts counts = { 0 };
	struct err *err = patch_remove(b->remote, b->patches, b->n_patches, &counts);

	lower_semaphores(b);
	b->is_removed = !err && !counts.n_refused;
	err_free(err);
}

void batch_free(struct batch *b)
{
	sites_free(&b->sites);
	vec_free(&b->areas);
	free(b->patches);
}
