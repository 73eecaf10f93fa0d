/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capture files in the format of draft-ietf-opsawg-pcapng: packets of several interfaces, each raw IPv4 or IPv6, and the
 * secrets of their TLS connections, so that one file is all that Wireshark needs. The caller owns the file; what is passed
 * is borrowed for the call. Errors are those of the first write that failed; what comes behind is not written.
 */
#ifndef SONDE_OUTPUT_PCAPNG_H
#define SONDE_OUTPUT_PCAPNG_H

#include "base/err.h"
#include "base/str.h"

struct pcapng;

/* for the owner alone: who can read it reads what was encrypted */
struct err *pcapng_open(struct str path, struct pcapng **ret) ERR_MUST;
struct err *pcapng_close(struct pcapng *p) ERR_MUST;
/* number of a new interface */
uint32_t pcapng_add_interface(struct pcapng *p, struct str name);
/* time: ns since 1970; length: of the packet when it was not captured whole */
void pcapng_add_packet(struct pcapng *p, uint32_t interface, uint64_t time_ns, struct str bytes,
		       uint32_t length);
/* lines of a key log; they have to stand before the packets that they are for */
void pcapng_add_secrets(struct pcapng *p, struct str lines);
struct err *pcapng_flush(struct pcapng *p) ERR_MUST;

#endif
