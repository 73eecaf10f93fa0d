/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a descriptor of the current process to its socket and the addresses of both ends: task, table of files, file, socket,
 * sock, by offsets of the kernel's own type information. What cannot be read is zero, and so is what would follow from it.
 */
#include "ir/build_private.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>

uint32_t put_read_kernel(struct builder *b, uint32_t addr, int32_t off, uint32_t size)
{
	struct value to = mem_new_bytes(b, 8);

	put_store_imm(b, to.reg, to.off, 0, 8);
	put_helper(b, BPF_FUNC_probe_read_kernel, value_address(b, to), put_imm(b, size),
		   off ? put_op_imm(b, IR_ADD, addr, off) : addr);
	return put_load(b, to.reg, to.off, size, false);
}

static const struct ir_socket_opts *socket_opts(struct builder *b)
{
	if (!b->has_socket_opts && b->opts->find_socket)
		b->opts->find_socket(b->opts->unwind_arg, &b->socket);
	b->has_socket_opts = true;
	return &b->socket;
}

/* address of the struct socket of a descriptor; jumps to none when it is no socket, or this kernel does not say where to look */
static uint32_t find_socket(struct builder *b, uint32_t fd, uint32_t none)
{
	const struct ir_socket_opts *o = socket_opts(b);
	uint32_t table, file, mode;

	if (!o->is_known) {
		put_jmp(b, none);
		return put_imm(b, 0);
	}
	table = put_read_kernel(b, put_call(b, BPF_FUNC_get_current_task, 0, NULL), o->task_files,
				8);
	table = put_read_kernel(b, table, o->files_fdt, 8);
	put_br(b, CC_GE, fd, put_read_kernel(b, table, o->fdt_max_fds, 4), none);
	table = put_read_kernel(b, table, o->fdt_fd, 8);
	file = put_read_kernel(b, put_op(b, IR_ADD, table, put_op_imm(b, IR_SHL, fd, 3)), 0, 8);
	mode = put_read_kernel(b, put_read_kernel(b, file, o->file_inode, 8), o->inode_mode, 2);
	put_br_imm(b, CC_NE, put_op_imm(b, IR_AND, mode, S_IFMT), S_IFSOCK, none);
	return put_read_kernel(b, file, o->file_private, 8);
}

void build_socket_addresses(struct builder *b, struct value piece, uint32_t fd)
{
	const struct ir_socket_opts *o = socket_opts(b);
	uint32_t none = new_label(b), v6 = new_label(b), sk, family;

#define AT(f) (piece.off + (int32_t)offsetof(struct image_stream_piece, f))
	put_br_imm(b, CC_SLT, fd, 0, none);
	sk = find_socket(b, fd, none);
	sk = put_read_kernel(b, sk, o->socket_sk, 8);
	put_store(b, piece.reg, AT(socket), sk, 8);
	family = put_read_kernel(b, sk, o->sk_family, 2);
	put_store(b, piece.reg, AT(family), family, 2);
	put_store(b, piece.reg, AT(local_port), put_read_kernel(b, sk, o->sk_num, 2), 2);
	put_store(b, piece.reg, AT(remote_port), put_read_kernel(b, sk, o->sk_dport, 2), 2);
	put_br_imm(b, CC_EQ, family, AF_INET6, v6);
	put_br_imm(b, CC_NE, family, AF_INET, none);
	put_store(b, piece.reg, AT(remote), put_read_kernel(b, sk, o->sk_daddr, 4), 4);
	put_store(b, piece.reg, AT(local), put_read_kernel(b, sk, o->sk_rcv_saddr, 4), 4);
	put_jmp(b, none);
	put_label(b, v6);
	for (int32_t i = 0; o->sk_v6_daddr >= 0 && o->sk_v6_rcv_saddr >= 0 && i < 16; i += 8) {
		put_store(b, piece.reg, AT(remote) + i,
			  put_read_kernel(b, sk, o->sk_v6_daddr + i, 8), 8);
		put_store(b, piece.reg, AT(local) + i,
			  put_read_kernel(b, sk, o->sk_v6_rcv_saddr + i, 8), 8);
	}
	put_label(b, none);
#undef AT
}

struct value build_is_socket(struct builder *b, struct node *call)
{
	uint32_t fd = build_reg(b, call->call.args), result = new_vreg(b), none = new_label(b);

	put_imm_to(b, result, 0);
	if (!socket_opts(b)->is_known)
		build_limit(b, D_LIMIT_CODE, call->at,
			    "this kernel has no type information that says where sockets are");
	put_br_imm(b, CC_SLT, fd, 0, none);
	find_socket(b, fd, none);
	put_imm_to(b, result, 1);
	put_label(b, none);
	return value_reg(result, call->type);
}
