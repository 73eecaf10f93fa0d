/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of the traced program by name and type: args.NAME, locals.NAME, retval, and what the language knows of their
 * types by itself: references are followed, strings of any language become text, what is shown to people is captured
 * with all that it points to.
 *
 * These nodes are put into the tree at once, in every mode of the walker: what a shape offers does not change from round
 * to round, and each shape has its own copy of the clause.
 *
 * What has no location at the probe's place is never guessed: shown, it is the text "<optimized out>"; used in any other
 * way, it is an error that says where the value does exist.
 */
#include "sema/sema_private.h"

#include "types/location.h"

static struct node *make_call(struct sema *s, struct span at, enum builtin_id id, struct node *arg,
			      void *info)
{
	struct node *call = node_new(s->arena, NODE_CALL, at);

	call->call.builtin = &builtins[id];
	call->call.name = str_from(builtins[id].name);
	call->call.args = arg;
	call->call.n_args = arg ? 1 : 0;
	call->call.info = info;
	if (arg)
		arg->next = NULL;
	return call;
}

/* ---- variables ---- */

static const struct probe_var *find_var(const struct probe_shape *shape, enum probe_var_role role,
					struct str name, uint32_t *index)
{
	for (uint32_t i = 0; i < shape->n_vars; i++) {
		const struct probe_var *v = &shape->vars[i];

		if (v->role == role && str_eq(v->name, name)) {
			*index = i;
			return v;
		}
	}
	return NULL;
}

static uint32_t count_role(const struct probe_shape *shape, enum probe_var_role role,
			   uint32_t *first)
{
	uint32_t n = 0;

	for (uint32_t i = shape->n_vars; i-- > 0;)
		if (shape->vars[i].role == role) {
			*first = i;
			n++;
		}
	return n;
}

/* all points of a shape have the same form of location, so the first speaks for all */
static const struct location *location_of(const struct sema *s, uint32_t index)
{
	return &s->shape->points[0].locs[index];
}

/* "at the entry of f", "at +0x17 of f", "at the entry of f, inlined into main at args.rs:15" */
static struct str place_text(struct sema *s, const struct probe_point *p)
{
	STRBUF_AUTO text = { 0 };

	if (s->shape->is_return)
		strbuf_puts(&text, "at the return of ");
	else if (p->address - p->place_delta == p->entry_address)
		strbuf_puts(&text, "at the entry of ");
	else
		strbuf_printf(&text, "at +0x%llx of ",
			      (unsigned long long)(p->address - p->entry_address));
	strbuf_printf(&text, "'%.*s'", STR_ARG(p->symbol));
	if (p->inlined_into.n)
		strbuf_printf(&text, ", inlined into %.*s", STR_ARG(p->inlined_into));
	return arena_str(s->arena, strbuf_str(&text));
}

static void report_absent(struct sema *s, struct span at, uint32_t index)
{
	const struct probe_point *p = &s->shape->points[0];
	const struct location *l = location_of(s, index);
	struct str name = s->shape->vars[index].name;
	struct diag *d;

	d = sema_error(s, D_SEMA_OPTIMIZED_OUT, at, "'%.*s' was optimized out %.*s%s%.*s",
		       STR_ARG(name.n ? name : STR("retval")), STR_ARG(place_text(s, p)),
		       l->why.n ? ": " : "", STR_ARG(l->why));
	if (l->nearest)
		sema_hint(s, d, "it exists at +0x%llx of the same function: use %s:%.*s:0x%llx",
			  (unsigned long long)(l->nearest - p->entry_address),
			  probe_kind_name(PROBE_UPROBE), STR_ARG(p->path),
			  (unsigned long long)l->nearest);
	else
		sema_hint(s, d, "print() and %%s show such values as <optimized out>");
}

static struct str absent_text(struct sema *s, const struct location *l)
{
	if (l->n_pieces == 1 && l->pieces[0].kind == LOC_FLOAT_REG)
		return arena_printf(s->arena, "<in xmm%u>", l->pieces[0].reg);
	return STR("<optimized out>");
}

/* the node for variable number index, or what stands for it when it cannot be read */
static void put_var(struct sema *s, struct node **slot, uint32_t index, unsigned want)
{
	const struct location *l = location_of(s, index);
	const struct type *t = s->shape->vars[index].type;
	struct node *n = *slot;
	bool is_whole = !(want & WANT_PLACE);

	if (want & WANT_SHOWN && is_whole && t && location_is_partial(l, t->size)) {
		replace(slot, node_string(s, n->at, absent_text(s, l)));
		return;
	}
	replace(slot, make_call(s, n->at, BUILTIN_TARGET_VAR, NULL, (void *)(uintptr_t)index));
}

/* is every byte of [offset, offset + size) of the variable known? */
static bool is_covered(const struct location *l, uint32_t offset, uint32_t size)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_pieces; i++) {
		const struct loc_piece *p = &l->pieces[i];
		uint32_t from = p->offset > offset ? p->offset : offset;
		uint32_t to = p->offset + p->size < offset + size ? p->offset + p->size
								  : offset + size;

		if (p->kind != LOC_ABSENT && p->kind != LOC_FLOAT_REG && to > from)
			n += to - from;
	}
	return n >= size;
}

/*
 * The variable that a chain of members without pointers begins with; offset: of the place in it; is_all: an element is
 * chosen at run time, so all of the variable may be read.
 */
static const struct node *root_of(const struct node *n, uint32_t *offset, bool *is_all)
{
	*offset = 0;
	*is_all = false;
	for (;;) {
		const struct node *in = n->kind == NODE_INDEX ? n->index.a
					: n->kind == NODE_FIELD || n->kind == NODE_TUPLE_FIELD
						? n->field.a
						: NULL;

		if (!in || !in->type)
			break;
		if (in->type->kind == TYPE_POINTER) {
			/* what it leads to is elsewhere: the pointer itself must be there */
			*offset = 0;
			*is_all = true;
		} else if (n->kind == NODE_INDEX) {
			*is_all = true; /* which element is known later */
		} else {
			*offset += n->field.field.offset;
		}
		n = in;
	}
	return n->kind == NODE_CALL && n->call.builtin && n->call.builtin->id == BUILTIN_TARGET_VAR
		       ? n
		       : NULL;
}

/*
 * Is what this expression reads there? It is asked of whole expressions, so that args.s.len is fine where only the pointer of
 * the string was lost. Gives the variable that is not.
 */
static bool is_readable(const struct sema *s, const struct node *n, const struct type *t,
			uint32_t *index)
{
	const struct call_view *view = NULL;
	const struct node *root;
	uint32_t offset, size = t ? t->size : 0;
	bool is_all;

	if (n->kind == NODE_CALL && n->call.builtin && n->call.builtin->id == BUILTIN_VIEW) {
		view = n->call.info;
		n = n->call.args;
	}
	root = root_of(n, &offset, &is_all);
	if (!root)
		return true;
	*index = (uint32_t)(uintptr_t)root->call.info;
	if (is_all)
		return !location_is_partial(location_of(s, *index), root->type->size);
	if (view) {
		const struct view_path *p = &view->path;
		uint32_t i = 0;

		for (; i < p->n_steps && p->steps[i].kind == VIEW_STEP_OFFSET; i++)
			offset += p->steps[i].offset;
		size = i < p->n_steps               ? 8
		       : p->what == VIEW_IS_NUMBER  ? p->size
		       : p->what == VIEW_IS_DIFF    ? p->end_offset + 8
		       : p->what == VIEW_IS_CHOICE  ? n->type->size
		       : p->what == VIEW_IS_ADDRESS ? t->size
						    : 0;
	}
	return is_covered(location_of(s, *index), offset, size);
}

/* ---- args, locals, retval ---- */

/* results that have no names: what compilers call them is none */
static bool is_nameless(struct str name)
{
	return name.n == 0 || name.p[0] == '~';
}

/* all parameters, or all results: a record, or a tuple where there are no names */
static struct node *whole(struct sema *s, struct span at, enum probe_var_role role, uint32_t first)
{
	bool is_tuple = role == PVAR_RESULT && is_nameless(s->shape->vars[first].name);
	struct node *list = node_new(s->arena, is_tuple ? NODE_TUPLE : NODE_RECORD, at),
		    **tail = &list->list.items;

	for (uint32_t i = 0; i < s->shape->n_vars; i++) {
		const struct probe_var *v = &s->shape->vars[i];
		struct node *item;

		if (v->role != role || v->is_artificial)
			continue;
		if (is_tuple) {
			*tail = node_int(s, at, 0, NULL);
			put_var(s, tail, i, WANT_SHOWN);
			tail = &(*tail)->next;
			list->list.n++;
			continue;
		}
		item = node_new(s->arena, NODE_NAMED, at);
		item->named.name = v->name.n ? v->name
					     : arena_printf(s->arena, "_%u", list->list.n);
		item->named.value = node_int(s, at, 0, NULL);
		put_var(s, &item->named.value, i, WANT_SHOWN);
		*tail = item;
		tail = &item->next;
		list->list.n++;
	}
	return list;
}

static const struct builtin *builtin_of(const struct node *n)
{
	return n->kind == NODE_CALL ? n->call.builtin : NULL;
}

static bool role_of(const struct builtin *b, enum probe_var_role *role)
{
	if (!b || (b->id != BUILTIN_ARGS && b->id != BUILTIN_LOCALS && b->id != BUILTIN_RETVAL))
		return false;
	*role = b->id == BUILTIN_ARGS     ? PVAR_PARAM
		: b->id == BUILTIN_LOCALS ? PVAR_LOCAL
					  : PVAR_RESULT;
	return true;
}

static void report_unknown_var(struct sema *s, struct node *n, enum probe_var_role role)
{
	static const char *const what[] = { "argument", "local variable in scope", "result" };
	STRBUF_AUTO names = { 0 };
	struct diag *d;

	for (uint32_t i = 0; i < s->shape->n_vars; i++)
		if (s->shape->vars[i].role == role && s->shape->vars[i].name.n)
			strbuf_printf(&names, "%s%.*s", names.n ? ", " : "",
				      STR_ARG(s->shape->vars[i].name));
	d = sema_error(s, D_SEMA_NO_FIELD, n->at, "'%.*s' has no %s named '%.*s'",
		       STR_ARG(s->shape->points[0].symbol), what[role], STR_ARG(n->field.name));
	if (names.n)
		sema_hint(s, d, "there are: %s", strbuf_cstr(&names));
}

/* args.x, locals.x; retval.x of several results, and retval.0 */
static bool replace_member(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	enum probe_var_role role;
	uint32_t index, first = 0;

	if (!role_of(builtin_of(n->field.a), &role))
		return false;
	if (role == PVAR_RESULT && count_role(s->shape, role, &first) < 2)
		return false; /* a member of the one result */
	if (n->kind == NODE_TUPLE_FIELD) {
		if (role != PVAR_RESULT || n->field.index >= count_role(s->shape, role, &first))
			return false;
		put_var(s, slot, first + n->field.index, want);
		return true;
	}
	if (!find_var(s->shape, role, n->field.name, &index)) {
		report_unknown_var(s, n, role);
		n->type = type_poison();
		return false;
	}
	put_var(s, slot, index, want);
	return true;
}

static bool replace_whole(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;
	enum probe_var_role role;
	uint32_t first = 0, count;

	if (!role_of(builtin_of(n), &role))
		return false;
	count = count_role(s->shape, role, &first);
	if (role == PVAR_RESULT && count == 1) {
		put_var(s, slot, first, want);
		return true;
	}
	if (role == PVAR_RESULT && !s->shape->is_return)
		return false;
	if (count == 0 && want & WANT_SHOWN && role != PVAR_RESULT) {
		replace(slot, node_string(s, n->at, STR("{}")));
		return true;
	}
	if (count == 0) {
		sema_error(s, D_SEMA_NO_FIELD, n->at, "'%.*s' has no %s",
			   STR_ARG(s->shape->points[0].symbol),
			   role == PVAR_PARAM   ? "arguments"
			   : role == PVAR_LOCAL ? "local variables in scope at this place"
						: "result");
		n->type = type_poison();
		return false;
	}
	replace(slot, whole(s, n->at, role, first));
	return true;
}

static bool replace_state(struct sema *s, struct node **slot);

/* a pattern takes in functions that nothing is known of: where arguments are shown, that is what is shown of theirs */
static bool replace_unknown(struct sema *s, struct node **slot, unsigned want)
{
	const struct builtin *b = builtin_of(*slot);
	const struct attach_point *ap = s->inst ? s->inst->clause->points : NULL;

	if (!(want & WANT_SHOWN) || !b || (b->id != BUILTIN_ARGS && b->id != BUILTIN_LOCALS) ||
	    (s->shape->kind != PROBE_UPROBE && s->shape->kind != PROBE_URETPROBE))
		return false;
	while (ap && !str_has_glob(ap->text))
		ap = ap->next;
	if (ap)
		replace(slot, node_string(s, (*slot)->at, STR("<no debug information>")));
	return ap != NULL;
}

bool target_replace(struct sema *s, struct node **slot, unsigned want)
{
	struct node *n = *slot;

	/* a typed record of the probe's (tracepoints, fentry) is no business of this file */
	if (!s->shape || s->shape->args || !s->shape->n_points)
		return false;
	if (!s->shape->vars)
		return replace_unknown(s, slot, want);
	if (n->kind == NODE_FIELD || n->kind == NODE_TUPLE_FIELD)
		return replace_member(s, slot, want);
	if (builtin_of(n) && builtin_of(n)->id == BUILTIN_ASYNC_STATE)
		return replace_state(s, slot);
	return replace_whole(s, slot, want);
}

/* ---- parts by what the type is ---- */

/* puts the part where the place stands; the place's own chain is kept */
static void put_view(struct sema *s, struct node **slot, struct node *place,
		     const struct view_path *path, const struct type *t)
{
	struct call_view *view = arena_new(s->arena, struct call_view);
	struct node *call, *next = (*slot)->next; /* the place may be what stands in the slot */

	view->path = *path;
	view->type = t;
	view->is_place = path->what == VIEW_IS_ADDRESS && t == path->type;
	view->is_test = t == type_bool();
	call = make_call(s, (*slot)->at, BUILTIN_VIEW, place, view);
	call->next = next;
	*slot = call;
}

const struct type *call_view(struct sema *s, struct node *call)
{
	const struct call_view *view = call->call.info;
	const struct type *t = infer(s, &call->call.args, WANT_PLACE);

	if (is_unknown(t))
		return t;
	call->space = SPACE_USER;
	return view->type;
}

static const struct type *number_type(const struct view_path *path)
{
	return path->type ? path->type : type_int(8, path->what == VIEW_IS_DIFF);
}

bool target_follow(struct sema *s, struct node **slot, const struct type *t)
{
	struct node *place = *slot;
	struct view_path path;

	if (t->kind != TYPE_STRUCT || t->lang <= LANG_C ||
	    !view_path(s->tt, t, VIEW_TARGET, &path, NULL))
		return false;
	put_view(s, slot, place, &path, path.type);
	return true;
}

bool target_member(struct sema *s, struct node **slot, const struct type *base)
{
	static const struct {
		const char *name;
		enum view_attr attr;
	} members[] = { { "len", VIEW_LEN },
			{ "size", VIEW_LEN },
			{ "cap", VIEW_CAP },
			{ "is_ready", VIEW_IS_READY },
			{ "value", VIEW_VALUE } };
	struct node *n = *slot;
	struct view_path path;

	if (base->lang <= LANG_C)
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		if (!str_is(n->field.name, members[i].name) ||
		    !view_path(s->tt, base, members[i].attr, &path, NULL))
			continue;
		put_view(s, slot, n->field.a, &path,
			 members[i].attr == VIEW_IS_READY ? type_bool()
			 : path.what == VIEW_IS_ADDRESS   ? path.type
							  : number_type(&path));
		return true;
	}
	return false;
}

/* ---- futures ---- */

/* the names of a future's states as an enum over its discriminant */
static const struct type *state_type(struct sema *s, const struct type *future)
{
	struct type_enumerator *names = arena_array(s->arena, struct type_enumerator,
						    future->n_variants);
	uint32_t n = 0;

	for (uint32_t i = 0; i < future->n_variants; i++)
		if (future->variants[i].has_value)
			names[n++] = (struct type_enumerator){ future->variants[i].name,
							       (int64_t)future->variants[i].value };
	return type_new_enum(s->tt, STR("async_state"), future->discr.type->size, false, names, n);
}

/* from a parameter to the future that is polled: behind Pin and references; false: it is none */
static bool find_future(struct sema *s, const struct type *t, struct view_path *path)
{
	struct view_path state;

	*path = (struct view_path){ 0 };
	for (unsigned depth = 0; depth < 4; depth++) {
		bool is_pin = t->kind == TYPE_STRUCT && str_find(t->name, STR("::Pin<")) >= 0;

		if (t->kind == TYPE_POINTER) {
			path->steps[path->n_steps++].kind = VIEW_STEP_DEREF;
			t = t->elem;
		} else if (is_pin && type_complete(t) && t->n_fields == 1) {
			path->steps[path->n_steps++].offset = t->fields[0].offset;
			t = t->fields[0].type;
		} else {
			break;
		}
	}
	if (t->kind != TYPE_STRUCT || str_find(t->name, STR("{async_")) < 0 ||
	    !view_path(s->tt, t, VIEW_STATE, &state, NULL) || state.n_steps > 4)
		return false;
	for (uint32_t i = 0; i < state.n_steps; i++)
		path->steps[path->n_steps++] = state.steps[i];
	path->what = state.what;
	path->size = state.size;
	path->mask = state.mask;
	path->shift = state.shift;
	path->type = state_type(s, t);
	return true;
}

/* async_state: of the future that this function polls */
static bool replace_state(struct sema *s, struct node **slot)
{
	struct node *place;
	struct view_path path;

	for (uint32_t i = 0; i < s->shape->n_vars; i++) {
		if (s->shape->vars[i].role != PVAR_PARAM ||
		    !find_future(s, s->shape->vars[i].type, &path))
			continue;
		place = make_call(s, (*slot)->at, BUILTIN_TARGET_VAR, NULL, (void *)(uintptr_t)i);
		put_view(s, slot, place, &path, path.type);
		return true;
	}
	sema_error(s, D_SEMA_PROBE_KIND, (*slot)->at,
		   "async_state is there in the poll of an async fn or block (NAME::{async_fn#0}); "
		   "'%.*s' is none",
		   STR_ARG(s->shape->points[0].symbol));
	(*slot)->type = type_poison();
	return false;
}

/* ---- types at run time ---- */

/* from a value to the word that tells its dynamic type; false: its type is the static one */
static bool find_type_word(const struct type *t, struct view_path *path)
{
	struct type_field field;

	*path = (struct view_path){ .what = VIEW_IS_NUMBER, .size = 8 };
	if (t->kind != TYPE_STRUCT || !type_complete(t))
		return false;
	if (t->lang == LANG_CXX && t->has_vtable)
		return true;
	if (t->lang == LANG_RUST && type_find_field(t, STR("vtable"), &field)) {
		path->steps[path->n_steps++].offset = field.offset;
		return true;
	}
	if (t->lang != LANG_GO)
		return false;
	if (type_find_field(t, STR("_type"), &field))
		return true; /* an interface without methods begins with the type word */
	if (!type_find_field(t, STR("tab"), &field))
		return false;
	path->steps[path->n_steps++].kind =
		VIEW_STEP_DEREF; /* others with a table, whose second word it is */
	path->steps[path->n_steps++].offset = 8;
	return true;
}

const struct type *call_typename(struct sema *s, struct node **slot, unsigned want)
{
	struct node *call = *slot;
	const struct type *t;
	struct view_path path;

	(void)want;
	if (call->call.info) /* done in an earlier round */
		return type_simple(TYPE_TYPENAME);
	t = infer(s, &call->call.args, WANT_PLACE);
	if (is_unknown(t))
		return t;
	while (t->kind == TYPE_POINTER && type_complete(t->elem) && t->elem->has_vtable) {
		struct node *deref = node_new(s->arena, NODE_UNARY, call->at);

		deref->op = OP_DEREF;
		deref->unary.a = call->call.args;
		call->call.args = deref;
		t = infer(s, &call->call.args, WANT_PLACE);
	}
	if (!find_type_word(t, &path)) {
		replace(slot, node_string(s, call->at, type_spelling(s->arena, type_plain(s, t))));
		return infer(s, slot, 0);
	}
	put_view(s, &call->call.args, call->call.args, &path, type_int(8, false));
	infer(s, &call->call.args, 0);
	call->call.info = call;
	return type_simple(TYPE_TYPENAME);
}

/* ---- what happens by itself ---- */

static bool is_cxx_reference(const struct type *t)
{
	return t->kind == TYPE_POINTER && t->lang == LANG_CXX && t->name.n &&
	       t->name.p[t->name.n - 1] == '&';
}

/* str(text, length) in place of a string of the language */
static bool put_text(struct sema *s, struct node **slot, const struct type *t)
{
	struct view_path text, len;
	struct node *place = *slot, *copy, *str, *next = place->next;

	if (!view_path(s->tt, t, VIEW_TEXT, &text, NULL) ||
	    !view_path(s->tt, t, VIEW_LEN, &len, NULL))
		return false;
	copy = node_clone(s->arena, place);
	str = make_call(s, place->at, BUILTIN_STR, NULL, NULL);
	str->next = next;
	*slot = str;
	place->next = copy->next = NULL;
	str->call.args = place;
	place->next = copy;
	str->call.n_args = 2;
	put_view(s, &str->call.args, place, &text,
		 type_pointer(s->tt, type_int(1, true), SPACE_USER));
	put_view(s, &str->call.args->next, copy, &len, type_int(8, false));
	return true;
}

static void put_cast(struct sema *s, struct node **slot, const struct type *to)
{
	struct node *a = *slot, *cast = node_new(s->arena, NODE_CAST, a->at);

	cast->flags = NODE_F_IMPLICIT;
	cast->cast.a = a;
	cast->type = to;
	replace(slot, cast);
	a->next = NULL;
}

/* C's own types are printed by their bytes, as always; the others with what they lead to */
static const struct type *shown_as(struct sema *s, const struct type *t)
{
	bool is_ours = t->kind == TYPE_STRUCT || t->kind == TYPE_POINTER || t->kind == TYPE_ARRAY;

	if (!is_ours || (t->kind != TYPE_ARRAY && t->lang <= LANG_C))
		return NULL;
	if (t->kind == TYPE_ARRAY && (!s->shape || s->shape->lang <= LANG_C))
		return NULL;
	return view_capture(s->tt, t);
}

/* a variable of which nothing is left: no use of its place can be right, unless it is shown */
static bool is_lost(const struct sema *s, const struct node *n, unsigned want)
{
	const struct builtin *b = builtin_of(n);

	return b && b->id == BUILTIN_TARGET_VAR && !(want & WANT_SHOWN) && !s->in_type &&
	       location_is_absent(location_of(s, (uint32_t)(uintptr_t)n->call.info));
}

const struct type *target_decay(struct sema *s, struct node **slot, const struct type *t,
				unsigned want)
{
	struct node *n = *slot;
	const struct type *shown;
	uint32_t index;

	if (!s->shape || !s->shape->vars || want & WANT_REFERENCE ||
	    (n->kind == NODE_CAST && n->flags & NODE_F_IMPLICIT))
		return t;
	if (is_cxx_reference(t)) {
		struct node *deref = node_new(s->arena, NODE_UNARY, n->at);

		deref->op = OP_DEREF;
		deref->flags = NODE_F_IMPLICIT;
		deref->unary.a = n;
		replace(slot, deref);
		n->next = NULL;
		return infer(s, slot, want);
	}
	if (want & WANT_PLACE && !is_lost(s, n, want))
		return t;
	if (!is_readable(s, n, t, &index)) {
		if (want & WANT_SHOWN) {
			replace(slot, node_string(s, n->at, absent_text(s, location_of(s, index))));
			return infer(s, slot, want);
		}
		report_absent(s, n->at, index);
		return type_poison();
	}
	if (view_is_text(s->tt, t) && put_text(s, slot, t))
		return infer(s, slot, want);
	shown = want & WANT_SHOWN ? shown_as(s, t) : NULL;
	if (!shown)
		return t;
	put_cast(s, slot, shown);
	n->type = t;
	return shown;
}
