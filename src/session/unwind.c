/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See unwind.h. A file's table is made once, at the first process that maps it. What the programs know of a process is written
 * anew as a whole when its mappings change: seldom, and some microseconds.
 *
 * A process number may go to another program at any moment. The programs compare two addresses of the program's start with
 * those written here; these are read before and after the mappings, so that both are of one program.
 */
#include "session/unwind.h"

#include "base/hashmap.h"
#include "base/log.h"
#include "base/vec.h"
#include "objfile/proc.h"
#include "objfile/unwind.h"

#include <elf.h>
#include <stdio.h>

/* kernel memory for all tables; beyond it files are unwound in user space */
#define TABLE_BYTES_MAX (512ULL << 20)

enum { MAX_FRAMES = 1024 };

struct unwind_file {
	struct objfile *file;
	struct cfi_table *table; /* NULL: no CFI */
	bool is_read;
	int32_t number; /* of the table in the kernel, or IMAGE_UNWIND_*: IN_USER until it is needed */
};

struct unwind_process {
	uint64_t pid;
	uint32_t n_parts; /* written */
	int32_t n_tables; /* that there were then */
	bool is_changed;
};

struct unwind_stack {
	uint64_t hash;
	uint32_t n;
	uint64_t frames[];
};

struct unwinder {
	const struct image *im;
	const struct engine_ops *ops;
	struct engine *engine;
	struct symbolizer *symbolizer;
	struct arena arena;
	struct hashmap files;          /* address of struct objfile -> struct unwind_file */
	struct hashmap processes;      /* pid -> struct unwind_process */
	struct hashmap by_id, by_hash; /* struct unwind_stack */
	bool has_changes;
	bool is_eager; /* likely files are read at once: there is time */
	int32_t n_tables, n_read;
	uint64_t bytes, rows, odd, n_no_cfi, n_unwound, n_cut, n_refused;
	/* process being written */
	VEC(struct image_unwind_mapping) mappings;
};

/* ---- files ---- */

static void load_table(struct unwinder *u, struct unwind_file *f)
{
	uint64_t bytes = (uint64_t)f->table->n_words * 8;
	struct err *err;

	f->number = IMAGE_UNWIND_IN_USER;
	if (u->im->unwind_tables_map == IMAGE_NONE)
		return; /* every stack is sent */
	if (u->n_tables == IMAGE_UNWIND_FILES || u->bytes + bytes > TABLE_BYTES_MAX) {
		log_verbose("unwinding: no room for the table of %s", f->file->path);
		return;
	}
	err = u->ops->set_table(u->engine, u->im->unwind_tables_map, (uint32_t)u->n_tables,
				f->table->words, f->table->n_words);
	if (err) {
		log_verbose("unwinding: %s: %s", f->file->path, err->msg);
		err_free(err);
		return;
	}
	f->number = u->n_tables++;
	u->bytes += bytes;
	u->rows += f->table->n_rows;
	u->odd += f->table->n_odd;
}

/* nothing is read: most files that a process maps are never in its stacks */
static struct unwind_file *get_file(struct unwinder *u, struct objfile *file)
{
	uint64_t key = (uint64_t)(uintptr_t)file, *keep;
	struct unwind_file *f = hashmap_get(&u->files, hashmap_key_u64(&key));

	if (f)
		return f;
	f = arena_new(&u->arena, struct unwind_file);
	f->file = file;
	f->number = IMAGE_UNWIND_IN_USER;
	keep = arena_new(&u->arena, uint64_t);
	*keep = key;
	hashmap_put(&u->files, hashmap_key_u64(keep), f);
	return f;
}

static void read_file(struct unwinder *u, struct unwind_file *f)
{
	struct objfile *file = f->file;
	struct err *err;

	if (f->is_read)
		return;
	f->is_read = true;
	f->number = IMAGE_UNWIND_NO_CFI;
	u->n_read++;
	err = cfi_table_of(file, &f->table);
	if (err) {
		log_verbose("unwinding: %s, frame pointers are used there", err->msg);
		err_free(err);
	}
	if (f->table)
		load_table(u, f);
	else
		u->n_no_cfi++;
	log_verbose("unwinding: %s: %u rows, %u KB%s", file->path, f->table ? f->table->n_rows : 0,
		    f->table ? f->table->n_words / 128 : 0,
		    f->table ? "" : ": no call frame information, frame pointers are used");
}

/* ---- processes ---- */

/* addresses where the program's stack and code start: numbers 28 and 26 of /proc/PID/stat */
static bool read_start(pid_t pid, uint64_t *stack, uint64_t *code)
{
	char path[64], line[1024], *at;
	unsigned long long v = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	at = strrchr(line, ')');
	*stack = *code = 0;
	for (int i = 2; at && i <= 28; i++) { /* the name in parentheses is number 2 */
		if (i > 2)
			sscanf(at, "%llu", &v);
		if (i == 26)
			*code = v;
		if (i == 28)
			*stack = v;
		at = strchr(at + 1, ' ');
	}
	return *stack != 0;
}

/*
 * The file's address of a mapping's start. That lies before the segment when the segment begins within a page: the offset alone
 * would lead to the segment before.
 */
static bool start_vaddr(const struct symbolizer_mapping *m, uint64_t *vaddr)
{
	const uint64_t page = 4096;

	for (uint32_t i = 0; i < m->file->n_segments; i++) {
		const struct objfile_segment *s = &m->file->segments[i];

		if (s->type != PT_LOAD || !(s->flags & PF_X) ||
		    m->offset < (s->offset & ~(page - 1)) || m->offset >= s->offset + s->filesz)
			continue;
		*vaddr = m->offset - s->offset + s->vaddr;
		return true;
	}
	return false;
}

/* in nearly every stack: the program itself, and where it is started from */
static bool is_likely(const struct unwinder *u, const struct symbolizer_mapping *m)
{
	const char *name = strrchr(m->file->path, '/');

	return !u->mappings.n || (name && !strncmp(name, "/libc.so", 8));
}

static void add_mapping(void *arg, const struct symbolizer_mapping *m)
{
	struct unwinder *u = arg;
	struct image_unwind_mapping out = { .start = m->start,
					    .end = m->end,
					    .table = IMAGE_UNWIND_NO_CFI };
	struct unwind_file *f = m->file ? get_file(u, m->file) : NULL;
	uint64_t vaddr;

	if (m->start >= IMAGE_UNWIND_UNUSED)
		return; /* the kernel's page of old system calls; the search relies on it */
	if (f && u->is_eager && is_likely(u, m))
		read_file(u, f);
	if (f && !f->is_read)
		out.table = IMAGE_UNWIND_IN_USER;
	else if (f && f->table && start_vaddr(m, &vaddr)) {
		out.table = f->number;
		out.bias = m->start - vaddr + f->table->base;
		out.n_pages = f->table->n_pages;
	}
	vec_push(&u->mappings, out);
}

static bool write_part(struct unwinder *u, pid_t pid, uint32_t part,
		       const struct image_unwind_part *p)
{
	struct image_unwind_key key = { (uint32_t)pid, part };
	struct err *err = u->ops->map_update(u->engine, u->im->unwind_procs_map, &key, p);

	if (err && !u->n_refused++)
		log_verbose("unwinding: process %d: %s", (int)pid, err->msg);
	err_free(err);
	return !err;
}

static void remove_parts(struct unwinder *u, struct unwind_process *p, uint32_t from)
{
	/* the first part last: without the others it leads nowhere */
	while (p->n_parts > from) { /* none is written where there is no map of them */
		struct image_unwind_key key = { (uint32_t)p->pid, --p->n_parts };

		err_free(u->ops->map_delete(u->engine, u->im->unwind_procs_map, &key));
	}
}

static uint64_t start_of(const struct unwinder *u, size_t mapping)
{
	return mapping < u->mappings.n ? u->mappings.v[mapping].start : IMAGE_UNWIND_UNUSED;
}

static void write_process(struct unwinder *u, struct unwind_process *p, uint64_t stack,
			  uint64_t code)
{
	uint32_t n = (uint32_t)((u->mappings.n + IMAGE_UNWIND_MAPPINGS - 1) / IMAGE_UNWIND_MAPPINGS);
	struct image_unwind_part part = { .start_stack = stack, .start_code = code };

	if (n > IMAGE_UNWIND_PARTS)
		n = IMAGE_UNWIND_PARTS; /* addresses behind them are unknown: the consumer unwinds */
	for (uint32_t i = 0; i < IMAGE_UNWIND_PARTS; i++)
		part.part_start[i] = i < n ? start_of(u, (size_t)i * IMAGE_UNWIND_MAPPINGS)
					   : IMAGE_UNWIND_UNUSED;
	/* the first part last: it leads to the others */
	for (uint32_t i = n; i-- > 0;) {
		for (uint32_t k = 0; k < IMAGE_UNWIND_MAPPINGS; k++) {
			size_t at = (size_t)i * IMAGE_UNWIND_MAPPINGS + k;

			part.mappings[k] = (struct image_unwind_mapping){
				.start = IMAGE_UNWIND_UNUSED, .table = IMAGE_UNWIND_IN_USER
			};
			if (at < u->mappings.n)
				part.mappings[k] = u->mappings.v[at];
		}
		if (!write_part(u, (pid_t)p->pid, i, &part))
			return;
	}
	remove_parts(u, p, n);
	p->n_parts = n;
}

static struct unwind_process *find_process(struct unwinder *u, pid_t pid)
{
	uint64_t key = (uint64_t)pid;

	return u ? hashmap_get(&u->processes, hashmap_key_u64(&key)) : NULL;
}

static struct unwind_process *get_process(struct unwinder *u, pid_t pid)
{
	struct unwind_process *p = find_process(u, pid);

	if (p)
		return p;
	p = arena_new(&u->arena, struct unwind_process); /* stays: its number is a key */
	p->pid = (uint64_t)pid;
	hashmap_put(&u->processes, hashmap_key_u64(&p->pid), p);
	return p;
}

static void update(struct unwinder *u, struct unwind_process *p, bool fresh)
{
	uint64_t stack, code, stack_now, code_now;

	p->is_changed = false;
	p->n_tables = u->n_read;
	if (u->im->unwind_procs_map == IMAGE_NONE || !read_start((pid_t)p->pid, &stack, &code))
		return;
	u->mappings.n = 0;
	symbolizer_mappings(u->symbolizer, (pid_t)p->pid, fresh, add_mapping, u);
	if (!u->mappings.n || !read_start((pid_t)p->pid, &stack_now, &code_now) ||
	    stack != stack_now || code != code_now)
		return;
	write_process(u, p, stack, code);
}

void unwinder_note(struct unwinder *u, pid_t pid)
{
	if (u)
		update(u, get_process(u, pid), true);
}

void unwinder_prepare(struct unwinder *u, pid_t pid)
{
	if (!u)
		return;
	u->is_eager = true;
	unwinder_note(u, pid);
	u->is_eager = false;
}

static bool maps_any(pid_t pid, const uint64_t *inodes, size_t n)
{
	struct proc_maps maps;
	struct err *err = proc_maps_read(pid, &maps);
	bool found = false;

	for (uint32_t i = 0; !err && i < maps.n && !found; i++)
		for (size_t k = 0; k < n && !found; k++)
			found = maps.v[i].exec && maps.v[i].ino == inodes[k];
	err_free(err);
	proc_maps_free(&maps);
	return found;
}

void unwinder_prepare_files(struct unwinder *u, const uint64_t *inodes, size_t n)
{
	struct pid_list all = { 0 };

	if (!u || !n)
		return;
	err_free(proc_all(&all));
	vec_each(pid, &all)
		if (maps_any(*pid, inodes, n))
			unwinder_prepare(u, *pid);
	vec_free(&all);
}

static void mark(struct unwinder *u, struct unwind_process *p)
{
	if (!p)
		return;
	p->is_changed = true;
	u->has_changes = true;
}

void unwinder_mapped(struct unwinder *u, pid_t pid)
{
	mark(u, find_process(u, pid));
}

void unwinder_forked(struct unwinder *u, pid_t parent, pid_t child)
{
	if (find_process(u, parent))
		mark(u, get_process(u, child));
}

void unwinder_executed(struct unwinder *u, pid_t pid)
{
	mark(u, find_process(u, pid));
}

void unwinder_exited(struct unwinder *u, pid_t pid)
{
	struct unwind_process *p = find_process(u, pid);

	if (!p)
		return;
	remove_parts(u, p, 0);
	hashmap_remove(&u->processes, hashmap_key_u64(&p->pid));
}

void unwinder_flush(struct unwinder *u)
{
	if (!u || !u->has_changes)
		return;
	u->has_changes = false;
	for (size_t i = 0; i < u->processes.n; i++) {
		struct unwind_process *p = u->processes.entries[i].value;

		if (p && p->is_changed)
			update(u, p, true);
	}
}

/* ---- stacks that came as they were ---- */

struct copy {
	struct unwinder *u;
	const struct image_stack_snapshot *s;
	const uint8_t *bytes;
	size_t n;
};

static enum unwind_place find_place(void *arg, uint64_t addr, const struct cfi_table **table,
				    uint64_t *vaddr)
{
	struct copy *c = arg;
	struct symbolizer_mapping m;
	struct symbol_info name;
	struct unwind_file *f;

	if (!symbolizer_locate(c->u->symbolizer, (pid_t)c->s->pid, addr, &m))
		/* code of a JIT compiler that is known by its perf map only: the process may be gone */
		return symbolizer_user(c->u->symbolizer, (pid_t)c->s->pid, addr, &name) &&
				       name.found
			       ? UNWIND_PLACE_NO_CFI
			       : UNWIND_PLACE_NONE;
	f = m.file ? get_file(c->u, m.file) : NULL;
	if (f)
		read_file(c->u, f);
	if (!f || !f->table || !objfile_offset_to_vaddr(m.file, addr - m.start + m.offset, vaddr))
		return UNWIND_PLACE_NO_CFI;
	*table = f->table;
	return UNWIND_PLACE_TABLE;
}

static bool read_copy(void *arg, uint64_t addr, uint64_t *word)
{
	const struct copy *c = arg;
	uint64_t at = addr - c->s->base;

	if (addr < c->s->base || c->n < 8 || at > c->n - 8)
		return false;
	memcpy(word, c->bytes + at, sizeof(*word));
	return true;
}

/* equal stacks are kept once */
static struct unwind_stack *keep_stack(struct unwinder *u, const uint64_t *frames, uint32_t n)
{
	uint64_t hash = IMAGE_STACK_HASH_START;
	struct unwind_stack *k;

	for (uint32_t i = 0; i < n; i++)
		hash = image_stack_hash(hash, frames[i]);
	k = hashmap_get(&u->by_hash, hashmap_key_u64(&hash));
	if (k)
		return k;
	k = arena_alloc(&u->arena, sizeof(*k) + n * sizeof(*k->frames));
	k->hash = hash;
	k->n = n;
	memcpy(k->frames, frames, n * sizeof(*k->frames));
	hashmap_put(&u->by_hash, hashmap_key_u64(&k->hash), k);
	return k;
}

void unwinder_snapshot(struct unwinder *u, const struct image_stack_snapshot *s, const void *bytes,
		       size_t n)
{
	struct copy copy = { u, s, bytes, n };
	struct unwind_world w = { &copy, find_place, read_copy };
	struct unwind_regs regs = { s->ip, s->sp, s->bp };
	uint32_t max = s->limit && s->limit < MAX_FRAMES ? s->limit : MAX_FRAMES, n_frames;
	uint64_t frames[MAX_FRAMES], *id;
	struct unwind_process *p;
	enum unwind_end end;

	if (!u)
		return;
	p = get_process(u, (pid_t)s->pid);
	end = unwind_stack(&w, &regs, frames, max, &n_frames, NULL);
	if (n_frames)
		frames[0] -= s->shift;
	/* next time the kernel can do it */
	if (!p->n_parts || p->n_tables != u->n_read)
		update(u, p, false);
	if (end == UNWIND_FAILED && n_frames < max)
		frames[n_frames++] = IMAGE_UNWIND_FAILED;
	u->n_unwound++;
	u->n_cut += end == UNWIND_FAILED;
	id = arena_new(&u->arena, uint64_t);
	*id = s->id;
	hashmap_put(&u->by_id, hashmap_key_u64(id), keep_stack(u, frames, n_frames));
}

uint32_t unwinder_frames(struct unwinder *u, uint64_t *hash, uint64_t *frames, uint32_t max)
{
	struct unwind_stack *k;
	uint32_t n;

	if (!u)
		return 0;
	k = hashmap_get(&u->by_id, hashmap_key_u64(hash));
	if (!k)
		k = hashmap_get(&u->by_hash, hashmap_key_u64(hash));
	if (!k)
		return 0;
	n = k->n < max ? k->n : max;
	*hash = k->hash;
	if (frames)
		memcpy(frames, k->frames, n * sizeof(*frames));
	return n;
}

/* ---- begin and end ---- */

struct unwinder *unwinder_new(const struct image *im, const struct engine_ops *ops,
			      struct engine *e, struct symbolizer *s)
{
	struct unwinder *u;

	if (im->unwind_stats_map == IMAGE_NONE)
		return NULL;
	u = base_alloc(sizeof(*u));
	u->im = im;
	u->ops = ops;
	u->engine = e;
	u->symbolizer = s;
	arena_init(&u->arena);
	return u;
}

static void say_counts(const struct unwinder *u)
{
	uint64_t sum[UNWIND_N_STATS] = { 0 };
	uint32_t n_cpus = u->ops->n_cpus(u->engine), key = 0;
	uint64_t *all = base_alloc((size_t)n_cpus * sizeof(sum));
	struct err *err = u->ops->map_lookup(u->engine, u->im->unwind_stats_map, &key, all);

	for (uint32_t i = 0; !err && i < n_cpus * UNWIND_N_STATS; i++)
		sum[i % UNWIND_N_STATS] += all[i];
	err_free(err);
	free(all);
	log_verbose(
		"unwinding: %d tables, %llu rows (%llu of them odd), %llu KB; %llu files without call frame information",
		u->n_tables, (unsigned long long)u->rows, (unsigned long long)u->odd,
		(unsigned long long)(u->bytes >> 10), (unsigned long long)u->n_no_cfi);
	log_verbose(
		"unwinding: %llu stacks in the kernel (%llu frames, %llu by frame pointers, %llu stacks cut), "
		"%llu sent and unwound in user space (%llu cut), %llu not sent for want of room",
		(unsigned long long)sum[UNWIND_IN_KERNEL], (unsigned long long)sum[UNWIND_FRAMES],
		(unsigned long long)sum[UNWIND_FRAME_POINTER], (unsigned long long)sum[UNWIND_CUT],
		(unsigned long long)u->n_unwound, (unsigned long long)u->n_cut,
		(unsigned long long)sum[UNWIND_NOT_SENT]);
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	say_counts(u);
	for (size_t i = 0; i < u->files.n; i++)
		cfi_table_free(((struct unwind_file *)u->files.entries[i].value)->table);
	hashmap_free(&u->files);
	hashmap_free(&u->processes);
	hashmap_free(&u->by_id);
	hashmap_free(&u->by_hash);
	vec_free(&u->mappings);
	arena_free(&u->arena);
	free(u);
}
