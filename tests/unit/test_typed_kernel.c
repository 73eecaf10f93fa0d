/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of a traced program read by generated programs in the kernel. The traced program is this one: a `begin` program
 * that the kernel runs for us reads our own memory, where locations made by hand say that values lie. What comes back is
 * compared with capture_run, the plan carried out in C, byte by byte. Needs root.
 */
#include "ebpf/codegen.h"
#include "engine_image.h"
#include "ir/build.h"
#include "sema_fixture.h"

#include "types/capture.h"
#include "types/view.h"

#include "tap.h"

/* ---- types and values as libstdc++ lays them out ---- */

struct cxx_string {
	const char *p;
	uint64_t n;
	char local[16];
};
struct cxx_vector {
	const void *start, *finish, *end_of_storage;
};

static struct type *make(const char *name, uint32_t size, uint32_t n)
{
	struct type *t = type_new_struct(fixture_types, str_from(name), false);

	t->lang = LANG_CXX;
	t->size = size;
	t->align = 8;
	t->is_complete = true;
	t->fields = arena_array(fixture_arena, struct type_field, n);
	t->n_fields = n;
	return t;
}

static void field(struct type *t, uint32_t i, const char *name, const struct type *type,
		  uint32_t off)
{
	t->fields[i] = (struct type_field){ .name = str_from(name), .type = type, .offset = off };
}

static const struct type *string_type(void)
{
	struct type *inner = make("std::string::_Alloc_hider", 8, 1);
	struct type *t = make("std::__cxx11::basic_string<char, std::char_traits<char>, "
			      "std::allocator<char> >",
			      32, 2);

	field(inner, 0, "_M_p", type_pointer(fixture_types, type_int(1, true), SPACE_NONE), 0);
	field(t, 0, "_M_dataplus", inner, 0);
	field(t, 1, "_M_string_length", type_int(8, false), 8);
	return t;
}

static const struct type *vector_type(const struct type *elem, const char *name)
{
	const struct type *p = type_pointer(fixture_types, elem, SPACE_NONE);
	struct type *impl = make("impl", 24, 3), *t = make(name, 24, 1);

	field(impl, 0, "_M_start", p, 0);
	field(impl, 1, "_M_finish", p, 8);
	field(impl, 2, "_M_end_of_storage", p, 16);
	field(t, 0, "_M_impl", impl, 0);
	return t;
}

static const int32_t numbers[100] = { 7, -8, 9 };
static struct cxx_string texts[5];
static struct cxx_vector ints, strings, nested, dangling;
static struct cxx_vector rows[3];

static void fill_values(void)
{
	static const char *const words[] = { "alpha", "", "a longer one", "d", "eps" };

	for (unsigned i = 0; i < 5; i++)
		texts[i] = (struct cxx_string){ words[i], strlen(words[i]), "" };
	ints = (struct cxx_vector){ numbers, numbers + 100, numbers + 100 };
	strings = (struct cxx_vector){ texts, texts + 5, texts + 5 };
	rows[0] = (struct cxx_vector){ numbers, numbers + 3, numbers + 3 };
	rows[1] = (struct cxx_vector){ numbers, numbers, numbers };
	rows[2] = (struct cxx_vector){ numbers + 1, numbers + 2, numbers + 2 };
	nested = (struct cxx_vector){ rows, rows + 3, rows + 3 };
	dangling = (struct cxx_vector){ (void *)8, (void *)24, (void *)24 };
}

/* ---- the made-up shape: variables at addresses of ours ---- */

static struct probe_var vars[8];
static struct location locs[8];
static uint32_t n_vars;

static void add_var(const char *name, const struct type *t, const void *at)
{
	struct loc_op *op = arena_new(fixture_arena, struct loc_op);
	struct loc_piece *p = arena_new(fixture_arena, struct loc_piece);

	*op = (struct loc_op){ .op = LOC_OP_CONST, .value = (int64_t)(uintptr_t)at };
	*p = (struct loc_piece){ .size = t->size, .kind = LOC_MEM, .ops = op, .n_ops = 1 };
	vars[n_vars] = (struct probe_var){ .name = str_from(name), .type = t };
	locs[n_vars++] = (struct location){ .pieces = p, .n_pieces = 1 };
}

static struct probe_shape *match(void *arg, const struct attach_point *ap, struct diag_list *diags)
{
	struct probe_shape *s = fixture_match(arg, ap, diags);
	const struct type *string = string_type(), *row;

	n_vars = 0;
	row = vector_type(type_int(4, true), "std::vector<int, std::allocator<int> >");
	add_var("ints", row, &ints);
	add_var("strings", vector_type(string, "std::vector<std::string, x>"), &strings);
	add_var("nested", vector_type(row, "std::vector<std::vector<int> >"), &nested);
	add_var("dangling", vector_type(string, "std::vector<std::string, y>"), &dangling);
	add_var("text", string, &texts[2]);
	s->is_user = true;
	s->lang = LANG_CXX;
	s->vars = vars;
	s->n_vars = n_vars;
	s->points[0].locs = locs;
	return s;
}

/* ---- running a script ---- */

struct got {
	char bytes[16384];
	uint32_t size, n;
};

static void take(void *arg, const struct event_head *head, const void *payload, uint32_t size)
{
	struct got *g = arg;

	if (size > sizeof(g->bytes))
		size = sizeof(g->bytes);
	memcpy(g->bytes, payload, size);
	g->size = size;
	g->n++;
}

static bool run_image(struct image *im, struct sources *sources, struct got *g)
{
	struct engine_opts opts = { .ring_bytes = 1 << 20 };
	uint64_t retval, ns;
	struct engine *e;

	memset(g, 0, sizeof(*g));
	if (!CHECK_OK(engine_kernel.open(im, sources, &opts, &e)))
		return false;
	CHECK_OK(engine_kernel.run_once(e, 0, 1, &retval, &ns));
	CHECK_OK(engine_kernel.poll(e, 1000, take, g));
	engine_kernel.close(e);
	return CHECK_INT(g->n, 1);
}

/* compile and run; f keeps what the event's types are made of */
static struct image *run(struct fixture *f, const char *script, struct got *g)
{
	struct ir_build_opts bo = { .ring_bytes = 1 << 20, .n_cpus = 2 };
	struct ebpf_opts eo = { 0 };
	struct sema_world world = fixture_world;
	struct ir_module *m;

	world.match = match;
	fixture_check_in(f, script, &world);
	if (!CHECK(f->unit)) {
		printf("# %s\n", strbuf_cstr(&f->text));
		return NULL;
	}
	bo.has_feature = fixture_has_feature;
	m = ir_build(f->unit, &bo, &f->diags);
	if (!CHECK(m && !f->diags.n_errors) || !CHECK_OK(ir_check(m)))
		return NULL;
	ir_optimize(m);
	if (!CHECK_OK(ebpf_compile(m, m->image, &eo)) || !run_image(m->image, &f->sources, g))
		return NULL;
	return m->image;
}

static bool read_own(void *arg, uint64_t addr, void *buf, uint32_t n)
{
	if (addr < 4096)
		return false;
	memcpy(buf, (const void *)(uintptr_t)addr, n);
	return true;
}

static void check_capture(const char *script, const void *root)
{
	struct fixture f;
	struct got g;
	struct image *im = run(&f, script, &g);
	static char want[CAPTURE_MAX_BYTES * 2];

	if (im) {
		const struct type *t = im->events[0]->fields[0].type;
		uint32_t n;

		if (CHECK_INT(t->kind, TYPE_CAPTURE)) {
			n = capture_run(t->capture, root, read_own, NULL, want);
			CHECK_INT(g.size, n);
			CHECK(memcmp(g.bytes, want, n) == 0);
		}
	}
	fixture_free(&f);
}

TEST(vectors_are_captured_as_the_plan_says)
{
	NEED_ROOT();
	fill_values();
	check_capture("begin { print(args.ints); }", &ints);
	check_capture("begin { print(args.strings); }", &strings);
	check_capture("begin { print(args.nested); }", &nested);
}

TEST(what_cannot_be_read_is_a_fault)
{
	NEED_ROOT();
	fill_values();
	check_capture("begin { print(args.dangling); }", &dangling);
}

TEST(lengths_and_text)
{
	NEED_ROOT();
	struct fixture f;
	struct got g;
	int64_t n[3];

	fill_values();
	if (run(&f,
		"begin { printf(\"%d %d %d\", args.ints.len, args.nested.size, args.strings.cap); }",
		&g)) {
		memcpy(n, g.bytes, sizeof(n));
		CHECK_INT(n[0], 100);
		CHECK_INT(n[1], 3);
		CHECK_INT(n[2], 5);
	}
	fixture_free(&f);
	if (run(&f, "begin { print(args.text); }", &g))
		CHECK(!strncmp(g.bytes, "a longer one", sizeof("a longer one")));
	fixture_free(&f);
}
