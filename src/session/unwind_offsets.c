/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel keeps what programs of ours read of it, by its own type information; see unwind.h. */
#include "session/unwind.h"

static const struct type *find_struct(struct type_source *kernel, const char *name)
{
	const struct type *t = kernel ? kernel->ops->find(kernel, 's', str_from(name)) : NULL;

	if (t && !t->is_complete)
		kernel->ops->complete(kernel, (struct type *)t);
	return t && t->is_complete ? t : NULL;
}

static int32_t offset_of(struct type_source *kernel, const char *record, const char *field)
{
	const struct type *t = find_struct(kernel, record);
	struct type_field f;

	return t && type_find_field(t, str_from(field), &f) ? (int32_t)f.offset : -1;
}

void unwind_find_offsets(struct type_source *kernel, struct ir_unwind_opts *o)
{
	int32_t state = offset_of(kernel, "mm_struct", "uprobes_state"),
		area = offset_of(kernel, "uprobes_state", "xol_area");

	o->task_mm = offset_of(kernel, "task_struct", "mm");
	o->mm_start_stack = offset_of(kernel, "mm_struct", "start_stack");
	o->mm_start_code = offset_of(kernel, "mm_struct", "start_code");
	o->is_on = o->task_mm >= 0 && o->mm_start_stack >= 0 && o->mm_start_code >= 0;
	o->mm_xol_area = state >= 0 && area >= 0 ? state + area : -1;
	o->xol_vaddr = offset_of(kernel, "xol_area", "vaddr");
	o->task_utask = offset_of(kernel, "task_struct", "utask");
	o->utask_instances = offset_of(kernel, "uprobe_task", "return_instances");
	o->utask_vaddr = offset_of(kernel, "uprobe_task", "vaddr");
	o->utask_xol_vaddr = offset_of(kernel, "uprobe_task", "xol_vaddr");
	o->instance_stack = offset_of(kernel, "return_instance", "stack");
	o->instance_address = offset_of(kernel, "return_instance", "orig_ret_vaddr");
	o->instance_next = offset_of(kernel, "return_instance", "next");
}

int32_t unwind_find_task_pid(struct type_source *kernel)
{
	return offset_of(kernel, "task_struct", "pid");
}

/* anonymous unions hold these in some versions: type_find_field looks through them */
void unwind_find_sockets(struct type_source *kernel, struct ir_socket_opts *o)
{
	int32_t common = offset_of(kernel, "sock", "__sk_common");
	const struct {
		int32_t *to;
		const char *record, *field;
		int32_t base;
	} needed[] = {
		{ &o->task_files, "task_struct", "files", 0 },
		{ &o->files_fdt, "files_struct", "fdt", 0 },
		{ &o->fdt_max_fds, "fdtable", "max_fds", 0 },
		{ &o->fdt_fd, "fdtable", "fd", 0 },
		{ &o->file_private, "file", "private_data", 0 },
		{ &o->file_inode, "file", "f_inode", 0 },
		{ &o->inode_mode, "inode", "i_mode", 0 },
		{ &o->socket_sk, "socket", "sk", 0 },
		{ &o->sk_family, "sock_common", "skc_family", common },
		{ &o->sk_num, "sock_common", "skc_num", common },
		{ &o->sk_dport, "sock_common", "skc_dport", common },
		{ &o->sk_daddr, "sock_common", "skc_daddr", common },
		{ &o->sk_rcv_saddr, "sock_common", "skc_rcv_saddr", common },
	};

	o->is_known = common >= 0;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
		int32_t off = offset_of(kernel, needed[i].record, needed[i].field);

		o->is_known &= off >= 0;
		*needed[i].to = off + needed[i].base;
	}
	o->sk_v6_daddr = offset_of(kernel, "sock_common", "skc_v6_daddr");
	o->sk_v6_rcv_saddr = offset_of(kernel, "sock_common", "skc_v6_rcv_saddr");
	if (o->sk_v6_daddr >= 0)
		o->sk_v6_daddr += common;
	if (o->sk_v6_rcv_saddr >= 0)
		o->sk_v6_rcv_saddr += common;
}
