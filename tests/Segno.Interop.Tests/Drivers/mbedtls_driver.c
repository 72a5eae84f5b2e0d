/* Mbed TLS 2.28 as a peer. Needs libmbedtls-dev. It does not say whether a session was resumed; what it calls does. */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>

#include "driver.h"

static mbedtls_ctr_drbg_context rng;
static mbedtls_ssl_config conf;
static mbedtls_ssl_cache_context cache;
static mbedtls_ssl_ticket_context ticket;
static int certificates_seen, sessions_found;

static void check(const char *what, int code)
{
    if (code != 0)
        die(what, code);
}

static void configure(int endpoint)
{
    static mbedtls_entropy_context entropy;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&rng);
    check("seed", mbedtls_ctr_drbg_seed(&rng, mbedtls_entropy_func, &entropy, NULL, 0));
    mbedtls_ssl_config_init(&conf);
    check("config", mbedtls_ssl_config_defaults(&conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &rng);
}

static int write_all(mbedtls_ssl_context *ssl, const unsigned char *data, size_t length)
{
    while (length > 0) {
        int count = mbedtls_ssl_write(ssl, data, length);
        if (count <= 0)
            return count;
        data += count;
        length -= count;
    }
    return 0;
}

/* A server shows its certificate only in a full handshake. */
static int see_certificate(void *unused, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    (void)unused, (void)crt, (void)depth, (void)flags;
    certificates_seen++;
    return 0;
}

static void client(int port, const char *root, const char *version, int connections)
{
    static unsigned char received[1 << 24];
    size_t length;
    unsigned char *payload = read_input(&length);
    mbedtls_x509_crt trusted;
    mbedtls_ssl_session session;
#ifndef MBEDTLS_SSL_PROTO_TLS1_3
    if (strcmp(version, "1.3") == 0)
        die("this Mbed TLS has no TLS 1.3", 0);
#endif
    configure(MBEDTLS_SSL_IS_CLIENT);
    mbedtls_x509_crt_init(&trusted);
    check("root", mbedtls_x509_crt_parse_file(&trusted, root));
    mbedtls_ssl_conf_ca_chain(&conf, &trusted, NULL);
    mbedtls_ssl_conf_verify(&conf, see_certificate, NULL);
    mbedtls_ssl_conf_min_version(&conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    mbedtls_ssl_conf_max_version(&conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    for (int number = 1; number <= connections; number++) {
        mbedtls_ssl_context ssl;
        mbedtls_net_context net = {.fd = tcp_connect(port)};
        certificates_seen = 0;
        mbedtls_ssl_init(&ssl);
        check("setup", mbedtls_ssl_setup(&ssl, &conf));
        check("name", mbedtls_ssl_set_hostname(&ssl, "localhost"));
        mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
        if (number > 1)
            check("set_session", mbedtls_ssl_set_session(&ssl, &session));
        check("handshake", mbedtls_ssl_handshake(&ssl));
        say_connection(certificates_seen == 0, mbedtls_ssl_get_version(&ssl));
        if (number == connections)
            check("write", write_all(&ssl, payload, length));
        else
            check("write", write_all(&ssl, (const unsigned char *)HELLO, sizeof HELLO - 1));
        size_t have = 0;
        int count;
        while ((count = mbedtls_ssl_read(&ssl, received + have, sizeof received - have)) > 0)
            have += count;
        if (count != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
            die("read", count);
        fwrite(received, 1, have, stdout);
        fflush(stdout);
        mbedtls_ssl_session_init(&session);
        check("get_session", mbedtls_ssl_get_session(&ssl, &session));
        mbedtls_ssl_close_notify(&ssl);
        mbedtls_ssl_free(&ssl);
        mbedtls_net_free(&net);
    }
}

static int find_session(void *data, mbedtls_ssl_session *session)
{
    int code = mbedtls_ssl_cache_get(data, session);
    sessions_found += code == 0;
    return code;
}

static int open_ticket(void *data, mbedtls_ssl_session *session, unsigned char *bytes, size_t length)
{
    int code = mbedtls_ssl_ticket_parse(data, session, bytes, length);
    sessions_found += code == 0;
    return code;
}

static void server(const char *chain, const char *key, int tickets)
{
    static unsigned char chunk[16384];
    mbedtls_x509_crt own;
    mbedtls_pk_context own_key;
    configure(MBEDTLS_SSL_IS_SERVER);
    mbedtls_x509_crt_init(&own);
    mbedtls_pk_init(&own_key);
    check("chain", mbedtls_x509_crt_parse_file(&own, chain));
    check("key", mbedtls_pk_parse_keyfile(&own_key, key, NULL));
    check("own_cert", mbedtls_ssl_conf_own_cert(&conf, &own, &own_key));
    if (tickets) {
        mbedtls_ssl_ticket_init(&ticket);
        check("ticket", mbedtls_ssl_ticket_setup(&ticket, mbedtls_ctr_drbg_random, &rng, MBEDTLS_CIPHER_AES_256_GCM, 3600));
        mbedtls_ssl_conf_session_tickets_cb(&conf, mbedtls_ssl_ticket_write, open_ticket, &ticket);
    } else {
        mbedtls_ssl_cache_init(&cache);
        mbedtls_ssl_conf_session_cache(&conf, &cache, find_session, mbedtls_ssl_cache_set);
    }
    int listener = tcp_listen();
    while (1) {
        mbedtls_ssl_context ssl;
        mbedtls_net_context net = {.fd = accept(listener, NULL, NULL)};
        sessions_found = 0;
        mbedtls_ssl_init(&ssl);
        check("setup", mbedtls_ssl_setup(&ssl, &conf));
        mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
        int code = mbedtls_ssl_handshake(&ssl);
        if (code == 0) {
            say_connection(sessions_found > 0, mbedtls_ssl_get_version(&ssl));
            int count;
            while ((count = mbedtls_ssl_read(&ssl, chunk, sizeof chunk)) > 0 && write_all(&ssl, chunk, count) == 0)
                ;
            mbedtls_ssl_close_notify(&ssl);
        } else {
            printf("failed: handshake (%d)\n", code);
            fflush(stdout);
        }
        mbedtls_ssl_free(&ssl);
        mbedtls_net_free(&net);
    }
}
