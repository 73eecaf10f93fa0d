/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes' mappings as text between the guardian and the front end; see news.h. */
#include "engine/user/target/news.h"

/* as the kernel spells a path: a newline would begin another line */
static void add_path(struct strbuf *out, struct str path)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '\n')
			strbuf_add_str(out, STR("\\012"));
		else
			strbuf_add(out, &path.p[i], 1);
}

void news_add_maps(struct strbuf *out, pid_t pid, bool is_new, const struct proc_maps *maps)
{
	strbuf_printf(out, "%s %d\n", is_new ? "new" : "process", (int)pid);
	for (uint32_t i = 0; i < maps->n; i++) {
		const struct proc_map *m = &maps->v[i];

		if (!m->exec)
			continue;
		strbuf_printf(out, "%llx-%llx r-xp %llx %x:%x %llu ", (unsigned long long)m->start,
			      (unsigned long long)m->end, (unsigned long long)m->offset,
			      m->dev_major, m->dev_minor, (unsigned long long)m->ino);
		add_path(out, m->path);
		strbuf_add_str(out, m->deleted ? STR(" (deleted)\n") : STR("\n"));
	}
}

void news_each(struct str news, void (*fn)(void *arg, pid_t pid, const struct proc_map *m),
	       void *arg)
{
	uint64_t pid = 0;

	while (news.n) {
		struct str line = str_split(&news, '\n');
		bool is_new = str_starts(line, STR("new "));
		struct proc_maps maps;

		if (is_new || str_starts(line, STR("process "))) {
			str_split(&line, ' ');
			if (!str_to_u64(line, &pid))
				pid = 0;
			if (is_new && pid)
				fn(arg, (pid_t)pid, NULL);
			continue;
		}
		proc_maps_parse(line, &maps);
		for (uint32_t i = 0; pid && i < maps.n; i++)
			fn(arg, (pid_t)pid, &maps.v[i]);
		proc_maps_free(&maps);
	}
}
