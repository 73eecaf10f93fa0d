/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes of a Node program, by libsonde through Node-API (which needs nothing but its headers, and goes on working with later
 * versions of Node). Debian has no FFI package for Node, so this addon is what one would write:
 *
 *	$ cc -shared -fPIC -I/usr/include/node addon.c $(pkg-config --cflags --libs sonde-usdt) -o sonde_usdt.node
 *	$ node shop.js
 *
 * provider(name), add(provider, name, types), load(provider), enabled(probe), fire(probe, types, [values]).
 */
#include <node_api.h>
#include <sonde_usdt.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 4096 };

static napi_value fail(napi_env env, const char *text)
{
	napi_throw_error(env, NULL, text);
	return NULL;
}

static char *text_of(napi_env env, napi_value v, char *buf, size_t size)
{
	size_t n = 0;

	if (napi_get_value_string_utf8(env, v, buf, size, &n) != napi_ok)
		buf[0] = '\0';
	return buf;
}

static void *pointer_of(napi_env env, napi_value v)
{
	void *p = NULL;

	napi_get_value_external(env, v, &p);
	return p;
}

static napi_value external(napi_env env, void *p)
{
	napi_value v;

	if (!p)
		return fail(env, sonde_usdt_error());
	napi_create_external(env, p, NULL, NULL, &v);
	return v;
}

static napi_value provider(napi_env env, napi_callback_info info)
{
	napi_value args[1];
	size_t n = 1;
	char name[128];

	napi_get_cb_info(env, info, &n, args, NULL, NULL);
	return external(env, sonde_provider_new(text_of(env, args[0], name, sizeof(name))));
}

static napi_value add(napi_env env, napi_callback_info info)
{
	napi_value args[3];
	size_t n = 3;
	char name[128], types[128];

	napi_get_cb_info(env, info, &n, args, NULL, NULL);
	return external(env, sonde_probe_add(pointer_of(env, args[0]),
					     text_of(env, args[1], name, sizeof(name)),
					     text_of(env, args[2], types, sizeof(types))));
}

static napi_value load(napi_env env, napi_callback_info info)
{
	napi_value args[1];
	size_t n = 1;

	napi_get_cb_info(env, info, &n, args, NULL, NULL);
	return sonde_provider_load(pointer_of(env, args[0])) ? fail(env, sonde_usdt_error()) : NULL;
}

static napi_value enabled(napi_env env, napi_callback_info info)
{
	napi_value args[1], is;
	size_t n = 1;

	napi_get_cb_info(env, info, &n, args, NULL, NULL);
	napi_get_boolean(env, sonde_probe_is_enabled(pointer_of(env, args[0])) != 0, &is);
	return is;
}

/* by the type of the value: text, whole number, number with a fraction where the probe says f64 */
static uint64_t word_of(napi_env env, napi_value v, const char *type, char *text)
{
	napi_valuetype kind;
	int64_t whole = 0;
	uint64_t word;
	double d = 0;

	napi_typeof(env, v, &kind);
	if (kind == napi_string)
		return (uint64_t)(uintptr_t)text_of(env, v, text, MAX_TEXT);
	if (!strcmp(type, "f64")) {
		napi_get_value_double(env, v, &d);
		memcpy(&word, &d, sizeof(word));
		return word;
	}
	napi_get_value_int64(env, v, &whole);
	return (uint64_t)whole;
}

static napi_value fire(napi_env env, napi_callback_info info)
{
	uint64_t words[SONDE_USDT_MAX_ARGS] = { 0 };
	char types[128], *rest = types, *type, *texts;
	napi_value args[3];
	size_t n = 3;
	uint32_t i = 0;

	napi_get_cb_info(env, info, &n, args, NULL, NULL);
	text_of(env, args[1], types, sizeof(types));
	texts = malloc((size_t)SONDE_USDT_MAX_ARGS * MAX_TEXT);
	for (; texts && i < SONDE_USDT_MAX_ARGS && (type = strtok_r(rest, " ", &rest)); i++) {
		napi_value v;

		napi_get_element(env, args[2], i, &v);
		words[i] = word_of(env, v, type, texts + (size_t)i * MAX_TEXT);
	}
	if (texts)
		sonde_probe_fire_words(pointer_of(env, args[0]), words, i);
	free(texts);
	return NULL;
}

static napi_value init(napi_env env, napi_value exports)
{
	static const struct {
		const char *name;
		napi_callback call;
	} calls[] = { { "provider", provider },
		      { "add", add },
		      { "load", load },
		      { "enabled", enabled },
		      { "fire", fire } };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		napi_value f;

		napi_create_function(env, calls[i].name, NAPI_AUTO_LENGTH, calls[i].call, NULL, &f);
		napi_set_named_property(env, exports, calls[i].name, f);
	}
	return exports;
}

NAPI_MODULE(sonde_usdt, init)
