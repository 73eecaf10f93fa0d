/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See late.h. The survey opens each file that is mapped once for the whole script, and asks it cheaply (objfile/quick.h)
 * whether it can have what an attach point names. Only those that can are opened as targets are: with symbols, debug
 * information, and all.
 */
#include "probe/late.h"

#include "objfile/needed.h"
#include "objfile/quick.h"
#include "objfile/resolve.h"
#include "objfile/symtab.h"
#include "probe/match_private.h"
#include "probe/targets.h"

#include <unistd.h>

struct survey_file {
	struct objfile *quick; /* for quick looks; NULL: not opened, or no ELF file */
	struct objfile *f;     /* of the cache */
	struct str open_path;
	bool *may_have; /* of the names that the script wants, what quick looks say; NULL: not asked yet */
	int fd;         /* + 1; open where the path leads through it */
	bool is_opened;
};

bool late_is_pattern(const struct probe_ctx *c, const struct probe_spec *spec)
{
	if (spec->kind != PROBE_UPROBE && spec->kind != PROBE_URETPROBE && spec->kind != PROBE_USDT)
		return false;
	if (!spec->target.n || spec->has_address || spec->source_file.n)
		return false;
	/* other wildcards stand for files of a folder, or of PATH */
	return spec->target.p[0] == '*' ||
	       (c->n_pids && str_has_glob(spec->target) && str_find_char(spec->target, '/', 0) < 0);
}

void late_add_specs(const struct probe_ctx *c, const struct attach_point *ap, struct arena *arena,
		    struct late_specs *out)
{
	uint32_t kinds = probe_kinds_of(ap->n_parts ? ap->parts[0] : STR_NULL);
	struct diag_list unseen;
	struct probe_spec spec;

	diag_list_init(&unseen, arena);
	for (unsigned k = 0; k < PROBE_N_KINDS; k++)
		if (kinds & (1u << k) &&
		    probe_spec_parse(ap, k, c->n_pids > 0, arena, &unseen, &spec) &&
		    late_is_pattern(c, &spec))
			vec_push(out, spec);
}

bool late_path_fits(const struct probe_spec *spec, struct str path)
{
	const char *slash = memrchr(path.p, '/', path.n);

	if (str_find_char(spec->target, '/', 0) < 0 && slash)
		path = str_sub(path, (size_t)(slash - path.p) + 1, path.n);
	return str_glob(spec->target, path);
}

/* a name of C as it stands in symbol tables */
static bool is_plain(struct str name)
{
	return name.n && quick_word(name).n == name.n;
}

/* of a function that quick looks do not deny */
static bool has_after_all(const struct probe_spec *spec, struct objfile *f)
{
	/* the name may be that of a function of another file that is called here */
	return !is_plain(spec->func) || objfile_langs(f) ||
	       symtab_find(objfile_symtab(f), spec->func);
}

/* can the file have what the attach point names? Cheap, never wrong when it says no */
static bool late_may_have(const struct probe_spec *spec, struct objfile *f)
{
	if (spec->kind == PROBE_USDT)
		return quick_has_usdt(f, spec->ns, spec->func);
	return quick_may_have_function(f, spec->func) && has_after_all(spec, f);
}

void late_look(const struct late_specs *specs, struct objfile *f, bool *has)
{
	struct str *names = base_alloc((specs->n + 1) * sizeof(*names));
	uint32_t *of = base_alloc((specs->n + 1) * sizeof(*of)), n = 0;
	bool *found = base_alloc(specs->n + 1);

	for (size_t i = 0; i < specs->n; i++) {
		if (specs->v[i].kind == PROBE_USDT) {
			has[i] = late_may_have(&specs->v[i], f);
			continue;
		}
		of[n] = (uint32_t)i;
		names[n++] = specs->v[i].func;
	}
	quick_may_have_functions(f, names, n, found);
	for (uint32_t k = 0; k < n; k++)
		has[of[k]] = found[k] && has_after_all(&specs->v[of[k]], f);
	free(names);
	free(of);
	free(found);
}

/* what was said of this attach point already, or a look for it alone */
static bool late_has(const struct probe_late *late, const struct probe_spec *spec)
{
	for (size_t i = 0; late->waiting && i < late->waiting->n; i++) {
		const struct probe_spec *w = &late->waiting->v[i];

		if (w->kind == spec->kind && str_eq(w->ns, spec->ns) && str_eq(w->func, spec->func))
			return late->has[i];
	}
	return late_may_have(spec, late->file);
}

/* ---- the survey ---- */

/* programs by PATH, libraries as ld.so finds them; what is not installed is not expected */
static void add_expected(struct str names, struct mapped_files *to)
{
	while (names.n) {
		struct str name = str_split(&names, ' ');
		struct resolved r = { 0 };

		if (!name.n)
			continue;
		err_free(resolve_object(name, NULL, 0, &r));
		for (size_t i = 0; i < r.n; i++)
			needed_files_add(str_from(r.v[i].path), to);
		resolved_free(&r);
	}
}

static struct err *make_survey(struct probe_ctx *c)
{
	struct probe_survey *s = arena_new(c->arena, struct probe_survey);
	pid_t *pids = arena_array(c->arena, pid_t, c->n_pids + 1);

	if (c->n_pids)
		memcpy(pids, c->pids, c->n_pids * sizeof(*pids));
	if (c->program && !c->n_pids)
		needed_files_read(c->program, &s->mapped);
	else
		TRY(mapped_files_read(pids, c->n_pids, &s->mapped));
	if (!c->n_pids)
		add_expected(c->expected, &s->mapped);
	s->files = base_alloc((s->mapped.files.n + 1) * sizeof(*s->files));
	c->survey = s;
	return NULL;
}

static struct objfile *quick_file(struct probe_ctx *c, struct survey_file *s,
				  const struct mapped_file *m)
{
	STRBUF_AUTO name = { 0 };
	int fd;

	if (s->is_opened)
		return s->quick;
	s->is_opened = true;
	fd = mapped_file_open(m);
	if (fd < 0)
		return NULL;
	strbuf_add_str(&name, m->path);
	err_free(objfile_open_fd(fd, strbuf_cstr(&name), &s->quick));
	if (s->quick)
		s->open_path = mapped_file_path(m, fd, c->arena);
	if (s->quick && str_starts(s->open_path, STR("/proc/self/fd/")))
		s->fd = fd + 1;
	else
		close(fd);
	return s->quick;
}

/* the file as other targets have it: with where its debug information may be */
static struct objfile *full_file(struct probe_ctx *c, struct survey_file *s)
{
	if (s->f)
		return s->f;
	objfile_cache_adopt(probe_ctx_files(c), s->quick);
	s->f = s->quick;
	return s->f;
}

void late_survey_trim(struct probe_survey *s)
{
	for (size_t i = 0; s && i < s->mapped.files.n; i++) {
		if (s->files[i].f)
			continue;
		objfile_unref(s->files[i].quick);
		s->files[i].quick = NULL;
		if (s->files[i].fd)
			close(s->files[i].fd - 1);
		s->files[i].fd = 0;
	}
}

void late_survey_free(struct probe_survey *s)
{
	for (size_t i = 0; s && i < s->mapped.files.n; i++) {
		objfile_unref(s->files[i].quick);
		if (s->files[i].fd)
			close(s->files[i].fd - 1);
	}
	if (!s)
		return;
	free(s->files);
	mapped_files_free(&s->mapped);
}

bool late_was_surveyed(const struct probe_ctx *c, const struct objfile *f)
{
	for (size_t i = 0; c->survey && i < c->survey->mapped.files.n; i++)
		if (c->survey->files[i].f && objfile_is_same(c->survey->files[i].f, f))
			return true;
	return false;
}

static void add_target(struct target_files *ret, struct str path, struct str open_path,
		       struct objfile *f)
{
	vec_each(known, &ret->files)
		if (objfile_is_same(known->f, f))
			return;
	vec_push(&ret->files,
		 ((struct target_file){ .f = f, .path = path, .open_path = open_path }));
}

/* late_may_have, by one look at the file for all names of the script */
static bool may_have(struct probe_ctx *c, const struct probe_spec *spec, uint32_t name,
		     struct survey_file *s)
{
	if (spec->kind == PROBE_USDT || name >= c->n_wanted)
		return late_may_have(spec, s->quick);
	if (!s->may_have) {
		s->may_have = arena_array(c->arena, bool, c->n_wanted);
		quick_may_have_functions(s->quick, c->wanted, c->n_wanted, s->may_have);
	}
	return s->may_have[name] && has_after_all(spec, s->quick);
}

static struct err *find_among_mapped(struct match *m, struct target_files *ret)
{
	struct probe_ctx *c = m->c;
	uint32_t name = 0; /* which of those that are wanted */

	if (!c->survey)
		TRY(make_survey(c));
	while (name < c->n_wanted && !str_eq(c->wanted[name], m->spec->func))
		name++;
	for (size_t i = 0; i < c->survey->mapped.files.n; i++) {
		const struct mapped_file *mapped = c->survey->mapped.files.v[i];
		struct survey_file *s = &c->survey->files[i];
		struct objfile *f;

		if (!late_path_fits(m->spec, mapped->path))
			continue;
		f = quick_file(c, s, mapped);
		if (f && may_have(c, m->spec, name, s) && full_file(c, s))
			add_target(ret, mapped->path, s->open_path, s->f);
	}
	return NULL;
}

struct err *late_find(struct match *m, struct target_files *ret)
{
	const struct probe_late *late = m->c->late;

	if (!late)
		return find_among_mapped(m, ret);
	if (late->is_replacement ||
	    (late_path_fits(m->spec, late->mapped->path) && late_has(late, m->spec)))
		add_target(ret, arena_str(m->c->arena, late->mapped->path), late->open_path,
			   late->file);
	return NULL;
}
