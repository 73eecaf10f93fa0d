/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets of skboutput() to capture files (the classic pcap format, raw IP). The caller owns the
 * list, which starts as NULL, until pcap_close_all; path and packet are borrowed for the call.
 */
#ifndef SONDE_OUTPUT_PCAP_H
#define SONDE_OUTPUT_PCAP_H

#include "base/err.h"

struct pcap_file;

/* append a packet; files are opened when first written and kept in *list */
struct err *pcap_write(struct pcap_file **list, struct str path, uint64_t time_ns,
		       struct str packet) ERR_MUST;
void pcap_close_all(struct pcap_file **list);

#endif
