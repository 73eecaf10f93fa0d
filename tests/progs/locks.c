/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes locks in orders that can or cannot lock up, one thread after the other, so that it never does: locks KIND. Prints the locks that are
 * taken in a circle.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER, lock_b = PTHREAD_MUTEX_INITIALIZER,
		       lock_c = PTHREAD_MUTEX_INITIALIZER, lock_d = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw_a = PTHREAD_RWLOCK_INITIALIZER;

#define PAIR(name, first, second)                                       \
	__attribute__((noinline, noclone)) static void *name(void *arg) \
	{                                                               \
		pthread_mutex_lock(&(first));                           \
		pthread_mutex_lock(&(second));                          \
		pthread_mutex_unlock(&(second));                        \
		pthread_mutex_unlock(&(first));                         \
		return arg;                                             \
	}

PAIR(a_then_b, lock_a, lock_b)
PAIR(b_then_a, lock_b, lock_a)
PAIR(b_then_c, lock_b, lock_c)
PAIR(c_then_a, lock_c, lock_a)
PAIR(a_then_c, lock_a, lock_c)
PAIR(c_then_d, lock_c, lock_d)

/* given back in the other order; tried only; taken and given back before the next */
__attribute__((noinline, noclone)) static void *harmless(void *arg)
{
	pthread_mutex_lock(&lock_b);
	if (!pthread_mutex_trylock(&lock_a))
		pthread_mutex_unlock(&lock_a);
	pthread_mutex_unlock(&lock_b);
	pthread_mutex_lock(&lock_c);
	pthread_mutex_unlock(&lock_c);
	pthread_mutex_lock(&lock_a);
	pthread_mutex_lock(&lock_b);
	pthread_mutex_unlock(&lock_a);
	pthread_mutex_unlock(&lock_b);
	return arg;
}

__attribute__((noinline, noclone)) static void *rw_then_d(void *arg)
{
	pthread_rwlock_wrlock(&rw_a);
	pthread_mutex_lock(&lock_d);
	pthread_mutex_unlock(&lock_d);
	pthread_rwlock_unlock(&rw_a);
	return arg;
}

__attribute__((noinline, noclone)) static void *d_then_rw(void *arg)
{
	pthread_mutex_lock(&lock_d);
	pthread_rwlock_rdlock(&rw_a);
	pthread_rwlock_unlock(&rw_a);
	pthread_mutex_unlock(&lock_d);
	return arg;
}

static void in_thread(void *(*f)(void *))
{
	pthread_t t;

	pthread_create(&t, NULL, f, NULL);
	pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	in_thread(a_then_b);
	in_thread(b_then_c);
	in_thread(c_then_d);
	if (!strcmp(kind, "two")) {
		in_thread(b_then_a);
		puts("lock_a lock_b");
	} else if (!strcmp(kind, "three")) {
		in_thread(c_then_a);
		puts("lock_a lock_b lock_c");
	} else if (!strcmp(kind, "rw")) {
		in_thread(rw_then_d);
		in_thread(d_then_rw);
		puts("lock_d rw_a");
	} else {
		in_thread(a_then_c);
		in_thread(harmless);
	}
	return 0;
}
