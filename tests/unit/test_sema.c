/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker on whole scripts: what comes through, and that what ir relies on holds of the tree.
 */
#include "sema_fixture.h"
#include "tap.h"

/* the promises of sema.h about single nodes */
static bool node_is_sound(void *arg, struct node *n)
{
	unsigned *faults = arg;
	const struct type *t = n->type;

	if (!t)
		++*faults;
	if (n->kind == NODE_IDENT || n->kind == NODE_POSITIONAL || n->kind == NODE_SIZEOF ||
	    n->kind == NODE_TYPEINFO || n->kind == NODE_COMPTIME || n->kind == NODE_TYPE_VALUE)
		++*faults;
	if (n->kind == NODE_VAR && !n->var.ref)
		++*faults;
	if (n->kind == NODE_MAP && !n->map.ref)
		++*faults;
	if (n->kind == NODE_BINARY && type_is_integer(n->binary.a->type) &&
	    type_is_integer(n->binary.b->type) && n->op != OP_LAND && n->op != OP_LOR &&
	    n->binary.a->type->size != n->binary.b->type->size)
		++*faults;
	if (n->kind == NODE_ASSIGN && n->op == OP_NONE &&
	    n->assign.target->type != n->assign.value->type)
		++*faults;
	if (n->kind == NODE_MAP && n->map.key && n->map.key->type != n->map.ref->key_type)
		++*faults;
	if (n->kind == NODE_FIELD && n->field.a->type->kind == TYPE_POINTER)
		++*faults;
	return !(n->kind == NODE_CALL && n->call.n_args && n->call.args->kind == NODE_IDENT);
}

static unsigned unsound(struct unit *u)
{
	unsigned faults = 0;

	for (uint32_t i = 0; i < u->n_insts; i++) {
		if (u->insts[i]->predicate)
			node_walk(u->insts[i]->predicate, node_is_sound, &faults);
		node_walk(u->insts[i]->body, node_is_sound, &faults);
	}
	return faults;
}

static void comes_through(const char *script)
{
	struct fixture f;

	fixture_check(&f, script);
	if (!CHECK(f.unit != NULL) || !CHECK(f.text.n == 0))
		printf("# %s\n# %s\n", script, strbuf_cstr(&f.text));
	else if (!CHECK_INT(unsound(f.unit), 0))
		printf("# %s\n", script);
	fixture_free(&f);
}

/* how many clauses are left to run of "uprobe:/bin/x:f /PREDICATE/ { }" and one that runs in any case; --aa=20 --bb --cc=bye */
static unsigned left_of(const char *predicate)
{
	char script[512];
	struct fixture f;
	unsigned n;

	snprintf(script, sizeof(script),
		 "uprobe:/bin/x:f /%s/ { @ = count(); } "
		 "begin { print((getopt(\"aa\", 1), getopt(\"bb\"), getopt(\"cc\", \"\"))); }",
		 predicate);
	fixture_check(&f, script);
	if (!CHECK(f.unit != NULL))
		printf("# %s\n# %s\n", script, strbuf_cstr(&f.text));
	n = f.unit ? f.unit->n_insts : 0;
	fixture_free(&f);
	return n;
}

TEST(clauses_that_can_never_run)
{
	CHECK_INT(left_of("0"), 1);
	CHECK_INT(left_of("1"), 2);
	CHECK_INT(left_of("pid == 0"), 2);
	CHECK_INT(left_of("getopt(\"bb\")"), 2);
	CHECK_INT(left_of("!getopt(\"bb\")"), 1);
	CHECK_INT(left_of("getopt(\"dd\")"), 1);
	CHECK_INT(left_of("!getopt(\"dd\", false)"), 2);
	CHECK_INT(left_of("getopt(\"cc\", \"x\") == \"bye\""), 2);
	CHECK_INT(left_of("getopt(\"cc\", \"x\") != \"bye\""), 1);
	CHECK_INT(left_of("getopt(\"dd\", \"x\") == \"x\""), 2);
	CHECK_INT(left_of("getopt(\"aa\", 1) == 20"), 2);
	CHECK_INT(left_of("getopt(\"aa\", 1) == 21"), 1);
	/* one side that settles it; what is not known may be true */
	CHECK_INT(left_of("pid == 0 && getopt(\"dd\")"), 1);
	CHECK_INT(left_of("getopt(\"dd\") || pid == 0"), 2);
	CHECK_INT(left_of("getopt(\"dd\") || getopt(\"aa\", 1) == 3"), 1);
	CHECK_INT(left_of("getopt(\"bb\") && getopt(\"aa\", 1) == 20"), 2);
	CHECK_INT(left_of("getopt(\"aa\", 1) > 30"), 1);
	CHECK_INT(left_of("getopt(\"aa\", 1) >= 20"), 2);
	CHECK_INT(left_of("getopt(\"aa\", 1) < 20 || getopt(\"cc\", \"\") < \"a\""), 2);
	CHECK_INT(left_of("$# > 99"), 1);
}

TEST(straight_path)
{
	comes_through(
		"begin { printf(\"hi %d\\n\", 1); $x = 1; @a[1, \"x\"] = $x + 2; @c = count(); print(@a); exit(); }");
	comes_through("uprobe:/bin/x:f { @[arg0] = count(); } interval:s:1 { print(@); clear(@); }");
	comes_through(
		"uretprobe:/bin/x:f /retval > 0/ { @sizes = hist(retval); @s[comm, pid] = sum(retval); }");
	comes_through(
		"begin { @start[tid] = nsecs; } end { $d = nsecs - @start[tid]; @ns = avg($d); delete(@start, tid); }");
	comes_through(
		"struct s { int a; char name[8]; struct s *next; } "
		"uprobe:/bin/x:f { $p = (struct s *)arg0; printf(\"%d %s\\n\", $p->next->a, $p.next.name); }");
	comes_through(
		"begin { for ($i : 0..10) { @[$i] = $i * 2; } for ($kv : @) { print(($kv.0, $kv.1)); } }");
	comes_through(
		"tracepoint:a:b { @[str(args.filename)] = count(); if (args.comm == \"x\") { print(args.a); } }");
}
