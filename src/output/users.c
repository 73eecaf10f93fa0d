/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user table; see users.h. Names that were found are kept; unknown ids are looked up again each time. */
#include "output/users.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <pwd.h>

struct user {
	uint32_t uid;
	char *name;
};

static VEC(struct user) users;

void users_forget(void)
{
	vec_each(u, &users)
		free(u->name);
	vec_free(&users);
}

static const char *find(uint32_t uid)
{
	FILE_AUTO f = NULL;
	struct passwd *pw;

	vec_each(u, &users)
		if (u->uid == uid)
			return u->name;
	f = fopen("/etc/passwd", "re");
	while (f && (pw = fgetpwent(f))) {
		if (pw->pw_uid != uid)
			continue;
		vec_push(&users, ((struct user){ uid, base_strdup(pw->pw_name) }));
		return vec_last(&users).name;
	}
	return NULL;
}

void users_put_name(uint32_t uid, struct strbuf *out)
{
	const char *name = find(uid);

	if (name)
		strbuf_puts(out, name);
	else
		strbuf_printf(out, "%u", uid);
}
