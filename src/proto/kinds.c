/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of messages.def as data: kinds of messages and their fields, and the list of decoders. */
#include "proto/proto.h"
#include "proto/decoders.h"

/* clang-format off */
#define MESSAGE_BEGIN(kind, summary) static const struct proto_field kind##_fields[] = {
#define FIELD(kind, name, type, size, summary) \
	{ #name, PROTO_##type, offsetof(struct proto_msg_##kind, name), size, summary },
#define MESSAGE_END(kind) };
#include "proto/messages.def"

const struct proto_kind_info proto_kinds[PROTO_N_KINDS] = {
#define MESSAGE_BEGIN(kind, summary) \
	[PROTO_KIND_##kind] = { #kind, summary, kind##_fields, sizeof(kind##_fields) / sizeof(kind##_fields[0]), \
				sizeof(struct proto_msg_##kind) },
#define FIELD(kind, name, type, size, summary)
#define MESSAGE_END(kind)
#include "proto/messages.def"
};
/* clang-format on */

const struct proto_ops *const proto_all[] = {
#define DECODER(name) &proto_##name,
#include "proto/decoders.def"
#undef DECODER
	NULL,
};

int proto_kind_find(struct str name)
{
	for (int i = 0; i < PROTO_N_KINDS; i++)
		if (str_is(name, proto_kinds[i].name))
			return i;
	return -1;
}

const struct proto_ops *proto_find(struct str name)
{
	for (uint32_t i = 0; proto_all[i]; i++)
		if (str_is(name, proto_all[i]->name))
			return proto_all[i];
	return NULL;
}
