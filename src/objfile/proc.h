/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc tells about a process. Everything is a snapshot: a process can end or exec between two reads, so errors
 * (ESRCH, ENOENT) are normal results here. Results belong to the caller, who frees them with the function named.
 */
#ifndef SONDE_OBJFILE_PROC_H
#define SONDE_OBJFILE_PROC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

struct proc_map {
	uint64_t start, end; /* [start, end) in the process */
	uint64_t offset;     /* file offset of start */
	uint64_t ino;        /* 0: not a file */
	uint32_t dev_major, dev_minor;
	bool read, write, exec;
	bool deleted; /* the file was unlinked ("(deleted)" is cut off path) */
	struct str path; /* as the kernel spells it, seen from the process's root; "[vdso]", "[heap]", empty */
};

struct proc_maps {
	struct proc_map *v; /* sorted by start, never overlapping */
	uint32_t n;
	struct arena strings;
};

struct err *proc_maps_read(pid_t pid, struct proc_maps *ret) ERR_MUST;
/* the same from the text of a maps file (tests, saved traces) */
void proc_maps_parse(struct str text, struct proc_maps *ret);
void proc_maps_free(struct proc_maps *m);
const struct proc_map *proc_maps_find(const struct proc_maps *m, uint64_t addr);

/* R, S, D, T, Z, X, ...: of a process, or of a thread by its number; '?': there is none */
char proc_state(pid_t pid);
/* a thread of the process that can still run, by whose number /proc has what it has not of a first thread that has ended; that one if it can. 0: none */
pid_t proc_task(pid_t pid);
bool proc_is_alive(pid_t pid); /* a process: one of its threads can still run */
pid_t proc_parent(pid_t pid);  /* 0: it is gone */
/* the value of a line of /proc/PID/status, cut to size; false: the process is gone, or has no such line */
bool proc_status(pid_t pid, const char *key, char *value, size_t size);
/* clock ticks since boot; with the pid it names a process for good. 0: no such process */
uint64_t proc_start_time(pid_t pid);
/* path of the executable, seen from the process's root ("(deleted)" cut off); malloc'ed */
struct err *proc_exe(pid_t pid, char **ret) ERR_MUST;
uid_t proc_uid(pid_t pid, bool *ok); /* whose files it makes */
pid_t proc_ns_pid(pid_t pid);        /* its number in its own pid namespace */
/* true when pid's mount namespace or root differs from ours */
bool proc_has_own_root(pid_t pid);
/*
 * A path by which the tracer can open what pid calls `path`: the path itself when it shares our root, else
 * /proc/PID/root/<path> after resolving symbolic links inside that root. malloc'ed; NULL with errno when there is no
 * such file inside the root.
 */
char *proc_root_path(pid_t pid, struct str path);
/*
 * Opens the regular file `path` within pid's root (openat2 RESOLVE_IN_ROOT), read-only, never blocking; -errno on
 * failure. follow: false refuses a symbolic link as the last component.
 */
int proc_open_in_root(pid_t pid, const char *path, bool follow);

struct pid_list {
	pid_t *v;
	size_t n, cap;
};
struct err *proc_all(struct pid_list *ret) ERR_MUST; /* every process; vec_free(ret) */
/* the first `most` threads of a process; after an error the list is empty. vec_free(ret) */
struct err *proc_threads(pid_t pid, unsigned most, struct pid_list *ret) ERR_MUST;

#endif
