/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a value to one number of it (view_path of view.h): .len, .cap, where the text is, what a smart pointer leads to. The
 * answers come from the same rows as printing does, so that the two never differ.
 */
#include "types/view_private.h"

static bool step(struct view_path *out, enum view_step_kind kind, uint32_t offset)
{
	if (kind == VIEW_STEP_OFFSET && !offset)
		return true;
	if (out->n_steps == VIEW_MAX_STEPS)
		return false;
	out->steps[out->n_steps++] = (struct view_step){ kind, offset };
	return true;
}

static bool number_at(struct view_path *out, struct view_place place)
{
	if (!place.type || !type_is_integer(place.type) || !place.type->size)
		return false;
	out->what = VIEW_IS_NUMBER;
	out->size = place.type->size;
	out->type = place.type;
	return step(out, VIEW_STEP_OFFSET, place.offset);
}

static bool address_at(struct view_path *out, struct view_place place)
{
	out->what = VIEW_IS_ADDRESS;
	out->type = place.type;
	return place.type && step(out, VIEW_STEP_OFFSET, place.offset);
}

/* where the pointer at a place leads, add bytes further */
static bool address_behind(struct view_path *out, struct view_place ptr, int32_t add,
			   const struct type *target)
{
	out->what = VIEW_IS_ADDRESS;
	out->type = target;
	return ptr.type && target && step(out, VIEW_STEP_OFFSET, ptr.offset) &&
	       step(out, VIEW_STEP_DEREF, 0) && step(out, VIEW_STEP_OFFSET, (uint32_t)add);
}

static bool difference(struct view_path *out, const struct view *v, struct view_place end)
{
	out->what = VIEW_IS_DIFF;
	out->end_offset = end.offset - v->ptr.offset;
	out->divide = v->elem && v->elem->size ? v->elem->size : 1;
	out->type = type_int(8, false);
	return end.offset >= v->ptr.offset && step(out, VIEW_STEP_OFFSET, v->ptr.offset);
}

/* libc++'s strings: one path for each form */
static bool choice(struct type_table *tt, struct view_path *out, const struct view *v,
		   enum view_attr attr)
{
	struct view_path *in_place = arena_new(tt->arena, struct view_path);
	struct view_path *behind = arena_new(tt->arena, struct view_path);
	struct view_place flag = { type_int(1, false), v->flag.offset };
	bool ok;

	if (attr == VIEW_LEN) {
		ok = number_at(in_place, flag) && number_at(behind, v->len);
		in_place->shift = 1;
	} else {
		ok = address_at(in_place, v->inner) &&
		     address_behind(behind, v->ptr, 0, type_int(1, true));
	}
	out->what = VIEW_IS_CHOICE;
	out->if_clear = in_place;
	out->if_set = behind;
	return ok && step(out, VIEW_STEP_OFFSET, v->flag.offset);
}

static bool is_text(const struct view *v)
{
	return v && (v->row->kind == LOOK_TEXT || v->row->kind == LOOK_SSO);
}

static bool is_bytes(const struct view *v)
{
	return v && (v->row->kind == LOOK_SEQ) && v->elem && v->elem->kind == TYPE_INT &&
	       v->elem->size == 1;
}

/* ---- by kind ---- */

/* what a Go map or channel points to; a script's dot may have gone through the pointer already */
static const struct type *go_header(const struct type *t, struct view_path *out)
{
	static const char *const names[] = { "map<", "hash<", "hchan<" };

	if (t->lang != LANG_GO)
		return NULL;
	if (t->kind == TYPE_POINTER && t->elem && step(out, VIEW_STEP_DEREF, 0))
		t = t->elem;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (t->kind == TYPE_STRUCT && str_starts(t->name, str_from(names[i])) &&
		    type_complete(t))
			return t;
	return NULL;
}

/* maps until 1.23, newer ones, channels */
static bool go_length(const struct type *header, struct view_path *out)
{
	struct view_place n;

	return (view_walk(header, "count", &n) || view_walk(header, "used", &n) ||
		view_walk(header, "qcount", &n)) &&
	       number_at(out, n);
}

static bool channel_capacity(const struct type *header, struct view_path *out)
{
	struct view_place n;

	return view_walk(header, "dataqsiz", &n) && number_at(out, n);
}

static bool constant(struct view_path *out, uint64_t value)
{
	out->what = VIEW_IS_CONST;
	out->value = value;
	out->type = type_int(8, false);
	return true;
}

static bool length(struct type_table *tt, const struct type *t, const struct view *v,
		   struct view_path *out)
{
	const struct type *header = go_header(t, out);

	if (t->kind == TYPE_ARRAY)
		return constant(out, t->count);
	if (header)
		return go_length(header, out);
	if (!v)
		return false;
	switch (v->row->kind) {
	case LOOK_SSO: return choice(tt, out, v, VIEW_LEN);
	case LOOK_BOOLS: return number_at(out, v->len);
	case LOOK_DURATION: return false;
	default: break;
	}
	if (v->end.type)
		return v->row->kind == LOOK_SEQ && difference(out, v, v->end);
	if (v->len.type)
		return !v->row->len_add && number_at(out, v->len);
	if (v->row->kind == LOOK_INNER && v->inner.type->kind == TYPE_ARRAY)
		return constant(out, v->inner.type->count);
	return false;
}

static bool capacity(const struct type *t, const struct view *v, struct view_path *out)
{
	const struct type *header = go_header(t, out);

	if (header)
		return channel_capacity(header, out);
	if (!v || !v->cap.type)
		return false;
	return v->end.type ? difference(out, v, v->cap) : number_at(out, v->cap);
}

static bool target(const struct type *t, const struct view *v, struct view_path *out)
{
	struct view_place inner = { 0 };

	if (!v || v->row->kind != LOOK_REF)
		return v && v->row->kind == LOOK_INNER && v->inner.type &&
		       v->inner.type->kind == TYPE_POINTER &&
		       address_behind(out, v->inner, 0, v->inner.type->elem);
	inner.type = t->kind == TYPE_POINTER ? t->elem : v->elem;
	if (v->row->inner && (!v->elem || !view_walk(v->elem, v->row->inner, &inner)))
		return false;
	return address_behind(out, v->ptr, (int32_t)inner.offset, inner.type);
}

/* the variant by this name, or the one whose value is meant: Some, Ready, Ok */
static const struct type_variant *value_variant(const struct type *t)
{
	for (uint32_t i = 0; t->kind == TYPE_STRUCT && i < t->n_variants; i++)
		if (str_is(t->variants[i].name, "Ready") || str_is(t->variants[i].name, "Some") ||
		    str_is(t->variants[i].name, "Ok"))
			return &t->variants[i];
	return NULL;
}

static bool value_inside(const struct type *t, const struct view *v, struct view_path *out)
{
	const struct type_variant *variant = value_variant(t);

	if (v && v->row->kind == LOOK_OPTIONAL)
		return address_at(out, v->inner);
	if (!variant || !variant->type || !type_complete(variant->type) || !variant->type->n_fields)
		return false;
	return address_at(out, (struct view_place){ variant->type->fields[0].type,
						    variant->type->fields[0].offset });
}

/* the discriminant as it stands in memory */
static bool discriminant(const struct type *t, struct view_path *out)
{
	if (t->kind != TYPE_STRUCT || !t->n_variants || !t->discr.type)
		return false;
	return number_at(out, (struct view_place){ t->discr.type, t->discr.offset });
}

/* Poll's Ready is 0, Option's Some often what is left when the number does not say None: see VIEW_IS_READY */
static bool is_ready(const struct type *t, const struct view *v, struct view_path *out)
{
	const struct type_variant *variant = value_variant(t);

	if (v && v->row->kind == LOOK_OPTIONAL) {
		out->is_inverted = true;
		return number_at(out, v->flag);
	}
	if (!variant || !discriminant(t, out))
		return false;
	if (!variant->has_value && t->n_variants == 2) {
		variant = &t->variants[variant == t->variants];
		out->is_inverted = true;
	}
	out->value = variant->value;
	return variant->has_value;
}

bool view_path(struct type_table *tt, const struct type *t, enum view_attr attr,
	       struct view_path *out, const struct type **elem)
{
	const struct view *v = view_of(tt, t);

	*out = (struct view_path){ 0 };
	type_complete(t);
	switch (attr) {
	case VIEW_LEN: return length(tt, t, v, out);
	case VIEW_CAP: return capacity(t, v, out);
	case VIEW_TEXT:
		if (!is_text(v) && !is_bytes(v))
			return false;
		if (v->row->kind == LOOK_SSO)
			return choice(tt, out, v, attr);
		return address_behind(out, v->ptr, v->row->add, type_int(1, true));
	case VIEW_DATA:
		if (!v || v->row->kind != LOOK_SEQ)
			return false;
		if (elem)
			*elem = v->elem;
		return address_behind(out, v->ptr, v->row->add, v->elem);
	case VIEW_TARGET: return target(t, v, out);
	case VIEW_IS_READY: return is_ready(t, v, out);
	case VIEW_VALUE: return value_inside(t, v, out);
	case VIEW_STATE: return discriminant(t, out);
	}
	return false;
}

bool view_is_text(struct type_table *tt, const struct type *t)
{
	return is_text(view_of(tt, t));
}
