// SPDX-License-Identifier: GPL-2.0-or-later
// Runs the script of a flame graph on a document made of its boxes: node flame_dom.js FILE NAME. Prints the share of NAME by the search, and
// what a click on its widest box shows.
const fs = require('fs'), svg = fs.readFileSync(process.argv[2], 'utf8'), name = process.argv[3];

function element(attributes, text) {
	const listeners = {}, classes = new Set();
	return {
		a: attributes, textContent: text, style: { display: '' }, children: {}, listeners,
		classList: { toggle(c, on) { on ? classes.add(c) : classes.delete(c); } },
		getAttribute(k) { return this.a[k]; }, setAttribute(k, v) { this.a[k] = v; },
		addEventListener(k, f) { listeners[k] = f; }, querySelector(k) { return this.children[k]; },
	};
}
const plain = (s) => s.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');
const boxes = [...svg.matchAll(/<g class="f" data-n="([^"]*)"><title>([^<]*)<\/title><rect x="([\d.]+)" y="(\d+)" width="([\d.]+)" height="\d+" fill="([^"]*)"\/><text[^>]*>([^<]*)<\/text><\/g>/g)].map((m) => {
	const g = element({ 'data-n': plain(m[1]) });
	g.children = { title: element({}, plain(m[2])), rect: element({ x: m[3], y: m[4], width: m[5], fill: m[6] }), text: element({}, plain(m[7])) };
	return g;
});
if (boxes.length !== (svg.match(/<g /g) || []).length)
	throw new Error('boxes that are not understood');
const ids = {};
for (const m of svg.matchAll(/id="(\w+)"/g))
	ids[m[1]] = element({}, '');
global.document = { documentElement: element({}), querySelectorAll: () => boxes, getElementById: (i) => ids[i] };
global.window = element({});
global.prompt = () => '^' + name + '$';
new Function(svg.match(/<!\[CDATA\[([^]*?)\]\]>/)[1])();

ids.search.listeners.click();
console.log(ids.match.textContent);
const widest = boxes.filter((b) => b.a['data-n'] === name).sort((a, b) => b.children.rect.a.width - a.children.rect.a.width)[0];
widest.listeners.mouseover();
console.log(ids.tip.textContent);
widest.listeners.click();
const shown = boxes.filter((b) => b.style.display !== 'none');
console.log('shown', shown.length, 'of', boxes.length, 'width', Math.round(widest.children.rect.a.width), 'beyond',
	shown.filter((b) => +b.children.rect.a.x < 9.9 || +b.children.rect.a.x + +b.children.rect.a.width > 1190.1).length);
ids.reset.listeners.click();
console.log('reset', boxes.filter((b) => b.style.display !== 'none').length === boxes.length);
