/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding the places of an image in a process; see sites.h. */
#include "engine/user/sites.h"

#include "base/arena.h"
#include "objfile/elf.h"
#include "objfile/go_entry.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* a file that places are in, as the process has it */
struct file {
	struct str path;
	struct stat st;
	struct objfile *obj;
	bool is_there; /* the file can be read */
};

/* a function whose returns cannot all be seen: then none of them is probed, nor what is kept at its entry for them */
struct half {
	const struct probe_shape *shape; /* of the returns */
	uint32_t function;
};

struct search {
	struct target_job *job;
	const struct proc_maps *maps;
	sites_known_fn *is_known;
	void *arg;
	struct sites *out;
	VEC(struct file) files;
	VEC(struct half) halves;
};

/* ---- the job ---- */

static bool has_places(const struct image_prog *p)
{
	enum probe_kind k = p->shape->kind;

	return k == PROBE_UPROBE || k == PROBE_URETPROBE || k == PROBE_USDT;
}

void target_job_init(struct target_job *j, const struct image *im, const struct shared *s)
{
	*j = (struct target_job){ .image = im, .shared = s };
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (has_places(im->progs[i]))
			j->n_places += im->progs[i]->shape->n_points;
	j->is_attached = base_alloc(j->n_places + 1);
}

void target_job_free(struct target_job *j)
{
	free(j->is_attached);
	refusals_free(&j->refusals);
}

uint32_t target_job_attached(const struct target_job *j)
{
	uint32_t n = 0, place = 0;

	for (uint32_t i = 0; i < j->image->n_progs; i++) {
		const struct probe_shape *s = j->image->progs[i]->shape;

		for (uint32_t k = 0; has_places(j->image->progs[i]) && k < s->n_points; k++)
			n += j->is_attached[place++] && !s->points[k].is_repeat;
	}
	return n;
}

void sites_refuse(struct target_job *j, const struct site *s, const char *why)
{
	vec_each(u, &s->uses)
		refusals_add(&j->refusals, u->point->name, why);
}

/* ---- files and their mappings ---- */

static struct file *file_of(struct search *s, struct str path)
{
	STRBUF_AUTO text = { 0 };
	struct file f = { .path = path };

	vec_each(have, &s->files)
		if (str_eq(have->path, path))
			return have;
	strbuf_add_str(&text, path);
	f.is_there = !stat(strbuf_cstr(&text), &f.st);
	if (f.is_there) {
		struct err *err = objfile_open(strbuf_cstr(&text), &f.obj);

		f.is_there = !err;
		err_free(err);
	}
	vec_push(&s->files, f);
	return &s->files.v[s->files.n - 1];
}

/* the address that a byte of the file has in the process; 0: it is not mapped */
static uint64_t address_of(const struct search *s, const struct file *f, uint64_t offset,
			   bool is_code)
{
	for (uint32_t i = 0; i < s->maps->n; i++) {
		const struct proc_map *m = &s->maps->v[i];

		if (m->ino != f->st.st_ino || offset < m->offset ||
		    offset - m->offset >= m->end - m->start || (is_code ? !m->exec : !m->write))
			continue;
		/* some file systems give another device than stat does: then the path tells */
		if ((m->dev_major == major(f->st.st_dev) && m->dev_minor == minor(f->st.st_dev)) ||
		    str_ends(f->path, m->path))
			return m->start + (offset - m->offset);
	}
	return 0;
}

static void files_free(struct search *s)
{
	vec_each(f, &s->files)
		objfile_unref(f->obj);
	vec_free(&s->files);
}

/* ---- places ---- */

static const char no_room_in_go[] =
	"the function does not check its stack, so there may be no room for a probe (go:nosplit)";

/*
 * Go's stacks are small, and nothing below them is the program's: but a function that has checked its stack has SITES_GO_ROOM bytes below
 * rsp wherever it stands, which are for functions that do not check
 */
static bool has_go_room(const struct patchable_function *fn, uint64_t address)
{
	uint64_t checked = fn->start;

	return go_entry_place(&fn->code, fn->start, &checked) && checked > fn->start &&
	       address >= checked;
}

static struct site *site_at(struct sites *all, uint64_t address)
{
	vec_each(s, &all->v)
		if (s->address == address)
			return s;
	vec_push(&all->v, ((struct site){ .address = address }));
	return &all->v.v[all->v.n - 1];
}

/* places of one function come one after the other, mostly */
static const struct patchable_function *function_at(struct sites *all, struct objfile *f,
						    uint64_t address)
{
	struct site_function new = { .file = f };

	for (size_t i = all->functions.n; i--;) {
		const struct site_function *have = &all->functions.v[i];

		if (have->file == f && address - have->function->start < have->function->size)
			return have->function;
	}
	new.function = base_alloc(sizeof(*new.function));
	patchable_read(f, address, new.function);
	vec_push(&all->functions, new);
	return new.function;
}

static void add_semaphore(struct search *s, const struct file *f, uint64_t offset)
{
	uint64_t at = address_of(s, f, offset, false);

	vec_each(have, &s->out->semaphores)
		if (have->address == at)
			return;
	if (at)
		vec_push(&s->out->semaphores, ((struct semaphore){ at }));
}

/* whether there is room at the place */
static void judge(struct search *s, struct site *site, const struct file *f,
		  const struct probe_shape *shape, const struct probe_point *p)
{
	site->file = f->obj;
	site->function = function_at(s->out, f->obj, p->address);
	patchable_at(site->function, p->address, &site->place);
	if (shape->is_go && !has_go_room(site->function, p->address)) {
		site->place.len = 0;
		site->place.reason = no_room_in_go;
	}
}

static void add_place(struct search *s, uint32_t prog, const struct probe_point *p, uint32_t place)
{
	const struct probe_shape *shape = s->job->image->progs[prog]->shape;
	struct file *f = file_of(s, p->path);
	uint64_t at = f->is_there ? address_of(s, f, p->file_offset, true) : 0;
	struct site *site;

	if (!at || s->is_known(s->arg, at)) /* this process does not have it, or has it already */
		return;
	site = site_at(s->out, at);
	vec_push(&site->uses, ((struct site_use){ .point = p,
						  .prog = prog,
						  .place = place,
						  .is_return = probe_is_kernel_return(shape) }));
	if (site->uses.n > 1)
		return;
	judge(s, site, f, shape, p);
	site->is_go = shape->is_go;
	site->bias = at - p->address;
	site->is_entry = p->address == site->function->start;
	if (p->ref_ctr_offset)
		add_semaphore(s, f, p->ref_ctr_offset);
}

static int by_address(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void site_free(struct site *s)
{
	vec_free(&s->uses);
}

/* two jumps need room for both */
static bool overlaps(const struct site *before, const struct site *s)
{
	return before && before->patch.site + before->patch.len > s->patch.site;
}

/* the shape of the returns that a program serves, by RETs, at entries, or at tail jumps; NULL: none */
static const struct probe_shape *returns_of(const struct search *s, uint32_t prog)
{
	const struct image *im = s->job->image;
	const struct probe_shape *shape = im->progs[prog]->shape;

	if (shape->is_return)
		return shape->return_way == RETURN_SITES ? shape : NULL;
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->shape->entries == shape || im->progs[i]->shape->tails == shape)
			return im->progs[i]->shape;
	return NULL;
}

static bool is_half(const struct search *s, const struct site_use *u)
{
	const struct probe_shape *shape = returns_of(s, u->prog);

	vec_each(h, &s->halves)
		if (h->shape == shape && h->function == u->point->function)
			return true;
	return false;
}

static void refuse(struct search *s, struct site *site, const char *why)
{
	sites_refuse(s->job, site, why);
	vec_each(u, &site->uses) {
		const struct probe_shape *shape = returns_of(s, u->prog);

		if (shape && !is_half(s, u))
			vec_push(&s->halves, ((struct half){ shape, u->point->function }));
	}
	site_free(site);
}

static void drop_entered(struct search *s)
{
	struct patchable_span *v = base_alloc((s->out->v.n + 1) * sizeof(*v));

	vec_each(f, &s->files) {
		size_t n = 0;

		vec_each(site, &s->out->v)
			if (site->file == f->obj && site->function->bytes)
				v[n++] = (struct patchable_span){ site->function, &site->place };
		if (n)
			patchable_drop_entered(f->obj, v, n);
	}
	free(v);
}

/* what can be patched stays */
static void choose(struct search *s)
{
	struct site *before = NULL;
	size_t n = 0;

	if (s->out->v.n)
		qsort(s->out->v.v, s->out->v.n, sizeof(*s->out->v.v), by_address);
	for (size_t i = 0; i < s->out->v.n; i++) {
		struct site site = s->out->v.v[i];

		site.patch = (struct patch){ .site = site.place.address + site.bias,
					     .at = site.place.at + site.bias,
					     .len = site.place.len };
		if (!site.place.len || overlaps(before, &site)) {
			refuse(s, &site,
			       site.place.len ? "another probe stands too near"
					      : site.place.reason);
			continue;
		}
		s->out->v.v[n] = site;
		before = &s->out->v.v[n++];
	}
	s->out->v.n = n;
}

/* functions stay of which everything that belongs together does */
static void drop_halves(struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->out->v.n; i++) {
		struct site *site = &s->out->v.v[i];
		size_t left = 0;

		for (size_t k = 0; k < site->uses.n; k++)
			if (!is_half(s, &site->uses.v[k]))
				site->uses.v[left++] = site->uses.v[k];
		s->job->refusals.n += (uint32_t)(site->uses.n - left);
		site->uses.n = left;
		if (left)
			s->out->v.v[n++] = *site;
		else
			site_free(site);
	}
	s->out->v.n = n;
}

void sites_find(struct target_job *j, const struct proc_maps *maps, sites_known_fn *is_known,
		void *arg, struct sites *ret)
{
	struct search s = { .job = j, .maps = maps, .is_known = is_known, .arg = arg, .out = ret };
	uint32_t place = 0;

	*ret = (struct sites){ 0 };
	for (uint32_t i = 0; i < j->image->n_progs; i++) {
		const struct probe_shape *shape = j->image->progs[i]->shape;

		for (uint32_t k = 0; has_places(j->image->progs[i]) && k < shape->n_points; k++)
			add_place(&s, i, &shape->points[k], place++);
	}
	drop_entered(&s);
	choose(&s);
	if (s.halves.n)
		drop_halves(&s);
	files_free(&s);
	vec_free(&s.halves);
}

static struct err *cannot_probe(const struct site *s)
{
	return err_new(0, "%.*s cannot be probed there: %s", STR_ARG(s->uses.v[0].point->name),
		       s->place.reason);
}

static struct err *place_refusal(struct search *s, const struct probe_shape *shape,
				 const struct probe_point *p)
{
	struct file *f = file_of(s, p->path);
	struct site site = { 0 };

	if (!f->is_there)
		return NULL; /* a file that cannot be read is the other engine's error, too */
	judge(s, &site, f, shape, p);
	vec_push(&site.uses, ((struct site_use){ .point = p }));
	vec_push(&s->out->v, site);
	return site.place.len ? NULL : cannot_probe(&site);
}

struct err *sites_refusal(const struct image *im)
{
	struct sites sites = { 0 };
	struct search s = { .out = &sites };
	struct err *err = NULL;

	for (uint32_t i = 0; !err && i < im->n_progs; i++) {
		const struct probe_shape *shape = im->progs[i]->shape;

		for (uint32_t k = 0; !err && has_places(im->progs[i]) && k < shape->n_points; k++)
			err = place_refusal(&s, shape, &shape->points[k]);
	}
	if (!err)
		drop_entered(&s);
	for (size_t i = 0; !err && i < sites.v.n; i++)
		if (!sites.v.v[i].place.len)
			err = cannot_probe(&sites.v.v[i]);
	files_free(&s);
	sites_free(&sites);
	return err;
}

void sites_free(struct sites *s)
{
	vec_each(site, &s->v)
		site_free(site);
	vec_free(&s->v);
	vec_free(&s->semaphores);
	vec_each(fn, &s->functions) {
		patchable_free(fn->function);
		free(fn->function);
	}
	vec_free(&s->functions);
}
