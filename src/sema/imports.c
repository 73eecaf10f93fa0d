/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Imports: what other files of the language declare (clauses, macros, functions, map declarations)
 * becomes part of the script; headers go to the preprocessor. Runs before the C types are made.
 * Each path is taken once, so files may import one another. A path under "stdlib/" is a part of the standard library,
 * which is compiled in; those parts that are always there need no import, and may have one.
 */
#include "base/err.h"
#include "lang/cpp.h"
#include "sema/sema.h"
#include "sema/stdlib_text.h"

enum { MAX_IMPORTS = 256 };

/* parts of the standard library that are there when they are asked for */
static const struct {
	const char *path;
	const struct str *text;
} library[] = {
	{ "stdlib/tls.bt", &sema_stdlib_tls },
	{ "stdlib/tls_keys.bt", &sema_stdlib_tls_keys },
};

struct importer {
	struct script *script;
	const struct parse_opts *po;
	const struct sema_world *world;
	struct hashmap done;
	uint32_t n;
};

static void import_all(struct importer *im, struct script *from);

/* ---- merging ---- */

#define APPEND(list, more)                     \
	do {                                   \
		typeof(list) *end_ = &(list);  \
		while (*end_)                  \
			end_ = &(*end_)->next; \
		*end_ = (more);                \
	} while (0)

static void merge(struct importer *im, struct script *other, struct str path)
{
	struct script *s = im->script;

	if (other->has_config)
		diag_error(im->po->diags, D_SEMA_IMPORT, other->config_at,
			   "'%.*s' is imported: only the script itself may have a config block",
			   STR_ARG(path));
	APPEND(s->clauses, other->clauses);
	APPEND(s->macros, other->macros);
	APPEND(s->fns, other->fns);
	APPEND(s->maps, other->maps);
	APPEND(s->point_options, other->point_options);
}

/* ---- one file ---- */

static void import_text(struct importer *im, struct str path, struct str text)
{
	uint16_t file = sources_add(im->po->sources, path, text);
	struct script *other = script_parse(im->po, file);

	merge(im, other, path);
	import_all(im, other);
}

static void import_script(struct importer *im, struct str path, struct span at)
{
	struct str text;
	ERR_AUTO e = im->world->read_file ? im->world->read_file(im->world->arg, path, at, &text)
					  : NULL;

	if (e || !im->world->read_file) {
		STRBUF_AUTO why = { 0 };

		if (e)
			err_format(e, &why);
		diag_error(im->po->diags, D_SEMA_IMPORT, at, "import '%.*s': %s", STR_ARG(path),
			   e ? strbuf_cstr(&why) : "files can not be read here");
		return;
	}
	import_text(im, path, text);
}

static bool import_library(struct importer *im, struct str path)
{
	for (size_t i = 0; i < sizeof(library) / sizeof(library[0]); i++) {
		if (str_is(path, library[i].path)) {
			import_text(im, path, *library[i].text);
			return true;
		}
	}
	return str_starts(path, STR("stdlib/"));
}

static void import_one(struct importer *im, struct str path, struct span at)
{
	if (hashmap_get(&im->done, path))
		return;
	hashmap_put(&im->done, path, im);
	if (import_library(im, path))
		return;
	if (++im->n > MAX_IMPORTS) {
		diag_error(im->po->diags, D_SEMA_IMPORT, at, "more than %d imports", MAX_IMPORTS);
		return;
	}
	if (str_ends(path, STR(".bpf.c"))) {
		struct diag *d = diag_error(im->po->diags, D_SEMA_IMPORT, at,
					    "import '%.*s': BPF C can not be compiled here",
					    STR_ARG(path));

		diag_hint(im->po->diags, d,
			  "sonde has no C compiler in it: write it as fn or macro in a .bt file");
	} else if (str_ends(path, STR(".h"))) {
		if (im->po->cpp)
			cpp_include(im->po->cpp, path, at);
	} else if (str_ends(path, STR(".bt"))) {
		import_script(im, path, at);
	} else {
		diag_error(im->po->diags, D_SEMA_IMPORT, at,
			   "import '%.*s': only .bt and .h files can be imported", STR_ARG(path));
	}
}

/* ---- where imports stand ---- */

static bool import_statement(void *arg, struct node *n)
{
	if (n->kind != NODE_IMPORT)
		return true;
	import_one(arg, n->string, n->at);
	n->kind = NODE_BLOCK;
	memset(&n->block, 0, sizeof(n->block));
	return false;
}

static void import_all(struct importer *im, struct script *from)
{
	for (const struct import_decl *d = from->imports; d; d = d->next)
		import_one(im, d->path, d->at);
	for (struct clause *c = from->clauses; c; c = c->next)
		node_walk(c->body, import_statement, im);
	for (struct macro_def *m = from->macros; m; m = m->next)
		node_walk(m->body, import_statement, im);
	for (struct fn_def *f = from->fns; f; f = f->next)
		node_walk(f->body, import_statement, im);
}

void sema_import(struct script *script, const struct parse_opts *po, const struct sema_world *world)
{
	struct importer im = { .script = script, .po = po, .world = world };

	import_all(&im, script);
	script->imports = NULL;
	hashmap_free(&im.done);
}
