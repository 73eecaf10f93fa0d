#include <stdio.h>

struct job { int id; const char *name; double weight; };

static long burn(int n)
{
	volatile long s = 0;

	for (int i = 0; i < n; i++)
		s += i;
	return s;
}

__attribute__((noinline)) long handle(struct job *j, int level)
{
	return burn(j->id * 100000) % 100 + (long)(j->weight * level);
}

int main(void)
{
	struct job jobs[] = { { 1, "mail", 0.5 }, { 200, "index", 2 }, { 3, "clean", 1.25 } };

	for (int i = 0; i < 3; i++)
		printf("%s -> %ld\n", jobs[i].name, handle(&jobs[i], i + 2));
	return 0;
}
