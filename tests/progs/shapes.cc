/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traced program: objects whose dynamic type is not that of the pointer; prints it as the C++ library knows it. */
#include <cstdio>
#include <typeinfo>

struct shape {
	virtual int area() const = 0;
	virtual ~shape() {}
};
struct square : shape {
	int area() const { return 4; }
};
struct circle : shape {
	int area() const { return 3; }
};

extern "C" __attribute__((noinline)) int measure(const shape *s)
{
	int area = s->area();

	/* behind the length that the mangled name begins with */
	printf("measured %s\n", typeid(*s).name() + 1);
	return area;
}

int main()
{
	square s;
	circle c;

	return measure(&s) + measure(&c) + measure(&s) != 11;
}
