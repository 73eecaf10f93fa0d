/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checker asks about the system around it (struct sema_world), answered by probe, objfile and engine. */
#include "session/compile.h"
#include "session/generation.h"
#include "session/sizes.h"

#include "base/cleanup.h"
#include "engine/kernel/features.h"
#include "objfile/symtab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Stacks would have the addresses of functions that are called through. The text is asked: nothing is typed yet. Once, for the script: among the
 * sources are those of generations that were dropped, whose text is gone
 */
static bool may_walk_stacks(struct compilation *main)
{
	if (main->walks == WALKS_UNKNOWN) {
		main->walks = WALKS_NEVER;
		vec_each(f, &main->sources.files)
			if (str_find(f->text, STR("ustack")) >= 0)
				main->walks = WALKS_STACKS;
	}
	return main->walks == WALKS_STACKS;
}

/* where the probes of an attach point stand depends on the engine that it is for */
static void choose_places(struct compilation *c, struct span at)
{
	struct compilation *main = c->main;

	c->is_match_in_process = compile_is_in_process(main, at);
	c->probes.placement = main->kernel_placement;
	c->probes.return_choice = main->kernel_return;
	c->probes.tells_by_entry = c->is_match_in_process;
	c->probes.is_in_process = c->is_match_in_process;
	if (!c->is_match_in_process)
		return;
	/* a jump costs the same everywhere, and reaches the entry itself */
	c->probes.placement = PROBE_PLACEMENT_OFF;
	if (c->probes.return_choice == RETURN_AUTO && !may_walk_stacks(main))
		c->probes.return_choice = RETURN_CALLED;
}

static struct probe_shape *match(void *arg, const struct attach_point *ap, struct diag_list *diags)
{
	struct compilation *c = arg;
	struct probe_shape *first;

	choose_places(c, ap->at);
	first = generation_match(c, ap, diags);
	/* as documented: with -c the USDT probes of the child alone are meant */
	for (struct probe_shape *s = first; s && c->child; s = s->next)
		for (uint32_t i = 0; s->kind == PROBE_USDT && i < s->n_points && !s->is_loaded; i++)
			if (s->points[i].pid <= 0 && !c->opts->follow)
				s->points[i].pid = c->child;
	return first;
}

static bool waits(void *arg, const struct attach_point *ap)
{
	struct compilation *c = arg;

	return probe_waits(&c->probes, ap, NULL);
}

static bool kernel_symbol(void *arg, struct str name, uint64_t *addr)
{
	struct compilation *c = arg;

	*addr = symbolizer_kernel_addr(c->symbolizer, name, NULL);
	return *addr != 0;
}

/* the id of a cgroup is the inode number of its folder */
static bool cgroup_id(void *arg, struct str path, uint64_t *id)
{
	char name[4096];
	struct stat st;

	if (path.n >= sizeof(name))
		return false;
	memcpy(name, path.p, path.n);
	name[path.n] = '\0';
	if (stat(name, &st))
		return false;
	*id = st.st_ino;
	return true;
}

static bool user_symbol(void *arg, const struct probe_point *p, struct str name,
			struct call_uaddr *out)
{
	struct compilation *c = arg;
	const struct symbol *sym;
	struct objfile *f;
	ERR_AUTO err = NULL;
	char path[4096];

	if (!p->path.n || p->path.n >= sizeof(path))
		return false;
	memcpy(path, p->path.p, p->path.n);
	path[p->path.n] = '\0';
	err = objfile_cache_get(probe_ctx_files(&c->probes), path, &f);
	if (err)
		return false;
	sym = symtab_find(objfile_symtab(f), name);
	if (!sym)
		return false;
	*out = (struct call_uaddr){ .address = sym->addr,
				    .size = (uint32_t)sym->size,
				    .is_pie = f->kind == OBJFILE_DYN };
	return true;
}

static struct err *read_file(void *arg, struct str path, struct span from, struct str *text)
{
	struct compilation *c = arg;
	struct str full = path;
	FD_AUTO fd = -1;
	struct stat st;
	char *p;
	ssize_t n;

	if (path.n && path.p[0] != '/' && c->opts->dir)
		full = arena_printf(&c->arena, "%s/%.*s", c->opts->dir, STR_ARG(path));
	else
		full = arena_str(&c->arena, path);
	fd = open(full.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return err_new(errno, "open '%s'", full.p);
	if (!S_ISREG(st.st_mode) || st.st_size > 64 << 20)
		return err_new(0, "'%s' is no ordinary file of a sensible size", full.p);
	p = arena_alloc(&c->arena, (size_t)st.st_size + 1);
	n = read(fd, p, (size_t)st.st_size);
	if (n < 0)
		return err_new(errno, "read '%s'", full.p);
	*text = str_make(p, (size_t)n);
	return NULL;
}

static bool feature(void *arg, const char *name)
{
	if (!strncmp(name, "kfunc:", 6))
		return features_btf_id(name + 6, 12 /* BTF_KIND_FUNC */) != 0;
	for (int f = 0; f < FEATURE_N; f++)
		if (!strcmp(features_name((enum feature)f), name))
			return features_has((enum feature)f);
	return false;
}

static void config_ready(void *arg, const struct sema_config *config)
{
	static const enum probe_missing missing[] = {
		[MISSING_ERROR] = PROBE_MISSING_ERROR,
		[MISSING_WARN] = PROBE_MISSING_WARN,
		[MISSING_IGNORE] = PROBE_MISSING_IGNORE,
	};
	static const enum probe_placement placements[] = {
		[PLACEMENT_ON] = PROBE_PLACEMENT_ON,
		[PLACEMENT_EXACT] = PROBE_PLACEMENT_EXACT,
		[PLACEMENT_OFF] = PROBE_PLACEMENT_OFF,
	};
	static const enum return_choice choices[] = {
		[RETURN_PROBE_AUTO] = RETURN_AUTO,
		[RETURN_PROBE_KERNEL] = RETURN_FORCE_KERNEL,
		[RETURN_PROBE_SITES] = RETURN_FORCE_SITES,
	};
	struct compilation *c = arg;

	c->probes.return_choice = choices[config->return_probe];
	c->probes.expected = config->expected_files;
	/* in one file of several it is no error */
	c->probes.missing = c->main == c ? missing[config->missing_probes] : PROBE_MISSING_WARN;
	c->probes.raw_names = !config->cpp_demangle;
	c->probes.placement = placements[config->placement];
	c->kernel_placement = c->probes.placement;
	c->kernel_return = c->probes.return_choice;
	symbolizer_set_demangle(c->symbolizer, config->cpp_demangle);
}

void world_init(struct sema_world *w, struct compilation *c)
{
	*w = (struct sema_world){
		.arg = c,
		.match = match,
		.kernel_symbol = kernel_symbol,
		.cgroup_id = cgroup_id,
		.user_symbol = user_symbol,
		.read_file = read_file,
		.n_cpus = sizes_possible_cpus(),
		.has_feature = feature,
		.config_ready = config_ready,
		.waits = waits,
	};
}
