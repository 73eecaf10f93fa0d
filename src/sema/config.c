/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration: defaults, the config block of the script, then the environment (BPFTRACE_NAME or
 * SONDE_NAME), which wins. The table is config.def.
 */
#include "sema/sema_private.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>

enum config_form {
	FORM_INT,
	FORM_BOOL,
	FORM_TEXT,
	FORM_WORD,
	FORM_LICENSE,
	FORM_FEATURE,
	FORM_NONE
};

struct config_var {
	const char *name;
	enum config_form form;
	size_t offset; /* in struct sema_config */
	const char *words;
};

static const struct config_var config_vars[] = {
#define CONFIG(name, form, member, words, summary) \
	{ #name, FORM_##form, offsetof(struct sema_config, member), words },
#include "sema/config.def"
#undef CONFIG
};

enum { N_CONFIG_VARS = sizeof(config_vars) / sizeof(*config_vars) };

/* names of former releases */
static const struct {
	const char *old, *now; /* now NULL: no effect any more */
} old_names[] = {
	{ "strlen", "max_strlen" },
	{ "no_cpp_demangle", "cpp_demangle" },
	{ "cat_bytes_max", "max_cat_bytes" },
	{ "map_keys_max", "max_map_keys" },
	{ "symbol_source", NULL },
	{ "max_type_res_iterations", NULL },
	{ "unstable_addr", NULL },
	{ "unstable_import", NULL },
	{ "unstable_macro", NULL },
	{ "unstable_map_decl", NULL },
};

static const char *const environment_only[] = {
	"btf", "kernel_source", "kernel_build", "vmlinux", "color", "dummy_ts_map", "kconfig_test",
};

static const char *const licenses[] = {
	"Dual MIT/GPL", "Dual BSD/GPL", "Dual MPL/GPL", "GPL and additional rights",
	"GPL v2",       "GPL",
};

static void set_defaults(struct sema *s)
{
	struct sema_config *c = &s->unit->config;

	*c = (struct sema_config){
		.max_strlen = 1024,
		.max_map_keys = 4096,
		.max_probes = 1024,
		.max_bpf_progs = 1024,
		.max_cat_bytes = 10240,
		.max_memory = 64 << 20,
		.max_pending = 65536,
		.max_stacks = 8192,
		.log_size = 1000000,
		.on_stack_limit = 32,
		.cpp_demangle = true,
		.placement = PLACEMENT_ON,
		.print_maps_on_exit = true,
		.show_debug_info = true,
		.str_len_counts_nul = s->opts->is_bpftrace,
		.missing_probes = MISSING_ERROR,
		.stack_mode = STACK_MODE_BPFTRACE,
		.str_trunc_trailer = STR(".."),
		.license = STR("GPL"),
	};
}

/* ---- one value ---- */

static bool parse_bool(struct str text, bool *out)
{
	if (str_is(text, "true") || str_is(text, "1"))
		*out = true;
	else if (str_is(text, "false") || str_is(text, "0"))
		*out = false;
	else
		return false;
	return true;
}

/* the number of the word; -1: none of them */
static int find_word(const char *words, struct str text)
{
	struct str rest = str_from(words);

	for (int i = 0; rest.n; i++) {
		struct str word = str_split(&rest, ' ');

		if (str_eq_nocase(word, text))
			return i;
	}
	return -1;
}

static const char *word_list(struct sema *s, const char *words)
{
	STRBUF_AUTO b = { 0 };

	for (; *words; words++) {
		if (*words == ' ')
			strbuf_putc(&b, ',');
		strbuf_putc(&b, *words);
	}
	return arena_str(s->arena, strbuf_str(&b)).p;
}

static void set_license(struct sema *s, struct span at, struct str text, struct str *member)
{
	for (size_t i = 0; i < sizeof(licenses) / sizeof(*licenses); i++) {
		if (str_is(text, licenses[i])) {
			*member = str_from(licenses[i]);
			return;
		}
	}
	sema_error_now(
		s, D_SEMA_CONFIG, at,
		"Invalid value for license. Found: %.*s. Valid values: Dual MIT/GPL, Dual BSD/GPL, "
		"Dual MPL/GPL, GPL and additional rights, GPL v2, GPL.",
		STR_ARG(text));
}

static bool is_allowed_size(struct sema *s, const struct config_var *var, struct span at,
			    struct str name, int64_t value)
{
	if (value >= 0 && (value > 0 || str_is(str_from(var->name), "on_stack_limit") ||
			   str_is(str_from(var->name), "perf_rb_pages") ||
			   str_is(str_from(var->name), "log_size")))
		return true;
	sema_error_now(s, D_SEMA_CONFIG, at, "%.*s: must be a positive number, got %lld",
		       STR_ARG(name), (long long)value);
	return false;
}

static void set_value(struct sema *s, const struct config_var *var, struct span at, struct str name,
		      struct str text)
{
	char *member = (char *)&s->unit->config + var->offset;
	int64_t number;
	int word;

	switch (var->form) {
	case FORM_INT:
		if (!str_to_i64(text, &number))
			sema_error_now(s, D_SEMA_CONFIG, at, "%.*s: expecting a number, got %.*s",
				       STR_ARG(name), STR_ARG(text));
		else if (is_allowed_size(s, var, at, name, number))
			*(int64_t *)(void *)member = number;
		break;
	case FORM_BOOL:
		if (!parse_bool(text, (bool *)member))
			sema_error_now(s, D_SEMA_CONFIG, at,
				       "Invalid value for %.*s: %.*s. Valid values: true, false",
				       STR_ARG(name), STR_ARG(text));
		break;
	case FORM_TEXT: *(struct str *)(void *)member = arena_str(s->arena, text); break;
	case FORM_WORD:
		word = find_word(var->words, text);
		if (word < 0) {
			sema_error_now(s, D_SEMA_CONFIG, at,
				       "Invalid value for %.*s: %.*s. Valid values: %s",
				       STR_ARG(name), STR_ARG(text), word_list(s, var->words));
			break;
		}
		*(int *)(void *)member = word;
		s->unit->config.stack_mode_set |= str_is(str_from(var->name), "stack_mode");
		break;
	case FORM_LICENSE: set_license(s, at, text, (struct str *)(void *)member); break;
	case FORM_FEATURE:
		if (find_word("warn enable error", text) < 0)
			sema_error_now(
				s, D_SEMA_CONFIG, at,
				"Invalid value for %.*s: %.*s. Valid values: warn, enable, error",
				STR_ARG(name), STR_ARG(text));
		else if (str_is(str_from(var->name), "unstable_tseries"))
			s->is_tseries_refused = str_is(text, "error");
		break;
	case FORM_NONE: break;
	}
}

/* ---- names ---- */

/* "BPFTRACE_MAX_STRLEN" and "max_strlen" are one name: lower case, without prefix */
static struct str plain_name(struct sema *s, struct str name)
{
	char *p;

	if (name.n > 9 && str_eq_nocase(str_sub(name, 0, 9), STR("BPFTRACE_")))
		name = str_sub(name, 9, name.n);
	else if (name.n > 6 && str_eq_nocase(str_sub(name, 0, 6), STR("SONDE_")))
		name = str_sub(name, 6, name.n);
	p = arena_alloc(s->arena, name.n + 1);
	for (size_t i = 0; i < name.n; i++)
		p[i] = (char)tolower((unsigned char)name.p[i]);
	return str_make(p, name.n);
}

static const struct config_var *find_var(struct str name)
{
	for (size_t i = 0; i < N_CONFIG_VARS; i++) {
		if (str_is(name, config_vars[i].name))
			return &config_vars[i];
	}
	return NULL;
}

/* true when the name was one of former releases; *name is then the present one, or empty */
static bool translate_old(struct sema *s, struct span at, struct str *name)
{
	for (size_t i = 0; i < sizeof(old_names) / sizeof(*old_names); i++) {
		if (!str_is(*name, old_names[i].old))
			continue;
		if (old_names[i].now)
			sema_warning_now(s, D_SEMA_CONFIG_OLD, at, "%s is deprecated: use %s",
					 old_names[i].old, old_names[i].now);
		else
			sema_warning_now(s, D_SEMA_CONFIG_OLD, at,
					 "%s is deprecated and has no effect", old_names[i].old);
		*name = str_from(old_names[i].now);
		return true;
	}
	return false;
}

static void unknown_name(struct sema *s, struct span at, struct str written, struct str name)
{
	struct diag *d;
	const char *best = NULL;
	unsigned least = 4;

	for (size_t i = 0; i < sizeof(environment_only) / sizeof(*environment_only); i++) {
		if (str_is(name, environment_only[i])) {
			sema_error_now(s, D_SEMA_CONFIG, at,
				       "%.*s: can only be set as an environment variable",
				       STR_ARG(written));
			return;
		}
	}
	for (size_t i = 0; i < N_CONFIG_VARS; i++) {
		unsigned distance = str_distance(name, str_from(config_vars[i].name), least);

		if (distance < least) {
			least = distance;
			best = config_vars[i].name;
		}
	}
	d = sema_error_now(s, D_SEMA_CONFIG, at, "%.*s: not a known configuration option",
			   STR_ARG(written));
	if (best)
		sema_hint(s, d, "did you mean '%s'?", best);
}

static struct str item_text(struct sema *s, const struct config_item *item)
{
	switch (item->kind) {
	case CONFIG_INT: return arena_printf(s->arena, "%lld", (long long)item->integer);
	case CONFIG_BOOL: return item->integer ? STR("true") : STR("false");
	default: return item->text;
	}
}

static void set_item(struct sema *s, const struct config_item *item)
{
	struct span at = span_join(item->at, item->value_at);
	struct str name = plain_name(s, item->key), old = name;
	struct str text = item_text(s, item);
	const struct config_var *var;

	if (translate_old(s, at, &name) && !name.n)
		return;
	/* the one old name that meant the opposite */
	if (str_is(old, "no_cpp_demangle"))
		text = str_is(text, "1") || str_is(text, "true") ? STR("false") : STR("true");
	var = find_var(name);
	if (!var) {
		unknown_name(s, at, item->key, name);
		return;
	}
	set_value(s, var, at, item->key, text);
}

static void set_from_environment(struct sema *s, const char *prefix)
{
	for (size_t i = 0; i < N_CONFIG_VARS; i++) {
		char name[64];
		const char *value;
		size_t n = strlen(prefix);

		memcpy(name, prefix, n);
		for (const char *p = config_vars[i].name; *p && n < sizeof(name) - 1; p++)
			name[n++] = (char)toupper((unsigned char)*p);
		name[n] = 0;
		value = getenv(name);
		if (value)
			set_value(s, &config_vars[i], SPAN_NONE, str_from(name), str_from(value));
	}
}

bool config_run(struct sema *s)
{
	uint32_t errors = s->diags->n_errors;

	set_defaults(s);
	for (const struct config_item *item = s->script->config; item; item = item->next)
		set_item(s, item);
	set_from_environment(s, "BPFTRACE_");
	set_from_environment(s, "SONDE_");
	if (s->world->config_ready)
		s->world->config_ready(s->world->arg, &s->unit->config);
	return s->diags->n_errors == errors;
}
