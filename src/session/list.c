#include "session/session.h"
int session_list(struct session_opts *o, const char *pattern, bool verbose) { return 1; }
void session_opts_free(struct session_opts *o)
{
	vec_free(&o->pids);
	vec_free(&o->include_dirs);
	vec_free(&o->include_files);
	vec_free(&o->positional);
	vec_free(&o->named);
}
struct err *session_find_container(const char *id, uint64_t *cgroup_id) { return err_new(0, "no"); }
