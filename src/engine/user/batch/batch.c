/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Places that lie within reach of one another share an area (area.h). While the process runs,
 * areas are mapped (one thread stops for a moment) and code is made and written; then all threads stop, and all jumps are written
 * at once. See batch.h; what is patched and how: patch.h, trampoline.h.
 */
#include "engine/user/batch/batch.h"

#include "base/cleanup.h"
#include "engine/user/memory/private.h"
#include "engine/user/memory/shared.h"
#include "engine/user/patch/patches.h"
#include "engine/user/process/filters.h"
#include "engine/user/rt/fence.h"
#include "engine/user/trampoline/trampoline.h"
#include "objfile/go_runtime.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	STOP_MS = 3000,
	CODE_ALIGN = 16,
	JMP_REL32 = 0xe9,
	CODE_FRAME = 1024,     /* of a trampoline, besides its programs */
	CODE_OF_STACKS = 1024, /* more, where it changes to a stack of ours */
	CODE_PER_INSN = 24,    /* eBPF's instructions become 4 to 12 bytes, calls some more */
	/* of an unverified program, with what looks at each access, and around the whole */
	CODE_PER_FENCED = 72,
	CODE_OF_FENCE = 1024
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

/* at entries, RETs, and jumps that end the function rsp points to where it returns to */
static bool has_slot(const struct site *s)
{
	const struct code_insn *i = code_at(&s->function->code, s->address - s->bias);
	bool is_exit = i && i->kind == CODE_RET;

	vec_each(u, &s->uses)
		is_exit |= u->point->exit != EXIT_RET;
	return s->is_entry || is_exit;
}

/* where a function returns the kernel shows its caller; so does a trampoline that it is called through */
static uint32_t stack_from(const struct target_job *j, const struct site *s,
			   const struct site_use *u)
{
	if (u->is_return || !has_slot(s))
		return RT_FROM_IP;
	return j->image->progs[u->prog]->shape->is_return ? RT_FROM_SLOT
							  : RT_FROM_IP | RT_FROM_SLOT;
}

/* where the program counts its hits for --budget; 0: nowhere */
static uint64_t hits_of(const struct target_job *j, const struct image_prog *p,
			const struct remote_area *a)
{
	uint32_t map = j->image->budget_hits_map;

	return p->budget == IMAGE_NONE || map == IMAGE_NONE || !j->shared->maps[map].at
		       ? 0
		       : a->data + j->shared->maps[map].at;
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
					     .func_ip = s->address,
					     .stack_from = stack_from(j, s, u),
					     .hits = hits_of(j, p, a) };

		if (j->image->fence_map != IMAGE_NONE)
			t.report = a->data + j->shared->maps[j->image->fence_map].values +
				   u->prog * sizeof(struct rt_fence_report);
		shared_relocate(j->shared, p, a->data, insns);
		if (u->is_return)
			vec_push(&out->returns, t);
		else
			vec_push(&out->here, t);
	}
}

/*
 * On the goroutine's stack where there is room, which is quicker; else on one of ours. How much the programs need is known when their code is
 * made
 */
static ERR_MUST struct err *put_go_trampoline(struct site *s, const struct code *c,
					      struct trampoline_site *t,
					      const struct trampoline_env *env, struct x86 *x)
{
	size_t before = x->code.n;

	t->kind = s->room.has_flags ? TRAMPOLINE_GO : TRAMPOLINE_ENTRY;
	t->free = s->room.free;
	if (s->room.bytes) {
		TRY(trampoline_emit(x, &s->patch, c, s->function->bytes, t, env));
		if (trampoline_stack(&s->patch) <= s->room.bytes)
			return NULL;
		x->code.n = before;
	}
	t->is_on_ours = true;
	return trampoline_emit(x, &s->patch, c, s->function->bytes, t, env);
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
	t.has_slot = has_slot(s);
	if (t.n_returns)
		t.kind = TRAMPOLINE_CALL;
	if (s->is_go && !t.n_returns)
		err = put_go_trampoline(s, &c, &t, env, x);
	else
		err = trampoline_emit(x, &s->patch, &c, s->function->bytes, &t, env);
	copies_free(&copies);
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

/* what unverified programs may do with a map; those of a script that grows are not in the image, and its programs are verified */
static uint32_t ways_of(const struct image *im, uint32_t map)
{
	const struct image_map *m = map < im->n_maps ? im->maps[map] : NULL;

	if (!m || map == im->fence_map || m->role != MAP_SCRIPT)
		return RT_FENCE_CLOSED;
	if (m->bpf_type == BPF_MAP_TYPE_STACK_TRACE)
		return RT_FENCE_STACKS;
	return m->flags & BPF_F_RDONLY_PROG ? RT_FENCE_CONSTANT : 0;
}

/* what the compiler of programs may know of the maps: where they are, what never changes of them */
static struct trampoline_map *known_maps(const struct image *im, const struct shared *s,
					 uint64_t data, uint32_t *n)
{
	struct trampoline_map *v = base_alloc((s->n_maps + 1) * sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; i < s->n_maps; i++)
		if (s->maps[i].at)
			v[(*n)++] = (struct trampoline_map){ data + s->maps[i].at,
							     &s->maps[i].shape, ways_of(im, i) };
	return v;
}

/* the cluster's code, behind what its area has */
static ERR_MUST struct err *fill_area(struct batch *b, struct target_job *j,
				      const struct cluster *c)
{
	struct area *a = c->area;
	struct trampoline_env env = { .blob = a->blob,
				      .area = a->remote.data,
				      .private = a->remote.private,
				      .calls = a->remote.private + AREA_PRIVATE_BYTES,
				      .stacks = a->stacks,
				      .n_stacks = a->n_stacks,
				      .is_foreign = j->image->is_foreign };
	struct trampoline_map *maps = known_maps(j->image, j->shared, a->remote.data, &env.n_maps);
	struct x86 x = { .base = (a->next + CODE_ALIGN - 1) & ~(uint64_t)(CODE_ALIGN - 1) };
	struct err *err = NULL;

	env.maps = maps;
	for (uint32_t i = c->first; i < c->first + c->n; i++) {
		struct err *e = make_trampoline(j, &b->sites.v.v[i], &env, &a->remote, &x);

		if (e)
			refuse_site(j, &b->sites.v.v[i], e);
	}
	free(maps);
	x86_link(&x);
	if (x.base + x.code.n > a->remote.code + a->remote.code_bytes)
		err = err_new(0, "%zu bytes of code do not fit into %zu", x.code.n,
			      a->remote.code_bytes);
	else if (x.code.n && !remote_write(b->remote, x.base, x.code.p, x.code.n))
		err = err_new(errno, "write code to process %d", (int)b->remote->pid);
	else
		a->next = x.base + x.code.n;
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
	vec_each(s, &b->sites.v)
		if (s->is_go && !ret->g_offset)
			ret->g_offset = objfile_go_facts(s->file->obj)->g_tls_offset;
	return private_refusal(ret, j->image);
}

/* ---- areas ---- */

static size_t code_room(const struct target_job *j, const struct batch *b, const struct cluster *c)
{
	bool is_fenced = j->image->fence_map != IMAGE_NONE;
	size_t n = CODE_ALIGN, per_insn = is_fenced ? CODE_PER_FENCED : CODE_PER_INSN;
	size_t of_fence = is_fenced ? CODE_OF_FENCE + sizeof(struct rt_fence) +
					      j->image->n_maps * sizeof(struct rt_fence_map)
				    : 0;

	for (uint32_t i = c->first; i < c->first + c->n; i++) {
		n += CODE_FRAME + (b->sites.v.v[i].is_go ? CODE_OF_STACKS : 0);
		vec_each(u, &b->sites.v.v[i].uses)
			n += (size_t)j->image->progs[u->prog]->n_insns * per_insn + CODE_FRAME +
			     of_fence;
	}
	return n;
}

static ERR_MUST struct err *find_area(struct batch *b, const struct target_job *j,
				      const struct rt_private *p, struct cluster *c)
{
	const struct site *first = &b->sites.v.v[c->first], *last = first + c->n - 1;
	struct area_wish w = { .low = first->address,
			       .high = last->address + PATCH_LONGEST,
			       .n_entries = c->n,
			       .code = code_room(j, b, c),
			       .is_stopped = b->is_held };

	/* the batch's first area has all semaphores */
	if (c == b->clusters.v)
		w.n_entries += (uint32_t)b->sites.semaphores.n;
	return area_get(b->areas, b->remote, &w, j->shared, p, &c->area);
}

static void make_clusters(struct batch *b)
{
	for (uint32_t i = 0; i < b->sites.v.n; i++) {
		struct cluster *c = b->clusters.n ? &vec_last(&b->clusters) : NULL;

		if (!c || b->sites.v.v[i].address - b->sites.v.v[c->first].address > CLUSTER_SPAN) {
			vec_push(&b->clusters, ((struct cluster){ .first = i }));
			c = &vec_last(&b->clusters);
		}
		c->n++;
	}
}

/* ---- all of it ---- */

static const char *whose_bytes(const struct batch *b, const struct site *s)
{
	uint8_t now;

	if (s->patch.is_parked)
		return "goroutines were preempted in the middle of where the jump would be, time and again";
	return remote_read(b->remote, s->patch.site, &now, sizeof(now)) && now == JMP_REL32
		       ? "another tracer's jump stands there: another run of sonde --engine user?"
		       : "its bytes are not the file's: another tracer's probe or a debugger's breakpoint?";
}

static void note_attached(struct batch *b, struct target_job *j)
{
	size_t at = 0;

	vec_each(s, &b->sites.v) {
		const struct patch *p = batch_patch_of(b, s, &at);

		if (!p)
			continue;
		s->patch = *p;
		if (!s->patch.is_installed) {
			sites_refuse(j, s, whose_bytes(b, s));
			j->refusals.has_foreign |= !s->patch.is_parked;
			continue;
		}
		vec_each(u, &s->uses)
			j->is_attached[u->place] = true;
	}
}

static ERR_MUST struct err *check_filters(struct batch *b, const struct target_job *j)
{
	struct err *err;

	b->may_grow = true;
	if (!filters_sum(b->remote->pid, j->image, UINT_MAX))
		return NULL;
	if (!b->is_held)
		TRY(remote_stop(b->remote, STOP_MS));
	err = filters_check(b->remote, j->image);
	b->may_grow = filters_allow_growth(b->remote);
	if (!b->is_held)
		remote_go(b->remote);
	return err;
}

static ERR_MUST struct err *make_all(struct batch *b, struct target_job *j)
{
	struct rt_private p;

	TRY(check_filters(b, j));
	TRY(describe(b, j, &p));
	make_clusters(b);
	vec_each(c, &b->clusters) {
		TRY(find_area(b, j, &p, c));
		TRY(fill_area(b, j, c));
	}
	areas_let_grow(b->areas, b->remote, b->may_grow);
	return batch_write_jumps(b);
}

struct err *batch_install(struct batch *b, struct target_job *j)
{
	struct err *err = make_all(b, j);

	if (!err) {
		vec_each(c, &b->clusters)
			c->area->n_batches++;
		note_attached(b, j);
		return NULL;
	}
	if (b->must_jump)
		kill(b->remote->pid, SIGKILL);
	/* areas were mapped, but nothing leads there */
	if (!b->is_held && remote_stop_one(b->remote, STOP_MS))
		return err;
	areas_drop_unused(b->areas, b->remote);
	remote_go(b->remote);
	return err;
}

static bool is_files(const struct batch *b, const struct patch *p)
{
	uint8_t now[PATCH_JUMP];

	return p->is_installed && remote_read(b->remote, p->site, now, sizeof(now)) &&
	       !memcmp(now, p->old, sizeof(now));
}

bool batch_check(struct batch *b)
{
	struct patch_counts counts;
	bool is_lost = false;

	for (size_t i = 0; i < b->n_patches; i++) {
		struct err *err;

		is_lost = is_lost || is_files(b, &b->patches[i]);
		if (!patch_is_overwritten(b->remote, &b->patches[i]))
			continue;
		err = remote_stop(b->remote, STOP_MS);
		if (!err)
			err = patch_remove(b->remote, &b->patches[i], 1, &counts);
		err_free(err);
		remote_go(b->remote);
	}
	return is_lost;
}

void batch_remove(struct batch *b)
{
	struct patch_counts counts = { 0 };
	struct err *err = patch_remove(b->remote, b->patches, b->n_patches, &counts);

	err_free(batch_raise_all(b, false));
	b->is_removed = !err && !counts.n_refused;
	err_free(err);
	if (b->is_removed)
		vec_each(c, &b->clusters)
			c->area->n_batches--;
}

void batch_free(struct batch *b)
{
	sites_free(&b->sites);
	vec_free(&b->clusters);
	free(b->patches);
}
