/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shop that tells of its sales, twice a second:
 *
 *	$ cc shop.c $(pkg-config --cflags --libs sonde-usdt) -o shop && ./shop &
 *	$ sonde -e 'usdt:*:shop:sale { printf("%d of %s\n", arg0, str(arg1)); }'
 */
#include <sonde_usdt.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char *const wares[] = { "apples", "bread", "cheese" };
	struct sonde_provider *shop = sonde_provider_new("shop");
	struct sonde_probe *sale = shop ? sonde_probe_add(shop, "sale", "i32 str f64") : NULL;
	int rounds = argc > 1 ? atoi(argv[1]) : 20;

	if (!sale || sonde_provider_load(shop)) {
		fprintf(stderr, "shop: %s\n", sonde_usdt_error());
		return 1;
	}
	for (int i = 0; i < rounds; i++) {
		if (sonde_probe_enabled(sale))
			sonde_probe_fire(sale, i + 1, wares[i % 3], i * 0.5);
		usleep(500000);
	}
	sonde_provider_free(shop);
	return 0;
}
