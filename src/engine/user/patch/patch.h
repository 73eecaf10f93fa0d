/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jumps written over the first instructions of functions in a running process, and taken out again. A patch is made in two steps:
 * patch_emit writes its trampoline (the probe, then the displaced instructions, then a jump back) with the rest of the code, while the
 * process runs; patch_install writes the jumps of many patches in one stop. What must hold for a place to be patched at all is
 * probe/patchable.h's; here the process's bytes are compared with the file's, and threads that stand between the displaced instructions
 * are moved to where these are now.
 */
#ifndef SONDE_ENGINE_USER_PATCH_H
#define SONDE_ENGINE_USER_PATCH_H

#include "arch/x86_64/decode.h"
#include "engine/user/code/x86.h"
#include "engine/user/process/remote.h"

enum {
	PATCH_JUMP = 5, /* bytes of jmp rel32 */
	PATCH_LONGEST =
		32, /* 15 bytes before the place, then its instruction, or 4 bytes and the longest instruction */
	PATCH_INSNS = 17, /* displaced: at least a byte each */
};

struct patch {
	uint64_t site; /* address in the process */
	uint64_t at; /* the displaced instruction in front of which the probe runs, or the one behind them; 0: the first */
	uint8_t len; /* bytes displaced, whole instructions, PATCH_JUMP at least */
	uint8_t n_insns;              /* of them that count: threads can stand at each */
	uint8_t offsets[PATCH_INSNS]; /* of the displaced instructions from the site */
	uint64_t moved[PATCH_INSNS];  /* where each is executed now */
	uint8_t old[PATCH_LONGEST];   /* the file's bytes */
	uint64_t trampoline;
	uint32_t stack; /* bytes that it uses: trampoline_stack */
	bool is_installed;
	/* in Go code: goroutines are not threads, and may have been preempted in between the displaced instructions (goroutines.h) */
	bool is_go;
	bool is_parked; /* one was, or it is not known: not installed, nor others of the same function */
	uint64_t function; /* where it begins, of Go's */
	uint64_t allgs;    /* runtime.allgs in the process; 0: not known */
	bool is_off;       /* taken out by --budget, to be put back perhaps */
};

/*
 * The trampoline's code, at the end of x. c: the function as decoded from the file, at the addresses of the process; bytes: what it was
 * decoded from; p->site, p->at and p->len are set. body writes the probe: at its begin and end all registers but flags are the program's own.
 */
struct err *patch_emit(struct x86 *x, struct patch *p, const struct code *c, const uint8_t *bytes,
		       void (*body)(void *arg, struct x86 *x), void *arg) ERR_MUST;

struct patch_counts {
	unsigned n_installed,
		n_refused; /* refused: bytes are not the file's; is_installed tells which. Or is_parked */
	unsigned n_moved; /* threads that stood in between */
};

/* all threads must be stopped (remote_stop), and the code of the trampolines be in place */
struct err *patch_install(struct remote *r, struct patch *v, size_t n,
			  struct patch_counts *ret) ERR_MUST;
/* does another tracer's breakpoint stand on it? The process runs to its ruin then: the patch must go at once */
bool patch_is_overwritten(const struct remote *r, const struct patch *p);
/* restores the file's bytes, but a breakpoint on the first of them; threads that are in trampolines go on there. A jump that is not ours any more is left alone and counted as refused */
struct err *patch_remove(struct remote *r, struct patch *v, size_t n,
			 struct patch_counts *ret) ERR_MUST;

#endif
