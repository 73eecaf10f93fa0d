// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PORT PATH FILE: fetches a page of 127.0.0.1 by a TLS library that no tool of the distribution uses, its body into a file. Which
 * library the compiler is told: -DWITH_WOLFSSL, -DWITH_MBEDTLS, -DWITH_BORINGSSL. Nothing is verified; it is a client for tests.
 */
#include "dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(WITH_WOLFSSL)
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

static WOLFSSL *tls;

static int tls_open(int fd)
{
	WOLFSSL_CTX *ctx;

	wolfSSL_Init();
	ctx = wolfSSL_CTX_new(wolfSSLv23_client_method());
	wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
	tls = wolfSSL_new(ctx);
	return wolfSSL_set_fd(tls, fd) == WOLFSSL_SUCCESS &&
	       wolfSSL_connect(tls) == WOLFSSL_SUCCESS;
}

static int tls_write(const char *p, int n)
{
	return wolfSSL_write(tls, p, n);
}

static int tls_read(char *p, int n)
{
	return wolfSSL_read(tls, p, n);
}

#elif defined(WITH_MBEDTLS)
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

static mbedtls_ssl_context tls;
static mbedtls_ssl_config conf;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_net_context net;

static int tls_open(int fd)
{
	mbedtls_ssl_init(&tls);
	mbedtls_ssl_config_init(&conf);
	mbedtls_entropy_init(&entropy);
	mbedtls_ctr_drbg_init(&drbg);
	net.fd = fd;
	if (mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0) ||
	    mbedtls_ssl_config_defaults(&conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
					MBEDTLS_SSL_PRESET_DEFAULT))
		return 0;
	mbedtls_ssl_conf_authmode(&conf, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &drbg);
	if (mbedtls_ssl_setup(&tls, &conf))
		return 0;
	mbedtls_ssl_set_bio(&tls, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
	return mbedtls_ssl_handshake(&tls) == 0;
}

static int tls_write(const char *p, int n)
{
	return mbedtls_ssl_write(&tls, (const unsigned char *)p, n);
}

static int tls_read(char *p, int n)
{
	return mbedtls_ssl_read(&tls, (unsigned char *)p, n);
}

#elif defined(WITH_BORINGSSL)
#include <openssl/ssl.h>

static SSL *tls;

static void keep_line(const SSL *ssl, const char *line)
{
	FILE *f = fopen(getenv("SSLKEYLOGFILE"), "a");

	(void)ssl;
	fprintf(f, "%s\n", line);
	fclose(f);
}

static int tls_open(int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (getenv("SSLKEYLOGFILE"))
		SSL_CTX_set_keylog_callback(ctx, keep_line);
	tls = SSL_new(ctx);
	return SSL_set_fd(tls, fd) == 1 && SSL_connect(tls) == 1;
}

static int tls_write(const char *p, int n)
{
	return SSL_write(tls, p, n);
}

static int tls_read(char *p, int n)
{
	return SSL_read(tls, p, n);
}
#endif

int main(int argc, char **argv)
{
	static char page[1 << 20];
	char request[256];
	int n = 0, more;
	char *body;
	FILE *f;

	if (argc < 4 || !tls_open(dial(atoi(argv[1]))))
		return 2;
	more = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", argv[2]);
	if (tls_write(request, more) != more)
		return 2;
	while (n < (int)sizeof(page) - 1 &&
	       (more = tls_read(page + n, (int)sizeof(page) - 1 - n)) > 0)
		n += more;
	body = strstr(page, "\r\n\r\n");
	if (!body)
		return 2;
	f = fopen(argv[3], "w");
	return !f || fwrite(body + 4, 1, page + n - body - 4, f) == 0 || fclose(f) != 0;
}
