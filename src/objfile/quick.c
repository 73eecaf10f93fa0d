/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See quick.h. A plain name of C is looked up in the hash table of the dynamic symbols, as ld.so does it: three small
 * reads. For all else, the tables of names are searched for the longest word of the name, which mangling leaves whole.
 */
#include "objfile/quick.h"

#include "base/arena.h"
#include "objfile/usdt.h"
#include "objfile/word_search.h"

#include <elf.h>
#include <stdlib.h>

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

struct str quick_word(struct str name)
{
	struct str best = STR_NULL;

	for (size_t i = 0, from = 0; i <= name.n; i++) {
		if (i < name.n && is_word_char(name.p[i]))
			continue;
		if (i - from > best.n)
			best = str_sub(name, from, i);
		from = i + 1;
	}
	return best;
}

/* an operator's name is not mangled as a word; neither is what stands for a constructor */
static bool is_searchable(struct str name)
{
	return str_find(name, STR("operator")) < 0 && str_find_char(name, '~', 0) < 0;
}

/* ---- the hash table of dynamic symbols: "GNU hash", see glibc's do_lookup_x ---- */

struct gnu_hash {
	uint32_t n_buckets, first_symbol, n_bloom, shift;
};

static uint32_t hash_name(struct str name)
{
	uint32_t h = 5381;

	for (size_t i = 0; i < name.n; i++)
		h = h * 33 + (unsigned char)name.p[i];
	return h;
}

/*
 * The table of one file. The first part of it, a Bloom filter, tells of most names that they are not there; it is read once for
 * all names.
 */
struct hash_table {
	bool is_known; /* false: there is none, or a broken one */
	const struct objfile_section *s;
	struct gnu_hash g;
	uint64_t *bloom;
};

/* libraries of 100,000 symbols have 256 KB */
enum { BLOOM_WORDS_MAX = 1 << 17 };

static void hash_open(struct objfile *f, struct hash_table *t)
{
	const struct objfile_section *s = objfile_find_section(f, STR(".gnu.hash"));

	*t = (struct hash_table){ .s = s };
	if (!s || s->size < sizeof(t->g) || !objfile_read_at(f, s->offset, &t->g, sizeof(t->g)) ||
	    !t->g.n_bloom || !t->g.n_buckets || t->g.shift > 31 ||
	    (uint64_t)t->g.n_bloom * 8 > s->size || (uint64_t)t->g.n_buckets * 4 > s->size ||
	    t->g.n_bloom > BLOOM_WORDS_MAX)
		return;
	t->bloom = base_alloc((size_t)t->g.n_bloom * 8);
	t->is_known = objfile_read_at(f, s->offset + sizeof(t->g), t->bloom,
				      (size_t)t->g.n_bloom * 8);
}

static void hash_close(struct hash_table *t)
{
	free(t->bloom);
}

/* is some symbol of this hash defined? */
static bool hash_has(struct objfile *f, const struct hash_table *t, struct str name)
{
	uint32_t h = hash_name(name), at, entry = 0;
	uint64_t bloom = t->bloom[h / 64 % t->g.n_bloom], buckets, chains;

	if (!(bloom >> (h % 64) & bloom >> ((h >> t->g.shift) % 64) & 1))
		return false;
	buckets = t->s->offset + sizeof(t->g) + (uint64_t)t->g.n_bloom * 8;
	chains = buckets + (uint64_t)t->g.n_buckets * 4;
	if (!objfile_read_at(f, buckets + (uint64_t)(h % t->g.n_buckets) * 4, &at, 4) ||
	    at < t->g.first_symbol)
		return false;
	/* the last of a chain has its lowest bit set; the section's end bounds a broken one */
	for (uint64_t p = chains + (uint64_t)(at - t->g.first_symbol) * 4;
	     p + 4 <= t->s->offset + t->s->size && !(entry & 1); p += 4) {
		if (!objfile_read_at(f, p, &entry, 4))
			return false;
		if ((entry | 1) == (h | 1))
			return true;
	}
	return false;
}

/* ---- tables of names ---- */

static bool section_has(struct objfile *f, const char *section, struct str word)
{
	const struct objfile_section *s = objfile_find_section(f, str_from(section));
	struct bytes b;
	struct err *e;

	if (!s || s->type == SHT_NOBITS)
		return false;
	e = objfile_section_bytes(f, s, &b);
	if (e) {
		err_free(e);
		return true; /* not to be read here: not known */
	}
	return b.n >= word.n && memmem(b.p, b.n, word.p, word.n);
}

static bool dynamic_has(struct objfile *f, const struct hash_table *t, struct str name,
			struct str word)
{
	return t->is_known && word.n == name.n ? hash_has(f, t, name)
					       : section_has(f, ".dynstr", word);
}

/* position-independent programs have it elsewhere */
static bool go_table_has(struct objfile *f, struct str word)
{
	return section_has(f, ".gopclntab", word) || section_has(f, ".data.rel.ro.gopclntab", word);
}

/* "crypto/tls.(*Conn).Write": no other language writes names so */
static bool is_go_name(struct str name)
{
	return str_find(name, STR(".(*")) >= 0 || str_find_char(name, '/', 0) >= 0;
}

/* the longest word of a C++ or Rust name that no wildcard touches: all of an identifier; of those inside of <> or outside */
static struct str whole_word(struct str name, bool is_inside)
{
	struct str best = STR_NULL;
	uint32_t depth = 0;

	for (size_t i = 0, from = 0; i <= name.n; i++) {
		bool is_cut;

		if (i < name.n && is_word_char(name.p[i]))
			continue;
		is_cut = (i < name.n && name.p[i] == '*') || (from && name.p[from - 1] == '*');
		if (!is_cut && !depth == !is_inside && i - from > best.n)
			best = str_sub(name, from, i);
		from = i + 1;
		if (i < name.n && name.p[i] == '<')
			depth++;
		else if (i < name.n && name.p[i] == '>' && depth)
			depth--;
	}
	return best;
}

static bool is_in_names(struct objfile *f, struct str text)
{
	return section_has(f, ".dynstr", text) || section_has(f, ".strtab", text);
}

/*
 * What tables of names must have of a C++ or Rust name: up to two texts, kept in the arena. Both
 * manglings of Rust and that of C++ put an identifier's length in front of it. Rust's older one makes
 * one identifier of "name<args>" and of "<T as Trait>", so there the words stand alone; those inside
 * of <> count for the latter only, for C++ has letters for some types.
 */
static uint32_t mangled_needles(struct str name, struct arena *a, struct str *ret)
{
	struct str outside = whole_word(name, false), inside = whole_word(name, true);
	STRBUF_AUTO text = { 0 };
	uint32_t n = 0;

	if (str_find_char(name, '<', 0) >= 0) {
		if (outside.n)
			ret[n++] = outside;
		if (name.p[0] == '<' && inside.n >= 6)
			ret[n++] = inside;
		return n;
	}
	if (outside.n && outside.p[0] != '_' && !(outside.p[0] >= '0' && outside.p[0] <= '9')) {
		strbuf_printf(&text, "%zu%.*s", outside.n, STR_ARG(outside));
		ret[n++] = arena_str(a, strbuf_str(&text));
	} else if (quick_word(name).n) {
		ret[n++] = quick_word(name);
	}
	return n;
}

static bool has_mangled(struct objfile *f, struct str name)
{
	struct str needles[2];
	struct arena a;
	bool has = true;
	uint32_t n;

	arena_init(&a);
	n = mangled_needles(name, &a, needles);
	for (uint32_t i = 0; i < n; i++)
		has = has && is_in_names(f, needles[i]);
	arena_free(&a);
	return has;
}

bool quick_may_have_function(struct objfile *f, struct str name)
{
	struct str word = quick_word(name);
	struct hash_table t;
	bool has;

	if (!word.n || !is_searchable(name) || f->n_sections < 2)
		return true;
	if (is_go_name(name))
		return objfile_langs(f) & OBJFILE_LANG_GO &&
		       (go_table_has(f, word) || section_has(f, ".strtab", word));
	/* symbols in a compressed file of their own */
	if (objfile_find_section(f, STR(".gnu_debugdata")))
		return true;
	if (str_find(name, STR("::")) >= 0)
		return has_mangled(f, name);
	hash_open(f, &t);
	has = dynamic_has(f, &t, name, word);
	hash_close(&t);
	return has || section_has(f, ".strtab", word) ||
	       (word.n != name.n && go_table_has(f, word));
}

/* what quick_may_have_function says of a plain name, without its search in the names of all symbols; *is_sure: that is all */
static bool may_have_plain(struct objfile *f, const struct hash_table *t, struct str name,
			   bool *is_sure)
{
	*is_sure = true;
	if (!is_searchable(name) || f->n_sections < 2 ||
	    objfile_find_section(f, STR(".gnu_debugdata")) || dynamic_has(f, t, name, name))
		return true;
	*is_sure = false;
	return false;
}

/* is to be searched for as others are, in one pass over the tables of names */
static bool is_mangled(struct objfile *f, struct str name)
{
	return quick_word(name).n && is_searchable(name) && f->n_sections >= 2 &&
	       !is_go_name(name) && str_find(name, STR("::")) >= 0 &&
	       !objfile_find_section(f, STR(".gnu_debugdata"));
}

/* texts that are searched for together, and whose they are */
struct needles {
	struct str *words;
	uint32_t *of, n;
};

static void add_needle(struct needles *q, struct str word, uint32_t of)
{
	q->words[q->n] = word;
	q->of[q->n++] = of;
}

/* found: set where a word, from this one on, is in the section; a section that is not to be read may have all */
static void search_section(struct objfile *f, const char *name, const struct needles *q,
			   uint32_t from, bool *found)
{
	const struct objfile_section *s = objfile_find_section(f, str_from(name));
	struct bytes b;
	struct err *e;

	if (!s || s->type == SHT_NOBITS || q->n <= from)
		return;
	e = objfile_section_bytes(f, s, &b);
	if (!e)
		word_search(b, q->words + from, q->n - from, found + from);
	for (uint32_t i = from; e && i < q->n; i++)
		found[i] = true;
	err_free(e);
}

/* those from n_plain on are of mangled names, which may also stand in the table of dynamic symbols */
static void search_names(struct objfile *f, const struct needles *q, uint32_t n_plain, bool *ret)
{
	bool *found = base_alloc(q->n + 1);

	search_section(f, ".dynstr", q, n_plain, found);
	search_section(f, ".strtab", q, 0, found);
	for (uint32_t i = 0; i < q->n; i++)
		ret[q->of[i]] = found[i];
	free(found);
}

/*
 * A mangled name can have two texts, of which each must be there. The search is as quick as its shortest text is long, so it is
 * for the longer one first, and the other is looked for only where that was found.
 */
static void search_mangled(struct objfile *f, const struct str *names, uint32_t n,
			   struct needles *q, struct arena *a, bool *ret)
{
	struct str *shorter = arena_array(a, struct str, n + 1);
	uint32_t n_plain = q->n;

	for (uint32_t i = 0; i < n; i++) {
		struct str needles[2] = { { 0 } };
		uint32_t k = 0;

		if (quick_word(names[i]).n != names[i].n && is_mangled(f, names[i]))
			k = mangled_needles(names[i], a, needles);
		if (k)
			add_needle(q, needles[needles[1].n > needles[0].n], i);
		if (k == 2)
			shorter[i] = needles[needles[1].n <= needles[0].n];
	}
	search_names(f, q, n_plain, ret);
	q->n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (shorter[i].n && ret[i])
			add_needle(q, shorter[i], i);
	search_names(f, q, 0, ret);
}

void quick_may_have_functions(struct objfile *f, const struct str *names, uint32_t n, bool *ret)
{
	struct needles q = { 0 };
	struct hash_table t;
	struct arena a;

	arena_init(&a);
	hash_open(f, &t);
	q.words = arena_array(&a, struct str, n + 1);
	q.of = arena_array(&a, uint32_t, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		bool is_sure = true;

		ret[i] = true;
		if (names[i].n && quick_word(names[i]).n == names[i].n) {
			ret[i] = may_have_plain(f, &t, names[i], &is_sure);
			if (!is_sure)
				add_needle(&q, names[i], i);
		} else if (!is_mangled(f, names[i])) {
			ret[i] = quick_may_have_function(f, names[i]);
		}
	}
	hash_close(&t);
	search_mangled(f, names, n, &q, &a, ret);
	arena_free(&a);
}

bool quick_has_usdt(struct objfile *f, struct str provider, struct str name)
{
	struct usdt_table *t;

	if (!objfile_find_section(f, STR(".note.stapsdt")))
		return false;
	t = objfile_usdt(f);
	for (uint32_t i = 0; i < t->n; i++)
		if (str_glob(provider, t->v[i].provider) && str_glob(name, t->v[i].name))
			return true;
	return false;
}
