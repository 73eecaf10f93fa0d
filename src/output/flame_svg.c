/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flame graph: a box for each frame, as wide as its share, on top of the box of its caller. One SVG document that any
 * browser shows; the script in it zooms (a click), searches (Ctrl-F or the word in the corner) and tells what is under the
 * mouse. Without scripts it is still a picture with tooltips. Names come from traced programs: they are escaped as XML, and what
 * XML cannot hold is written as \xNN.
 */
#include "output/flame.h"
#include "output/json.h"

#include <inttypes.h>

enum {
	WIDTH = 1200,     /* of the picture, pixels */
	MARGIN = 10,      /* left and right */
	ROW = 17,         /* height of a box */
	TOP = 44,         /* title and the line with what can be clicked */
	BOTTOM = 46,      /* what is under the mouse, and the colours' meaning */
	LETTER_TENTH = 69 /* width of a letter, in tenths of a pixel */
};

#define LEAST_WIDTH 0.1 /* narrower boxes are not drawn, but counted */

struct svg {
	struct strbuf *out;
	uint32_t depth; /* rows */
	double scale;   /* pixels for one */
	uint64_t all;
	uint64_t n_narrow;
};

/* hue by kind, the shade by the name, so that equal functions look alike in all pictures */
static const struct {
	const char *what;
	uint8_t red, green, blue, span_red, span_green, span_blue;
} colours[] = {
	[FLAME_USER] = { "user", 225, 120, 50, 30, 90, 30 },
	[FLAME_KERNEL] = { "kernel", 110, 150, 215, 40, 40, 35 },
	[FLAME_INLINED] = { "inlined", 80, 190, 180, 40, 40, 40 },
	[FLAME_JIT] = { "JIT", 90, 185, 80, 50, 50, 30 },
	[FLAME_MARK] = { "end not known", 170, 170, 170, 1, 1, 1 },
	[FLAME_LABEL] = { "key", 205, 205, 215, 20, 20, 20 },
};

static const char style[] =
	"text{font:12px monospace;fill:#000}rect{stroke:#fff;stroke-width:.5}"
	"g.f:hover rect{stroke:#000}.h{font-size:17px}.b{cursor:pointer;fill:#555}.d{opacity:.5}";

static const char script[] =
	"var D=document,found=null;\n"
	"function id(n){return D.getElementById(n)}\n"
	"var F=[].map.call(D.querySelectorAll('g.f'),function(g){\n"
	" var r=g.querySelector('rect');\n"
	" return{g:g,r:r,t:g.querySelector('text'),tip:g.querySelector('title').textContent,\n"
	"  n:g.getAttribute('data-n'),x:+r.getAttribute('x'),w:+r.getAttribute('width'),\n"
	"  y:+r.getAttribute('y'),c:r.getAttribute('fill')}});\n"
	"function fit(n,w){var k=Math.floor((w-4)/6.9);\n"
	" return k<3?'':n.length<=k?n:n.slice(0,k-2)+'..'}\n"
	"function put(f,x,w,up){\n"
	" f.g.style.display='';f.g.classList.toggle('d',up);\n"
	" f.r.setAttribute('x',x);f.r.setAttribute('width',w);\n"
	" f.t.setAttribute('x',x+3);f.t.textContent=fit(f.n,w)}\n"
	"function zoom(z){var e=.001;\n"
	" F.forEach(function(f){\n"
	"  var on=f.x<=z.x+e&&f.x+f.w>=z.x+z.w-e;\n"
	"  if(f.y>z.y&&on)put(f,X0,W,true);\n"
	"  else if(f.y<=z.y&&f.x>=z.x-e&&f.x+f.w<=z.x+z.w+e)\n"
	"   put(f,X0+(f.x-z.x)*W/z.w,f.w*W/z.w,false);\n"
	"  else f.g.style.display='none'});\n"
	" id('reset').style.display=z.w<W-e?'':'none'}\n"
	"function mark(re){var hit=[],sum=0,end=-1;\n"
	" F.forEach(function(f){var m=re&&re.test(f.n);\n"
	"  f.r.setAttribute('fill',m?'#e600e6':f.c);if(m)hit.push(f)});\n"
	" hit.sort(function(a,b){return a.x-b.x||b.w-a.w});\n"
	" hit.forEach(function(f){if(f.x>=end-.001){sum+=f.w;end=f.x+f.w}});\n"
	" found=re;id('match').textContent=re?'found: '+(100*sum/W).toFixed(1)+' %':'';\n"
	" id('search').textContent=re?'end search':'search'}\n"
	"function search(){if(found){mark(null);return}\n"
	" var s=prompt('Functions whose names match (a regular expression):','');\n"
	" if(!s)return;try{mark(new RegExp(s))}catch(e){alert(e.message)}}\n"
	"F.forEach(function(f){\n"
	" f.g.addEventListener('click',function(){zoom(f)});\n"
	" f.g.addEventListener('mouseover',function(){id('tip').textContent=f.tip});\n"
	" f.g.addEventListener('mouseout',function(){id('tip').textContent=''})});\n"
	"id('reset').addEventListener('click',function(){zoom({x:X0,w:W,y:1e9})});\n"
	"id('search').addEventListener('click',search);\n"
	"window.addEventListener('keydown',function(e){\n"
	" if((e.ctrlKey||e.metaKey)&&e.key==='f'||e.key==='F3'){e.preventDefault();search()}});\n";

static void put_xml(struct strbuf *out, struct str s)
{
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = utf8_length((const uint8_t *)s.p + i, s.n - i);

		if (c == '&')
			strbuf_puts(out, "&amp;");
		else if (c == '<')
			strbuf_puts(out, "&lt;");
		else if (c == '>')
			strbuf_puts(out, "&gt;");
		else if (c == '"')
			strbuf_puts(out, "&quot;");
		else if (!n || c < ' ' || c == 0x7f)
			strbuf_printf(out, "\\x%02x", c);
		else
			strbuf_add(out, s.p + i, n);
		i += n ? n : 1;
	}
}

/* as much of a name as the box holds; whole characters */
static void put_label(struct strbuf *out, struct str name, double width)
{
	size_t room = width > 4 ? (size_t)((width - 4) * 10 / LETTER_TENTH) : 0, n = 0, i = 0;

	if (room < 3)
		return;
	for (; i < name.n; n++) {
		size_t k = utf8_length((const uint8_t *)name.p + i, name.n - i);

		if (n == room - 2 && name.n - i > 2) {
			put_xml(out, str_sub(name, 0, i));
			strbuf_puts(out, "..");
			return;
		}
		i += k ? k : 1;
	}
	put_xml(out, name);
}

static void put_colour(struct strbuf *out, const struct flame_node *n)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	uint8_t k = (uint8_t)n->kind;

	for (size_t i = 0; i < n->name.n; i++)
		h = (h ^ (uint8_t)n->name.p[i]) * 16777619u;
	strbuf_printf(out, "rgb(%u,%u,%u)", colours[k].red + (h >> 8) % colours[k].span_red,
		      colours[k].green + (h >> 16) % colours[k].span_green,
		      colours[k].blue + (h >> 24) % colours[k].span_blue);
}

static void put_box(struct svg *s, const struct flame_node *n, uint32_t level, uint64_t from)
{
	double x = MARGIN + (double)from * s->scale, w = (double)n->total * s->scale;
	uint32_t y = TOP + (s->depth - 1 - level) * ROW;
	uint64_t child_at = from;

	if (w < LEAST_WIDTH) {
		s->n_narrow++;
		return;
	}
	strbuf_puts(s->out, "<g class=\"f\" data-n=\"");
	put_xml(s->out, n->name);
	strbuf_puts(s->out, "\"><title>");
	put_xml(s->out, n->name);
	strbuf_printf(s->out, ": %" PRIu64 ", %.2f %%", n->total,
		      100.0 * (double)n->total / (double)s->all);
	if (n->kind != FLAME_USER && n->kind != FLAME_LABEL)
		strbuf_printf(s->out, " (%s)", colours[n->kind].what);
	strbuf_printf(s->out,
		      "</title><rect x=\"%.3f\" y=\"%u\" width=\"%.3f\" height=\"%d\" fill=\"", x,
		      y, w, ROW - 1);
	put_colour(s->out, n);
	strbuf_printf(s->out, "\"/><text x=\"%.3f\" y=\"%u\">", x + 3, y + 12);
	put_label(s->out, n->name, w);
	strbuf_puts(s->out, "</text></g>\n");
	for (const struct flame_node *c = n->child; c; c = c->next) {
		put_box(s, c, level + 1, child_at);
		child_at += c->total;
	}
}

static uint32_t depth_of(const struct flame_node *n)
{
	uint32_t most = 0;

	for (const struct flame_node *c = n->child; c; c = c->next) {
		uint32_t d = depth_of(c);

		if (d > most)
			most = d;
	}
	return most + 1;
}

static void put_button(struct svg *s, const char *id, int x, const char *text, bool is_shown)
{
	strbuf_printf(s->out, "<text id=\"%s\" class=\"b\" x=\"%d\" y=\"36\"%s>%s</text>\n", id, x,
		      is_shown ? "" : " style=\"display:none\"", text);
}

static void put_legend(struct svg *s, uint32_t y)
{
	int x = MARGIN;

	for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++) {
		strbuf_printf(s->out,
			      "<rect x=\"%d\" y=\"%u\" width=\"11\" height=\"11\" "
			      "fill=\"rgb(%u,%u,%u)\"/><text x=\"%d\" y=\"%u\">%s</text>\n",
			      x, y - 10, colours[i].red, colours[i].green, colours[i].blue, x + 15,
			      y, colours[i].what);
		x += 30 + (int)strlen(colours[i].what) * 7;
	}
	if (s->n_narrow)
		strbuf_printf(s->out,
			      "<text x=\"%d\" y=\"%u\">%" PRIu64
			      " boxes narrower than 0.1 pixels are not drawn</text>\n",
			      x + 10, y, s->n_narrow);
}

void flame_put_svg(const struct flame_tree *t, struct str title, struct strbuf *out)
{
	struct svg s = { .out = out, .depth = depth_of(t->root), .all = t->root->total };
	uint32_t height = TOP + s.depth * ROW + BOTTOM;

	s.scale = s.all ? (double)(WIDTH - 2 * MARGIN) / (double)s.all : 0;
	strbuf_printf(
		out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" height=\"%u\" "
		"viewBox=\"0 0 %d %u\">\n<style>%s</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fbfaf4\"/>\n"
		"<text class=\"h\" x=\"%d\" y=\"20\">",
		WIDTH, height, WIDTH, height, style, MARGIN);
	put_xml(out, title);
	strbuf_puts(out, "</text>\n");
	put_button(&s, "reset", MARGIN, "whole picture", false);
	put_button(&s, "search", WIDTH - 90, "search", true);
	put_button(&s, "match", WIDTH - 230, "", true);
	if (s.all)
		put_box(&s, t->root, 0, 0);
	else
		strbuf_printf(out, "<text x=\"%d\" y=\"%u\">nothing was recorded</text>\n", MARGIN,
			      height - BOTTOM - 4);
	strbuf_printf(out, "<text id=\"tip\" x=\"%d\" y=\"%u\"></text>\n", MARGIN,
		      height - BOTTOM + 18);
	put_legend(&s, height - 10);
	strbuf_printf(out, "<script><![CDATA[\n(function(X0,W){\n%s})(%d,%d);\n", script, MARGIN,
		      WIDTH - 2 * MARGIN);
	strbuf_puts(out, "]]></script>\n</svg>\n");
}
