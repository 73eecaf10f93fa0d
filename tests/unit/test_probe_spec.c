/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attach points taken apart: parts, numbers, and the messages for what is wrong with them. */
#include "probe/spec.h"

#include "attach_point.h"
#include "tap.h"

static struct arena arena;
static struct diag_list diags;

static bool parse(const char *text, bool has_pid, struct probe_spec *s)
{
	struct attach_point *ap = attach_point_cut(&arena, text);

	diag_list_init(&diags, &arena);
	return probe_spec_parse(ap, provider_find(ap->parts[0]), has_pid, &arena, &diags, s);
}

static const char *error_of(const char *text)
{
	struct probe_spec s;

	return parse(text, false, &s) || !diags.first ? "" : diags.first->msg.p;
}

TEST(providers)
{
	CHECK_INT(provider_find(STR("uprobe")), PROBE_UPROBE);
	CHECK_INT(provider_find(STR("u")), PROBE_UPROBE);
	CHECK_INT(provider_find(STR("U")), PROBE_USDT);
	CHECK_INT(provider_find(STR("BEGIN")), PROBE_BEGIN);
	CHECK_INT(provider_find(STR("kretfunc")), PROBE_FEXIT);
	CHECK_INT(provider_find(STR("KPROBE")), PROBE_KPROBE);
	CHECK_INT(provider_find(STR("")), PROBE_N_KINDS);
	CHECK_INT(provider_find(STR("nonsense")), PROBE_N_KINDS);
}

TEST(numbers)
{
	const char *why;
	uint64_t v;

	CHECK(probe_number(STR("1e6"), &v, &why) && v == 1000000);
	CHECK(probe_number(STR("1_000"), &v, &why) && v == 1000);
	CHECK(probe_number(STR("0x1F"), &v, &why) && v == 31);
	CHECK(probe_number(STR("18446744073709551615"), &v, &why) && v == UINT64_MAX);
	CHECK(!probe_number(STR("18446744073709551616"), &v, &why));
	CHECK(!probe_number(STR("1e20"), &v, &why));
	CHECK(!probe_number(STR("1b"), &v, &why));
	CHECK_STR(why, "invalid trailing bytes");
	CHECK(!probe_number(STR("nan"), &v, &why));
	CHECK_STR(why, "invalid integer");
	CHECK(!probe_number(STR(""), &v, &why));
	CHECK(probe_duration(STR("5m"), &v, &why) && v == 300000000000);
	CHECK(probe_duration(STR("100ms"), &v, &why) && v == 100000000);
	CHECK(!probe_duration(STR("5y"), &v, &why));
}

TEST(uprobes)
{
	struct probe_spec s;

	CHECK(parse("uprobe:/bin/x:f", false, &s));
	CHECK_VIEW(s.target, "/bin/x");
	CHECK_VIEW(s.func, "f");
	CHECK(!s.has_offset);
	CHECK(parse("u:/dir+/x:\"fn.abc\"+0x10", false, &s));
	CHECK_VIEW(s.target, "/dir+/x");
	CHECK_VIEW(s.func, "fn.abc");
	CHECK_INT(s.offset, 16);
	CHECK(parse("u:x:f+0", false, &s) && s.has_offset && s.offset == 0);
	CHECK(parse("u:x:\"A::operator+(int)\"", false, &s));
	CHECK_VIEW(s.func, "A::operator+(int)");
	CHECK(parse("u:x:1234abc", false, &s) && !s.has_address);
	CHECK(parse("u:x:0x1234", false, &s) && s.has_address && s.address == 0x1234);
	CHECK(parse("u:x:cpp:f", false, &s));
	CHECK_VIEW(s.ns, "cpp");
	CHECK(parse("u:f", true, &s) && s.target.n == 0);
	CHECK(parse("u:cpp:f", true, &s));
	CHECK_VIEW(s.ns, "cpp");
	CHECK(parse("u:x@a.c:12:3", false, &s));
	CHECK_VIEW(s.source_file, "a.c");
	CHECK_INT(s.line, 12);
	CHECK_INT(s.column, 3);
	CHECK(parse("u:x:\"init@src/a.c\"", false, &s));
	CHECK_VIEW(s.func, "init");
	CHECK_VIEW(s.decl_file, "src/a.c");
	CHECK(parse("u:x:\"init@a.c\"+4", false, &s) && s.offset == 4);
	CHECK_VIEW(s.decl_file, "a.c");
	/* Go's receivers are no wildcard */
	CHECK(parse("u:x:\"main.(*P).Set\"+4", false, &s) && s.offset == 4);
	CHECK(parse("u:x:a::b::c::f", false, &s));
	CHECK_VIEW(s.func, "a::b::c::f");
	CHECK(parse("u:x:cpp:a::f", false, &s));
	CHECK_VIEW(s.func, "a::f");
	CHECK_VIEW(s.ns, "cpp");
	CHECK(parse("u:x:a::f+4", false, &s) && s.offset == 4);
	CHECK_VIEW(s.func, "a::f");
	CHECK_STR(error_of("u:x:a::b:c"), "uprobe probe type requires 2 or 3 arguments, found 5");
	CHECK_STR(error_of("u:x:a::"), "uprobe probe type requires 2 or 3 arguments, found 4");
	CHECK_STR(error_of("u:x:f*+4"), "Cannot use wildcards with an offset");
	CHECK_STR(error_of("u:x:\"f@\""),
		  "Invalid uprobe arguments, expected format: uprobe:TARGET:\"FUNCTION@FILE\"");
	CHECK_STR(error_of("uprobe:f"), "uprobe probe type requires 2 or 3 arguments, found 1");
	CHECK_STR(error_of("ur:x:f+1"), "Offset not allowed");
	CHECK_STR(error_of("u:/x*:0x12"), "Cannot use wildcards with absolute address");
	CHECK_STR(error_of("u:x:perl:f"), "'perl' is not a supported language");
	CHECK_STR(error_of("u:x@:1"),
		  "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]");
}

TEST(usdt_and_tracepoints)
{
	struct probe_spec s;

	CHECK(parse("usdt:/x:p", false, &s));
	CHECK_VIEW(s.ns, "*");
	CHECK(parse("usdt:/x::p*", false, &s));
	CHECK_VIEW(s.ns, "*");
	CHECK_VIEW(s.func, "p*");
	CHECK(parse("usdt:::p", true, &s) && s.target.n == 0);
	CHECK(parse("usdt::n:p", true, &s));
	CHECK_VIEW(s.ns, "n");
	CHECK_STR(error_of("usdt"), "usdt probe type requires 2 or 3 arguments, found 0");
	CHECK(parse("t:sys_*", false, &s));
	CHECK_VIEW(s.target, "*");
	CHECK_STR(error_of("tracepoint:f"), "tracepoint probe type requires 2 arguments, found 1");
	CHECK(parse("rt:f", false, &s) && s.target.n == 0);
	CHECK_STR(error_of("rawtracepoint"),
		  "rawtracepoint probe type requires 2 or 1 arguments, found 0");
	CHECK_STR(error_of("k:a:b:c"), "kprobe probe type requires 1 or 2 arguments, found 3");
}

TEST(timers_and_counters)
{
	struct probe_spec s;

	CHECK(parse("interval:s:1e3", false, &s) && s.count == 1000);
	CHECK_VIEW(s.target, "s");
	CHECK(parse("profile:5m", false, &s) && s.count == 300000000);
	CHECK_VIEW(s.target, "us");
	CHECK_STR(error_of("interval:100"),
		  "Invalid rate of interval probe. Minimum is 1000 or 1us. Found: 100 nanoseconds");
	CHECK_STR(error_of("profile:ms:nan"),
		  "Invalid rate of profile probe: invalid integer: nan");
	CHECK_STR(error_of("interval:s:1b"),
		  "Invalid rate of interval probe: invalid trailing bytes: 1b");
	CHECK_HAS(error_of("profile:unit:100"), "not an accepted unit");
	CHECK(*error_of("interval:s:0"));
	CHECK(parse("h:cache-misses:1e6", false, &s) && s.count == 1000000);
	CHECK(parse("s:faults:", false, &s) && s.count == 0);
	CHECK_STR(error_of("software:faults:1b"),
		  "Invalid count for software probe: invalid trailing bytes: 1b");
}

TEST(watchpoints_and_the_rest)
{
	struct probe_spec s;

	CHECK(parse("w:0x10000000:8:rw", false, &s) && s.address == 0x10000000 && s.count == 8);
	CHECK(parse("w:18446744073709551615:4:w", false, &s) && s.address == UINT64_MAX);
	CHECK_STR(error_of("watchpoint:1b:8:w"),
		  "Invalid function/address argument: invalid trailing bytes: 1b");
	CHECK(*error_of("w:0:8:w"));
	CHECK(*error_of("w:1:9:w"));
	CHECK(*error_of("w:8:8:r"));
	CHECK(*error_of("w:8:8:rwx"));
	CHECK(*error_of("w:8:8:b"));
	CHECK_STR(error_of("begin:f"), "begin probe type requires 0 arguments, found 1");
	CHECK_STR(error_of("bench:a:f"), "bench probe type requires 1 arguments, found 2");
	CHECK_STR(error_of("bench:"), "bench probes must have a name");
	CHECK_STR(error_of("self:signal:sighup"), "sighup is not a supported signal");
	CHECK_STR(error_of("self:keypress:space"), "keypress is not a supported trigger");
	CHECK_STR(error_of("iter:task*"), "iter probe type does not support wildcards");
	CHECK(parse("iter:task:pin", false, &s));
	CHECK_VIEW(s.func, "pin");
}
