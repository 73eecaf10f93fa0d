/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image asks for that no process has; see user_refusal.h. */
#include "engine/user/user_refusal.h"

#include "engine/user/blob.h"

static struct err *refuse(const struct image_prog *p, const char *what, int number)
{
	struct err *e = number ? err_new(0, "the user engine cannot run '%.*s': %s %d",
					 STR_ARG(p->name), what, number)
			       : err_new(0, "the user engine cannot run '%.*s': %s",
					 STR_ARG(p->name), what);

	return err_hint(e, "--engine kernel can");
}

static bool is_kind_of_process(enum probe_kind k)
{
	return k == PROBE_UPROBE || k == PROBE_URETPROBE || k == PROBE_USDT || k == PROBE_BEGIN ||
	       k == PROBE_END || k == PROBE_SELF || k == PROBE_INTERVAL;
}

struct err *user_refusal(const struct image *im)
{
	for (uint32_t i = 0; i < im->n_progs; i++) {
		const struct image_prog *p = im->progs[i];

		if (!is_kind_of_process(p->shape->kind))
			return refuse(p, "its events are the kernel's", 0);
		for (uint32_t k = 0; k < p->n_insns; k++)
			if (p->insns[k].code == (BPF_JMP | BPF_CALL) && !p->insns[k].src_reg &&
			    blob_helper(p->insns[k].imm) < 0)
				return refuse(p, "it needs the kernel's function number",
					      p->insns[k].imm);
	}
	return NULL;
}
