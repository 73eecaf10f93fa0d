/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See capture.h. Packets come through a ring that is shared with the kernel (packet(7), TPACKET_V3), are taken from there
 * in each round and wait in memory until they are old enough. Only what lies behind the link layer is kept, so that all kinds
 * of interfaces are alike.
 */
#include "output/capture.h"

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "output/pcapng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 1 << 20,
	N_BLOCKS = 32,
	FRAME = 2048, /* the kernel wants to know; blocks hold packets of any length */
	RETIRE_MS = 40,
	MAX_WAITING = 256 << 20,
	PROTOCOL_TCP = 6,
};

#define DELAY_NS 500000000ULL

struct waiting { /* bytes follow, at a multiple of 8 */
	uint64_t time_ns;
	uint32_t interface; /* number in the file */
	uint32_t n, length;
	uint32_t unused;
};

struct known_interface {
	int index;
	uint32_t number;
};

struct capture {
	struct pcapng *file;
	int fd;
	uint8_t *ring;
	uint32_t at; /* block that comes next */
	VEC(struct known_interface) interfaces;
	struct strbuf queue; /* struct waiting and bytes, in the order of their coming */
	size_t queue_at;     /* what stands before has been written */
	uint64_t n_lost;
};

/* TCP in IPv4 and IPv6: whatever the link layer is, the network layer is found at SKF_NET_OFF */
static int set_filter(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_NET_OFF + 9)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROTOCOL_TCP, 3, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_NET_OFF + 6)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROTOCOL_TCP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static struct err *open_socket(struct capture *c)
{
	struct tpacket_req3 req = { .tp_block_size = BLOCK,
				    .tp_block_nr = N_BLOCKS,
				    .tp_frame_size = FRAME,
				    .tp_frame_nr = BLOCK / FRAME * N_BLOCKS,
				    .tp_retire_blk_tov = RETIRE_MS };
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int version = TPACKET_V3;
	void *ring;

	/* no protocol, so nothing, until filter and ring are there */
	c->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || set_filter(c->fd) ||
	    setsockopt(c->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(c->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return err_hint(err_new(errno, "capture packets"),
				"this needs CAP_NET_RAW, and a kernel with CONFIG_PACKET");
	ring = mmap(NULL, (size_t)BLOCK * N_BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (ring == MAP_FAILED)
		return err_new(errno, "map the ring of packets");
	c->ring = ring;
	if (bind(c->fd, (struct sockaddr *)&all, sizeof(all)))
		return err_new(errno, "capture packets");
	return NULL;
}

struct err *capture_start(struct str path, struct capture **ret)
{
	struct capture *c = base_alloc(sizeof(*c));
	struct err *err;

	*c = (struct capture){ .fd = -1 };
	err = pcapng_open(path, &c->file);
	if (!err)
		err = open_socket(c);
	if (err) {
		capture_free(c);
		return err;
	}
	*ret = c;
	return NULL;
}

/* a packet through the loopback interface is seen when it leaves and when it comes */
static bool is_second_sight(const struct sockaddr_ll *a)
{
	return a->sll_hatype == 772 /* ARPHRD_LOOPBACK */ && a->sll_pkttype == PACKET_OUTGOING;
}

static uint32_t interface_number(struct capture *c, int index)
{
	struct known_interface new = { .index = index };
	char name[IF_NAMESIZE] = "";

	vec_each(i, &c->interfaces)
		if (i->index == index)
			return i->number;
	if (!if_indextoname((unsigned)index, name))
		snprintf(name, sizeof(name), "#%d", index);
	new.number = pcapng_add_interface(c->file, str_from(name));
	vec_push(&c->interfaces, new);
	return new.number;
}

static void take_packet(struct capture *c, const struct tpacket3_hdr *h)
{
	const uint8_t *start = (const uint8_t *)h;
	const struct sockaddr_ll *a = (const void *)(start + TPACKET_ALIGN(sizeof(*h)));
	uint32_t link = (uint32_t)(h->tp_net - h->tp_mac);
	struct waiting w = { .time_ns = (uint64_t)h->tp_sec * 1000000000u + h->tp_nsec };
	static const char zero[8];

	if (is_second_sight(a) || h->tp_net < h->tp_mac || h->tp_snaplen < link)
		return;
	w.interface = interface_number(c, a->sll_ifindex);
	w.n = h->tp_snaplen - link;
	w.length = h->tp_len - link;
	if (c->queue.n - c->queue_at + w.n > MAX_WAITING) {
		c->n_lost++;
		return;
	}
	strbuf_add(&c->queue, (const char *)&w, sizeof(w));
	strbuf_add(&c->queue, (const char *)start + h->tp_net, w.n);
	strbuf_add(&c->queue, zero, -w.n & 7);
}

static void take_block(struct capture *c, const struct tpacket_block_desc *b)
{
	const uint8_t *at = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;

	for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
		const struct tpacket3_hdr *h = (const void *)at;

		take_packet(c, h);
		at += h->tp_next_offset;
	}
}

static void take_all(struct capture *c)
{
	for (uint32_t i = 0; i < N_BLOCKS; i++) {
		struct tpacket_block_desc *b = (void *)(c->ring + (size_t)c->at * BLOCK);

		if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return;
		take_block(c, b);
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		c->at = (c->at + 1) % N_BLOCKS;
	}
}

static void count_lost(struct capture *c)
{
	struct tpacket_stats_v3 s;
	socklen_t n = sizeof(s);

	if (!getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &s, &n))
		c->n_lost += s.tp_drops;
}

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void write_until(struct capture *c, uint64_t time_ns)
{
	struct waiting w;

	while (c->queue_at < c->queue.n) {
		memcpy(&w, c->queue.p + c->queue_at, sizeof(w));
		if (w.time_ns > time_ns)
			break;
		pcapng_add_packet(c->file, w.interface, w.time_ns,
				  str_make(c->queue.p + c->queue_at + sizeof(w), w.n), w.length);
		c->queue_at += sizeof(w) + ((w.n + 7) & ~7u);
	}
	/* the rest moves to the front when what has gone is more */
	if (c->queue_at && c->queue_at >= c->queue.n - c->queue_at) {
		memmove(c->queue.p, c->queue.p + c->queue_at, c->queue.n - c->queue_at);
		c->queue.n -= c->queue_at;
		c->queue_at = 0;
	}
}

struct err *capture_round(struct capture *c, bool all)
{
	/* a block that is not full goes over to us after its time only */
	if (all)
		usleep((RETIRE_MS + 10) * 1000);
	take_all(c);
	count_lost(c);
	write_until(c, all ? UINT64_MAX : real_ns() - DELAY_NS);
	return pcapng_flush(c->file);
}

void capture_add_secrets(struct capture *c, struct str lines)
{
	pcapng_add_secrets(c->file, lines);
}

uint64_t capture_lost(const struct capture *c)
{
	return c->n_lost;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	if (c->ring)
		munmap(c->ring, (size_t)BLOCK * N_BLOCKS);
	if (c->fd >= 0)
		close(c->fd);
	err_free(pcapng_close(c->file));
	vec_free(&c->interfaces);
	strbuf_free(&c->queue);
	free(c);
}
