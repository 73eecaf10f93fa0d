/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handles one job, whose fields the standard library keeps. */
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace app {

struct Job {
	std::string name;
	std::vector<int> sizes;
	std::map<std::string, double> weight;
};

__attribute__((noinline)) bool handle(const Job &job, std::string host)
{
	return printf("%s %s\n", job.name.c_str(), host.c_str()) > 0;
}

}

int main()
{
	app::Job job = { "nightly", { 3, 5, 8 }, { { "cpu", 0.5 }, { "disk", 2 } } };

	return !app::handle(job, "a string longer than its small buffer");
}
