/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A runtime is known by the base name of a file that the process has mapped executable (runtimes.def); what it can tell by
 * the USDT notes of that file, and by what switches its probes on, read from the process itself: flags of the JVM, events of Ruby,
 * PHP's environment.
 */
#include "tools/runtimes.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "objfile/proc.h"
#include "objfile/symtab.h"
#include "objfile/usdt.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct facts {
	const char *name, *patterns, *provider, *why_none;
} facts[] = {
#define RUNTIME(id, name, patterns, provider, why) { name, patterns, provider, why },
#include "tools/runtimes.def"
#undef RUNTIME
};

const char *runtime_name(enum runtime_lang lang)
{
	return facts[lang].name;
}

/* ---- which one ---- */

static bool base_fits(struct str path, const char *patterns)
{
	struct str list = str_from(patterns);
	STRBUF_AUTO base = { 0 };
	size_t from = path.n;

	while (from && path.p[from - 1] != '/')
		from--;
	strbuf_add_str(&base, str_sub(path, from, path.n));
	while (list.n) {
		STRBUF_AUTO pattern = { 0 };

		strbuf_add_str(&pattern, str_split(&list, ' '));
		if (!fnmatch(strbuf_cstr(&pattern), strbuf_cstr(&base), 0))
			return true;
	}
	return false;
}

/* the mapping of the runtime's code; the first language of the table wins, and in it a library before the program */
static const struct proc_map *find_map(const struct proc_maps *maps, enum runtime_lang *lang)
{
	for (unsigned l = 0; l < RUNTIME_N; l++) {
		const struct proc_map *found = NULL;

		for (uint32_t i = 0; i < maps->n; i++) {
			const struct proc_map *m = &maps->v[i];

			if (m->exec && m->ino && base_fits(m->path, facts[l].patterns) &&
			    (!found || str_find(m->path, STR(".so")) >= 0))
				found = m;
		}
		*lang = (enum runtime_lang)l;
		if (found)
			return found;
	}
	return NULL;
}

static struct str command_of(pid_t pid, struct arena *a)
{
	char path[64], text[512];
	ssize_t n;
	FD_AUTO fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	while (n > 0 && !text[n - 1])
		n--;
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = ' ';
	return arena_str(a, (struct str){ text, n > 0 ? (size_t)n : 0 });
}

/* ---- what it tells ---- */

static bool has_probe(struct usdt_table *t, const char *name)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (str_is(t->v[i].name, name))
			return true;
	return false;
}

/* a variable of the runtime, as it stands in the process; false: not known */
static bool read_variable(pid_t pid, struct objfile *f, const struct proc_map *m, const char *name,
			  void *value, size_t size)
{
	const struct symbol *s = symtab_find(objfile_symtab(f), str_from(name));
	char path[64];
	uint64_t vaddr;
	FD_AUTO fd = -1;

	if (!s || !objfile_offset_to_vaddr(f, m->offset, &vaddr))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 &&
	       pread(fd, value, size, (off_t)(m->start - vaddr + s->addr)) == (ssize_t)size;
}

/* a flag of the JVM; -1: not known */
static int read_flag(pid_t pid, struct objfile *f, const struct proc_map *m, const char *name)
{
	uint8_t value;

	return read_variable(pid, f, m, name, &value, 1) ? value != 0 : -1;
}

/* newer JVMs (from 20 on) have a flag for each kind of probe only */
static void ask_java(struct runtime *r, struct objfile *f, const struct proc_map *m)
{
	bool has_one_flag = symtab_find(objfile_symtab(f), STR("ExtendedDTraceProbes")) ||
			    objfile_symtab(f)->n == 0;
	bool asks_all = str_find(r->command, STR("+ExtendedDTraceProbes")) >= 0;
	int methods = read_flag(r->pid, f, m, "DTraceMethodProbes");
	int objects = read_flag(r->pid, f, m, "DTraceAllocProbes");

	/* without symbols the command line is what there is to see */
	if (methods < 0)
		methods = asks_all || str_find(r->command, STR("+DTraceMethodProbes")) >= 0;
	if (objects < 0)
		objects = asks_all || str_find(r->command, STR("+DTraceAllocProbes")) >= 0;
	r->has_no_methods = !methods;
	r->has_no_objects = !objects;
	if (methods && objects)
		return;
	if (has_one_flag)
		r->why = STR("no methods and objects: the JVM was started without "
			     "-XX:+ExtendedDTraceProbes");
	else if (methods)
		r->why = STR("no objects: the JVM was started without -XX:+DTraceAllocProbes");
	else
		r->why =
			objects ? STR("no methods: the JVM was started without -XX:+DTraceMethodProbes")
				: STR("no methods and objects: the JVM was started without "
				      "-XX:+DTraceMethodProbes -XX:+DTraceAllocProbes");
}

static void ask_python(struct runtime *r, struct usdt_table *t)
{
	r->has_no_methods = !has_probe(t, "function__entry");
	if (r->has_no_methods)
		r->why = STR("no functions: Python has no function probes since 3.12");
	else if (str_find(r->file, STR("3.11")) >= 0)
		r->why = STR("Python 3.11 tells of function__entry only for functions that C code "
			     "calls, not when one Python function calls another");
}

/*
 * Since 2.5 the instructions of methods that are written in Ruby look for tracers only while the program has a TracePoint. Those
 * written in C always tell, but not every Ruby may be asked.
 */
static void ask_ruby(struct runtime *r, struct objfile *f, const struct proc_map *m)
{
	struct usdt_table *t = objfile_usdt(f);
	bool is_c_told = true;

	enum { EVENT_CALL = 0x0008 }; /* of ruby/debug.h, unchanged since 1.8 */
	uint32_t events;

	if (!read_variable(r->pid, f, m, "ruby_vm_event_enabled_global_flags", &events,
			   sizeof(events)) ||
	    events & EVENT_CALL)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		is_c_told &= !usdt_harm(f, &t->v[i]);
	r->has_methods_later = true;
	r->why = is_c_told ? STR("only methods written in C before the program calls "
				 "TracePoint.new(:call, :return) {}.enable, which Ruby wants")
			   : STR("no methods before the program calls "
				 "TracePoint.new(:call, :return) {}.enable, which Ruby wants");
}

/* PHP's rule: a number that is not 0 */
static bool is_php_told(pid_t pid, bool *is_known)
{
	static const char name[] = "USE_ZEND_DTRACE=";
	bool told = false;
	char path[64];
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	f = fopen(path, "re");
	*is_known = f;
	while (f && getdelim(&line, &size, 0, f) > 0)
		if (!strncmp(line, name, sizeof(name) - 1))
			told = strtol(line + sizeof(name) - 1, NULL, 10) != 0;
	free(line);
	if (f)
		fclose(f);
	return told;
}

static void ask_php(struct runtime *r)
{
	bool is_known;

	if (is_php_told(r->pid, &is_known) || !is_known)
		return;
	r->has_no_methods = true;
	r->why = STR("no functions and files: PHP was started without USE_ZEND_DTRACE=1 in its "
		     "environment");
}

static bool has_gc_symbol(struct objfile *f, enum runtime_lang lang)
{
	struct symtab *t = objfile_symtab(f);

	if (lang == RUNTIME_PYTHON)
		return symtab_find(t, STR("gc_collect_main"));
	if (lang == RUNTIME_PHP)
		return symtab_find(t, STR("zend_gc_collect_cycles"));
	for (uint32_t i = 0; lang == RUNTIME_NODE && i < t->n; i++)
		if (str_starts(symbol_name(&t->v[i]),
			       STR("_ZN2v88internal4Heap24PerformGarbageCollectionE")))
			return true;
	return false;
}

static void ask(struct runtime *r, struct objfile *f, const struct proc_map *m)
{
	struct usdt_table *t = objfile_usdt(f);

	for (uint32_t i = 0; i < t->n; i++)
		r->n_probes += str_is(t->v[i].provider, facts[r->lang].provider);
	if (!r->n_probes) {
		r->has_no_methods = true;
		r->why = str_from(facts[r->lang].why_none);
		r->has_gc_symbol = has_gc_symbol(f, r->lang);
	} else if (r->lang == RUNTIME_JAVA) {
		ask_java(r, f, m);
	} else if (r->lang == RUNTIME_PYTHON) {
		ask_python(r, t);
	} else if (r->lang == RUNTIME_RUBY) {
		ask_ruby(r, f, m);
	} else if (r->lang == RUNTIME_PHP) {
		ask_php(r);
	}
}

/* what process pid runs; false: none of these, or it is gone. cache: files that were opened already */
static bool runtime_of(pid_t pid, struct objfile_cache *cache, struct arena *a, struct runtime *ret)
{
	struct proc_maps maps = { 0 };
	struct err *e = proc_maps_read(pid, &maps);
	const struct proc_map *m = e ? NULL : find_map(&maps, &ret->lang);
	struct objfile *f = NULL;
	char path[96];

	err_free(e);
	if (m) {
		ret->pid = pid;
		ret->command = command_of(pid, a);
		ret->file = arena_str(a, m->path);
		/* in its mount namespace, deleted or not */
		snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid,
			 m->start, m->end);
		e = objfile_cache_get(cache, path, &f);
		if (e) {
			ret->has_no_methods = true;
			ret->why = STR("its runtime's file cannot be read");
			err_free(e);
		} else {
			ask(ret, f, m);
		}
	}
	proc_maps_free(&maps);
	return m != NULL;
}

struct err *runtimes_find(const pid_t *pids, size_t n, struct arena *a, struct runtime_list *ret)
{
	struct objfile_cache *cache;
	struct pid_list all = { 0 };

	if (n == 0) {
		TRY(proc_all(&all));
		pids = all.v;
		n = all.n;
	}
	cache = objfile_cache_new();
	for (size_t i = 0; i < n; i++) {
		struct runtime r = { 0 };

		if (runtime_of(pids[i], cache, a, &r))
			vec_push(ret, r);
	}
	objfile_cache_free(cache);
	vec_free(&all);
	return NULL;
}
