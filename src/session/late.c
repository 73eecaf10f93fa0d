/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See late.h. A machine can start a thousand programs a second, each of which maps the same ten files: so what was
 * looked at is remembered by device, inode and generation of the inode, and costs one search in a table from then on. A
 * file that is new is opened through the mapping and asked cheaply; only one that can have what the script names is
 * compiled for. Many records at once are read together: after each reading there is a pause, which is short enough
 * for a program that starts.
 */
#include "session/late.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "objfile/proc.h"
#include "session/follow.h"
#include "session/generation.h"
#include "session/perf_rings.h"
#include "session/procwatch.h"
#include "session/symbols.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	PAUSE_NS = 1000000, /* between two readings of the rings */
	RESCAN_NS = 1000000000,
	UNTOLD_NS =
		50000000, /* between two looks at what processes map, where the kernel does not tell */
	SWEEP_NS = 1000000000,
	MAX_KNOWN =
		1 << 18, /* files that are remembered; then all but those with probes are forgotten */
};

/* what tells files apart */
struct file_key {
	uint64_t ino, generation;
	uint32_t dev_major, dev_minor;
};

struct known_file {
	struct file_key key;
	bool has_probes;
};

/* a file that was found by a mapping, and has probes */
struct probed_file {
	struct mapped_file mapped; /* without its path */
	struct objfile *f;
	int fd; /* -1: its probes are off */
	uint32_t group;
	bool is_kept;
};

struct late {
	struct late_opts o;
	int epoll_fd; /* over the engine's descriptor and the rings */
	struct arena arena;
	struct late_specs specs; /* attach points that wait */
	bool *has;               /* of each, whether the file that is looked at may have it */
	struct hashmap known;    /* struct file_key -> struct known_file */
	struct arena known_arena;
	VEC(struct probed_file) files;
	size_t sweep_next;
	uint64_t swept_at, n_released;
	uint32_t n_groups;
	uint64_t read_at; /* when the rings were read last */
	uint64_t rescanned_at;
	bool must_rescan;
	bool must_look; /* the engine must: a file that it knows was mapped */
	uint64_t held_at; /* since when what stands now may have run without probes; 0: nothing does */
	uint64_t n_records, n_looked, n_attached, worst_ns;
	uint32_t n_late, n_missed;
	bool is_ending; /* nothing is probed any more */
	uint64_t released_at;
};

/* ---- which ---- */

static bool fits_path(const struct late *l, struct str path)
{
	vec_each(spec, &l->specs)
		if (late_path_fits(spec, path))
			return true;
	return false;
}

static bool fits_file(struct late *l, struct str path, struct objfile *f)
{
	late_look(&l->specs, f, l->has);
	for (size_t i = 0; i < l->specs.n; i++)
		if (l->has[i] && late_path_fits(&l->specs.v[i], path))
			return true;
	return false;
}

/* -p, -c: those processes; --follow asks the set that the programs keep */
static bool concerns(const struct late *l, pid_t pid)
{
	const struct session_opts *o = l->o.c->opts;

	if (o->follow)
		return true;
	if (l->o.c->child && pid == l->o.c->child)
		return true;
	vec_each(p, &o->pids)
		if (*p == pid)
			return true;
	return !o->pids.n && !l->o.c->child;
}

/* what was mapped has, or gets, probes: where these are the process's, it stands until they are there */
static enum engine_hold hold(struct late *l, pid_t pid, uint64_t mapped_at)
{
	enum engine_hold h = ENGINE_HOLD_NONE;

	if (!l->o.ops->hold)
		return ENGINE_HOLD_READY;
	if (pid)
		h = l->o.ops->hold(l->o.engine, pid, mapped_at);
	l->must_look |= h == ENGINE_HOLD_STANDS;
	return h;
}

/* a file that is known gets its probes in one process more */
static void note_late(struct late *l, const struct mapped_file *m, uint64_t mapped_at,
		      bool is_first)
{
	log_verbose("%.*s is mapped by process %d, which stands until it has its probes",
		    STR_ARG(m->path), (int)m->pid);
	l->n_late += is_first;
	if (!l->held_at || mapped_at < l->held_at)
		l->held_at = mapped_at;
}

static void note_looked(struct late *l)
{
	uint64_t took = clock_monotonic_ns() - l->held_at;

	if (l->held_at && took > l->worst_ns)
		l->worst_ns = took;
	l->held_at = 0;
}

static bool is_followed(struct late *l, pid_t pid)
{
	FREE_AUTO uint64_t *set = NULL;

	if (l->o.c->opts->follow && l->o.ops->hold)
		return hold(l, pid, UINT64_MAX) != ENGINE_HOLD_NONE;
	if (!l->o.c->opts->follow || pid < 0 || pid >= IMAGE_FOLLOWED_PIDS)
		return !l->o.c->opts->follow;
	set = follow_read(l->o.c->image, l->o.ops, l->o.engine);
	return set[pid / 64] >> (pid % 64) & 1;
}

/* ---- once each ---- */

static bool is_known(struct late *l, const struct file_key *key)
{
	return hashmap_get(&l->known, str_make((const char *)key, sizeof(*key)));
}

static void remember(struct late *l, const struct file_key *key, bool has_probes)
{
	struct known_file *k;

	if (!key)
		return;
	if (l->known.n >= MAX_KNOWN) {
		hashmap_free(&l->known);
		arena_free(&l->known_arena);
		arena_init(&l->known_arena);
	}
	k = arena_new(&l->known_arena, struct known_file);
	k->key = *key;
	k->has_probes = has_probes;
	hashmap_put(&l->known, str_make((const char *)&k->key, sizeof(k->key)), k);
}

/* the same file as one that has probes already: from the beginning, or under another device */
static bool has_probes(const struct late *l, const struct objfile *f)
{
	vec_each(k, &l->files)
		if (k->fd >= 0 && objfile_is_same(k->f, f))
			return true;
	return late_was_surveyed(&l->o.c->probes, f);
}

/* ---- attaching ---- */

void late_warn(const struct late_opts *o, struct str path, struct err *err, const char *what)
{
	STRBUF_AUTO text = { 0 }, shown = { 0 };

	if (err)
		err_format(err, &text);
	diag_add_text(&shown, strbuf_str(&text));
	if (!o->c->opts->no_warnings)
		output_complain(o->out, "WARNING: %.*s %s%s%s\n", STR_ARG(path), what,
				shown.n ? ": " : "", strbuf_cstr(&shown));
	err_free(err);
}

struct err *late_attach(const struct late_opts *o, const struct probe_late *late, uint32_t group,
			struct late_result *ret)
{
	struct engine_attach_result res;
	struct generation *g;
	struct err *err;

	*ret = (struct late_result){ 0 };
	TRY(generation_new(o->c, late, &g));
	if (!g)
		return NULL;
	/* addresses may be kept from the first hit on, and the process may have ended when they are printed */
	if (late->mapped->pid && procwatch_wanted_map(o->c->image) != IMAGE_NONE)
		symbolizer_note_process(o->c->symbolizer, late->mapped->pid);
	err = o->ops->extend(o->engine, group, &res);
	if (err || !res.n_loaded) {
		generation_drop(g);
		ret->n_probes = err ? 0 : res.n_attached;
		return err;
	}
	generation_keep(g);
	*ret = (struct late_result){ res.n_attached, true };
	TRY(output_extend(o->out));
	o->grown(o->arg, late->mapped->pid);
	return NULL;
}

/* f and fd are taken over */
static void attach(struct late *l, const struct mapped_file *m, struct objfile *f, int fd,
		   uint64_t mapped_at)
{
	struct probe_late late = { .mapped = m, .file = f, .waiting = &l->specs, .has = l->has };
	uint64_t start = clock_monotonic_ns();
	struct late_result res;
	struct err *err;
	uint64_t took;

	hold(l, m->pid, UINT64_MAX);
	late.open_path = mapped_file_path(m, fd, &l->arena);
	objfile_cache_adopt(probe_ctx_files(&l->o.c->probes), f);
	err = late_attach(&l->o, &late, ++l->n_groups, &res);
	if (err)
		late_warn(&l->o, m->path, err, "was mapped now and is left out");
	l->n_attached += res.n_probes;
	took = clock_monotonic_ns() - mapped_at;
	if (res.n_probes) {
		l->n_late++;
		l->worst_ns = took > l->worst_ns ? took : l->worst_ns;
	}
	log_verbose("%.*s, mapped by process %d: %u probe%s, there %.2f ms after it was mapped "
		    "(noticed after %.2f)",
		    STR_ARG(m->path), (int)m->pid, res.n_probes, res.n_probes == 1 ? "" : "s",
		    (double)took / 1e6, (double)(start - mapped_at) / 1e6);
	vec_push(&l->files, ((struct probed_file){ .mapped = *m,
						   .f = f,
						   .fd = fd,
						   .group = l->n_groups,
						   .is_kept = res.is_kept }));
	vec_last(&l->files).mapped.path = STR_NULL; /* the record's */
}

/* ---- files that are gone ---- */

static bool is_used(const struct probed_file *p)
{
	struct pid_list all = { 0 };
	bool used = mapped_file_is_used_by(&p->mapped, p->mapped.pid);

	if (!used)
		err_free(proc_all(&all));
	for (size_t i = 0; i < all.n && !used; i++)
		used = mapped_file_is_used_by(&p->mapped, all.v[i]);
	vec_free(&all);
	return used;
}

/*
 * A file without a name that nothing maps any more will never be mapped again, but lives on, in memory perhaps, because
 * probes are on it.
 */
static bool is_gone(const struct probed_file *p)
{
	struct stat st;

	return p->fd >= 0 && fstat(p->fd, &st) == 0 && st.st_nlink == 0 && !is_used(p);
}

static void release(struct late *l, struct probed_file *p)
{
	l->o.ops->drop_group(l->o.engine, p->group);
	close(p->fd);
	p->fd = -1;
	l->n_released++;
	if (p->is_kept)
		return;
	objfile_cache_drop(probe_ctx_files(&l->o.c->probes), p->f);
	objfile_unref(p->f);
	*p = vec_last(&l->files);
	l->files.n--;
}

/* one file a second is looked at */
static void sweep(struct late *l, uint64_t now)
{
	if (!l->files.n || now - l->swept_at < SWEEP_NS)
		return;
	l->swept_at = now;
	l->sweep_next = l->sweep_next + 1 < l->files.n ? l->sweep_next + 1 : 0;
	if (is_gone(&l->files.v[l->sweep_next]))
		release(l, &l->files.v[l->sweep_next]);
}

/* ---- looking ---- */

/* key: NULL when it is not known */
static void look(struct late *l, const struct mapped_file *m, const struct file_key *key,
		 uint64_t mapped_at)
{
	STRBUF_AUTO name = { 0 };
	struct objfile *f = NULL;
	int fd = mapped_file_open(m);
	bool is_there;

	/* the process is gone, and the name with it: there is nothing to be probed, now */
	if (fd < 0)
		return;
	l->n_looked++;
	strbuf_add_str(&name, m->path);
	err_free(objfile_open_fd(fd, strbuf_cstr(&name), &f));
	is_there = f && has_probes(l, f);
	/* what processes had from the beginning is found by reading lists, not by records: when it was mapped is not known */
	if (is_there) {
		bool is_told = l->o.c->mappings && key;

		if (hold(l, m->pid, is_told ? mapped_at : UINT64_MAX) == ENGINE_HOLD_STANDS &&
		    is_told)
			note_late(l, m, mapped_at, true);
	}
	if (f && !is_there && fits_file(l, m->path, f)) {
		if (!is_followed(l, m->pid)) {
			objfile_unref(f);
			close(fd);
			return;
		}
		remember(l, key, true);
		attach(l, m, f, fd, mapped_at);
		return;
	}
	remember(l, key, is_there);
	objfile_unref(f);
	close(fd);
}

/* records were lost: all that is mapped now is looked at */
static void rescan(struct late *l)
{
	const struct session_opts *o = l->o.c->opts;
	struct mapped_files all;
	uint64_t mapped_at;
	struct err *err;

	/* when what is found now was mapped is not known: after the last look */
	mapped_at = l->rescanned_at ? l->rescanned_at : clock_monotonic_ns();
	l->rescanned_at = clock_monotonic_ns();
	l->must_rescan = false;
	if (!o->follow && l->o.c->child)
		err = mapped_files_read(&l->o.c->child, 1, &all);
	else
		err = mapped_files_read(o->follow ? NULL : o->pids.v, o->follow ? 0 : o->pids.n,
					&all);
	vec_each(m, &all.files) {
		struct file_key key = { .ino = (*m)->ino,
					.dev_major = (*m)->dev_major,
					.dev_minor = (*m)->dev_minor };

		/* its generation is not known: only where the kernel tells nothing is a file taken for one that was looked at */
		if (fits_path(l, (*m)->path) && concerns(l, (*m)->pid) &&
		    (l->o.c->mappings || !is_known(l, &key)))
			look(l, *m, l->o.c->mappings ? NULL : &key, mapped_at);
	}
	mapped_files_free(&all);
	err_free(err);
}

static struct str last_part(struct str path)
{
	const char *slash = memrchr(path.p, '/', path.n);

	return slash ? str_sub(path, (size_t)(slash - path.p) + 1, path.n) : path;
}

/* does the script name it, or has it got probes? Asked only where processes are to stand then */
static bool is_probed(struct late *l, struct str path, const struct file_key *key)
{
	const struct known_file *k = hashmap_get(&l->known,
						 str_make((const char *)key, sizeof(*key)));
	const struct image *im = l->o.c->image;

	if (k || !l->o.ops->hold)
		return k && k->has_probes;
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct probe_shape *s = im->progs[i]->shape;

		/* places of one file come one after the other, and most shapes have those of one */
		if (s->is_user && s->n_points &&
		    str_eq(last_part(s->points[0].path), last_part(path)))
			return true;
	}
	return false;
}

/* a process maps a file again that has probes in others, or has none yet because nobody had mapped it */
static void on_probed(struct late *l, const struct mapped_file *m, const struct file_key *key,
		      uint64_t mapped_at)
{
	bool is_new = !is_known(l, key);
	enum engine_hold h;

	if ((mapped_at <= l->released_at && m->pid == l->o.c->child) ||
	    (l->is_ending && proc_is_alive(m->pid)))
		return;
	h = hold(l, m->pid, mapped_at);
	if (l->specs.n && is_new)
		return;
	/* with --follow a process does not run before it has its probes, and others' are none of ours */
	if (h == ENGINE_HOLD_NONE) {
		l->n_missed += !l->o.c->opts->follow;
		return;
	}
	if (h == ENGINE_HOLD_STANDS)
		note_late(l, m, mapped_at, is_new);
	if (is_new)
		remember(l, key, true);
}

static void on_record(void *arg, const struct perf_record *r)
{
	const struct str deleted = STR(" (deleted)");
	struct late *l = arg;
	struct mapped_file m = { .ino = r->ino,
				 .dev_major = r->dev_major,
				 .dev_minor = r->dev_minor,
				 .pid = r->pid,
				 .start = r->start,
				 .end = r->start + r->len,
				 .path = r->path };
	struct file_key key = { r->ino, r->generation, r->dev_major, r->dev_minor };

	l->must_rescan |= r->kind == PERF_LOST;
	if (r->kind != PERF_MAPPED || !r->ino || !r->path.n || r->path.p[0] != '/')
		return;
	l->n_records++;
	if (!concerns(l, r->pid))
		return;
	if (l->o.ops->hold && is_probed(l, r->path, &key))
		on_probed(l, &m, &key, r->time);
	if (l->is_ending)
		return;
	if (!l->specs.n || is_known(l, &key)) {
		l->must_look |= !l->o.c->opts->follow;
		return;
	}
	if (str_ends(m.path, deleted)) {
		m.path = str_sub(m.path, 0, m.path.n - deleted.n);
		m.is_deleted = true;
	}
	if (fits_path(l, m.path))
		look(l, &m, &key, r->time);
}

/* ---- the session's rounds ---- */

void late_round(struct late *l)
{
	if (!l)
		return;
	if (l->o.c->mappings)
		perf_rings_read(l->o.c->mappings, on_record, l);
	l->read_at = clock_monotonic_ns();
	if ((l->must_rescan && l->read_at - l->rescanned_at > RESCAN_NS) ||
	    (!l->o.c->mappings && l->read_at - l->rescanned_at > UNTOLD_NS))
		rescan(l);
	if (l->must_look && l->o.ops->look) {
		l->must_look = l->o.ops->look(l->o.engine);
		note_looked(l);
	}
	sweep(l, l->read_at);
}

int late_patience(const struct late *l, int timeout_ms)
{
	return l && l->must_look ? 1 : timeout_ms;
}

void late_wait(struct late *l, int timeout_ms)
{
	struct epoll_event ev;
	uint64_t now;

	if (!l)
		return;
	now = clock_monotonic_ns();
	if (now - l->read_at < PAUSE_NS) {
		struct timespec pause = { .tv_nsec = (long)(PAUSE_NS - (now - l->read_at)) };

		nanosleep(&pause, NULL);
	}
	/* the engine's own poll waits for both, or for time to pass */
	if (!l->o.ops->wake_by)
		(void)!epoll_wait(l->epoll_fd, &ev, 1, timeout_ms);
}

/* ---- begin and end ---- */

static bool add_to_epoll(struct late *l, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static bool has_file(const struct mapped_files *all, struct str path)
{
	struct stat st;

	if (!path.n || stat(path.p, &st))
		return true; /* it cannot come */
	vec_each(m, &all->files)
		if ((*m)->ino == st.st_ino)
			return true;
	return false;
}

/* where probes are processes' (engine_ops.look): do these have all files that the script names? */
static bool has_all_files(const struct compilation *c)
{
	const struct session_opts *o = c->opts;
	struct mapped_files all;
	bool has_all = true;

	if (c->child || !o->pids.n)
		return false;
	err_free(mapped_files_read(o->pids.v, o->pids.n, &all));
	for (uint32_t i = 0; i < c->image->n_progs; i++) {
		const struct probe_shape *s = c->image->progs[i]->shape;

		for (uint32_t k = 0; s->is_user && has_all && k < s->n_points; k++)
			if (!k || !str_eq(s->points[k].path, s->points[k - 1].path))
				has_all = has_file(&all, s->points[k].path);
	}
	mapped_files_free(&all);
	return has_all;
}

static bool is_in_files(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++)
		if (im->progs[i]->shape->is_user)
			return true;
	return false;
}

/* scripts without patterns: what they name may be mapped later, too, and is not to run there without probes */
static void watch_named(struct compilation *c)
{
	struct perf_rings_opts ro = { .wakes = true };

	if (c->waits || c->opts->is_dry_run || !is_in_files(c->image) || has_all_files(c))
		return;
	err_free(perf_rings_new(&ro, &c->mappings)); /* not without root: then it takes some 50 ms */
}

struct late *late_new(const struct late_opts *o)
{
	struct compilation *c = o->c;
	bool is_fine;
	struct late *l;
	int fd;

	if (o->ops->look)
		watch_named(c);
	if (!c->mappings && (!c->waits || !o->ops->look))
		return NULL;
	l = base_alloc(sizeof(*l));
	l->o = *o;
	arena_init(&l->arena);
	arena_init(&l->known_arena);
	for (struct clause *cl = c->script->clauses; cl; cl = cl->next)
		for (struct attach_point *ap = cl->points; ap; ap = ap->next)
			late_add_specs(&c->probes, ap, &l->arena, &l->specs);
	l->has = arena_array(&l->arena, bool, l->specs.n + 1);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	is_fine = l->epoll_fd >= 0 &&
		  (o->ops->wake_by || add_to_epoll(l, o->ops->poll_fd(o->engine)));
	for (size_t i = 0; c->mappings && (fd = perf_rings_fd(c->mappings, i)) >= 0; i++)
		is_fine = is_fine && add_to_epoll(l, fd);
	if (!is_fine)
		log_verbose("files that are mapped later are noticed late: %s", strerror(errno));
	if (o->ops->wake_by)
		o->ops->wake_by(o->engine, l->epoll_fd);
	return l;
}

void late_end(struct late *l)
{
	if (!l || !l->o.ops->hold || !l->o.c->mappings)
		return;
	l->is_ending = true;
	perf_rings_read(l->o.c->mappings, on_record, l);
}

void late_released(struct late *l, uint64_t at)
{
	if (l)
		l->released_at = at;
}

uint32_t late_missed(const struct late *l)
{
	return l ? l->n_missed : 0;
}

uint32_t late_files(const struct late *l, uint64_t *worst_ns)
{
	*worst_ns = l ? l->worst_ns : 0;
	return l ? l->n_late : 0;
}

void late_free(struct late *l)
{
	if (!l)
		return;
	log_verbose(
		"files that were mapped later: %llu records, %llu files looked at, %llu probes attached, %llu files released",
		(unsigned long long)l->n_records, (unsigned long long)l->n_looked,
		(unsigned long long)l->n_attached, (unsigned long long)l->n_released);
	vec_each(p, &l->files) {
		objfile_unref(p->f);
		if (p->fd >= 0)
			close(p->fd);
	}
	if (l->o.ops->wake_by)
		l->o.ops->wake_by(l->o.engine, -1);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	vec_free(&l->files);
	vec_free(&l->specs);
	hashmap_free(&l->known);
	arena_free(&l->known_arena);
	arena_free(&l->arena);
	free(l);
}
