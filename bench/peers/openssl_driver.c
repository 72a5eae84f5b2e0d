/*
 * OpenSSL as a peer of the bench: both ends in this process and on one thread, joined by BIO pairs, in lockstep, so that
 * every interval of thread CPU time belongs to exactly one end.
 *
 *   openssl_driver CA.pem CHAIN.pem KEY.pem HOST
 *
 * reads lines "CASE SECONDS" (of CPU) and answers each with one line of JSON (the worker protocol, see README.md). A handshake is:
 * create the connection, handshake, the server writes one byte so that the client also consumes the ticket, both close
 * (close_notify sent and received), free. Contexts are made once. The BIO pair stands for the transport: it is made and
 * freed off the clock.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define RECORD 16384
#define WARM_UP 20
#define HANDSHAKE_BUFFER 16384
#define BULK_BUFFER (4 * RECORD)

static SSL_CTX *client_context, *server_context;
static int tls12;
static const char *host;
static SSL_SESSION *newest;

static void fail(const char *what)
{
    fprintf(stderr, "openssl_driver: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu(void) { return now(CLOCK_THREAD_CPUTIME_ID); }

static int keep_session(SSL *connection, SSL_SESSION *session)
{
    (void)connection;
    SSL_SESSION_free(newest);
    newest = session;
    return 1;
}

static SSL_CTX *context(const SSL_METHOD *method)
{
    int version = tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (ctx == NULL
        || !SSL_CTX_set_min_proto_version(ctx, version)
        || !SSL_CTX_set_max_proto_version(ctx, version)
        || !SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256")
        || !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256")
        || !SSL_CTX_set1_groups_list(ctx, tls12 ? "X25519:P-256" : "X25519")) /* TLS 1.2 wants the curve of an ECDSA certificate here */
        fail("context");
    return ctx;
}

static void make_contexts(const char *ca, const char *chain, const char *key)
{
    client_context = context(TLS_client_method());
    if (!SSL_CTX_load_verify_locations(client_context, ca, NULL))
        fail("the CA");
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(client_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_context, keep_session);

    server_context = context(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(server_context, chain) != 1
        || SSL_CTX_use_PrivateKey_file(server_context, key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_set_num_tickets(server_context, 1))
        fail("the server's certificate");
}

/* The contexts of a case: its version, and with session IDs alone no tickets. */
static void select_case(const char *name, char **argv)
{
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    tls12 = strncmp(name, "tls12", 5) == 0;
    make_contexts(argv[1], argv[2], argv[3]);
    if (strcmp(name, "tls12-id") == 0)
        SSL_CTX_set_options(server_context, SSL_OP_NO_TICKET);
}

/* One connection, seen from both ends. */
struct pair {
    SSL *client, *server;
    BIO *client_bio, *server_bio;
    uint64_t client_cpu, server_cpu;
};

struct totals {
    uint64_t count, resumed_client, resumed_server, bytes_client, bytes_server;
};

static void open_transport(struct pair *p, size_t buffer)
{
    if (!BIO_new_bio_pair(&p->client_bio, buffer, &p->server_bio, buffer))
        fail("BIO pair");
}

static void attach(SSL *ssl, BIO *bio)
{
    BIO_up_ref(bio);
    SSL_set_bio(ssl, bio, bio);
}

static void expect_wait(SSL *ssl, int result, const char *where)
{
    if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ)
        fail(where);
}

/* From nothing to the point where the client has the ticket and the server's one byte. */
static void open_connection(struct pair *p, SSL_SESSION *session)
{
    char byte = 'x';
    uint64_t t0 = cpu(), t1;

    if ((p->client = SSL_new(client_context)) == NULL)
        fail("SSL_new");
    attach(p->client, p->client_bio);
    SSL_set_tlsext_host_name(p->client, host);
    if (!SSL_set1_host(p->client, host))
        fail("SSL_set1_host");
    if (session != NULL && !SSL_set_session(p->client, session))
        fail("SSL_set_session");
    expect_wait(p->client, SSL_connect(p->client), "ClientHello");
    t1 = cpu(); p->client_cpu += t1 - t0; t0 = t1;

    if ((p->server = SSL_new(server_context)) == NULL)
        fail("SSL_new");
    attach(p->server, p->server_bio);
    expect_wait(p->server, SSL_accept(p->server), "the server's flight");
    t1 = cpu(); p->server_cpu += t1 - t0; t0 = t1;

    /* in a full handshake of TLS 1.2 the last word is the server's */
    if (tls12 && session == NULL)
        expect_wait(p->client, SSL_connect(p->client), "the client's flight");
    else if (SSL_connect(p->client) != 1)
        fail("the client's handshake");
    t1 = cpu(); p->client_cpu += t1 - t0; t0 = t1;

    if (SSL_accept(p->server) != 1 || SSL_write(p->server, &byte, 1) != 1)
        fail("the server's handshake");
    t1 = cpu(); p->server_cpu += t1 - t0; t0 = t1;

    if (SSL_read(p->client, &byte, 1) != 1)
        fail("the first byte");
    t1 = cpu(); p->client_cpu += t1 - t0;
}

static void close_connection(struct pair *p)
{
    char byte;
    uint64_t t0 = cpu(), t1;

    SSL_shutdown(p->server);
    t1 = cpu(); p->server_cpu += t1 - t0; t0 = t1;

    if (SSL_read(p->client, &byte, 1) > 0 || SSL_get_error(p->client, 0) != SSL_ERROR_ZERO_RETURN)
        fail("the server's close_notify");
    SSL_shutdown(p->client);
    SSL_free(p->client);
    t1 = cpu(); p->client_cpu += t1 - t0; t0 = t1;

    if (SSL_read(p->server, &byte, 1) > 0 || SSL_get_error(p->server, 0) != SSL_ERROR_ZERO_RETURN)
        fail("the client's close_notify");
    SSL_free(p->server);
    t1 = cpu(); p->server_cpu += t1 - t0;
}

/* One handshake; on resumption with the ticket that the one before yielded. */
static void one(struct pair *p, int resume, struct totals *totals)
{
    SSL_SESSION *session = NULL;

    if (resume) {
        if ((session = newest) == NULL)
            fail("no ticket came");
        if (tls12)
            SSL_SESSION_up_ref(session); /* resuming TLS 1.2 yields no new session */
        else
            newest = NULL;
    }
    open_transport(p, HANDSHAKE_BUFFER);
    open_connection(p, session);
    totals->count++;
    totals->resumed_client += (uint64_t)SSL_session_reused(p->client);
    totals->resumed_server += (uint64_t)SSL_session_reused(p->server);
    close_connection(p);
    totals->bytes_client += BIO_number_written(p->client_bio);
    totals->bytes_server += BIO_number_written(p->server_bio);
    BIO_free(p->client_bio);
    BIO_free(p->server_bio);
    SSL_SESSION_free(session);
}

static void handshakes(const char *name, int resume, double seconds)
{
    struct pair p = {0};
    struct totals t = {0};
    uint64_t end, process;

    one(&p, 0, &t); /* yields the first ticket */
    for (int i = 0; i < WARM_UP; i++)
        one(&p, resume, &t);
    memset(&t, 0, sizeof t);
    p.client_cpu = p.server_cpu = 0;
    process = now(CLOCK_PROCESS_CPUTIME_ID);
    end = process + (uint64_t)(seconds * 1e9);
    do
        one(&p, resume, &t);
    while (now(CLOCK_PROCESS_CPUTIME_ID) < end);
    process = now(CLOCK_PROCESS_CPUTIME_ID) - process;
    printf("{\"peer\":\"openssl\",\"case\":\"%s\",\"handshakes\":%" PRIu64 ",\"resumedClient\":%" PRIu64
           ",\"resumedServer\":%" PRIu64 ",\"clientCpuNs\":%" PRIu64 ",\"serverCpuNs\":%" PRIu64 ",\"processCpuNs\":%" PRIu64
           ",\"clientBytes\":%" PRIu64 ",\"serverBytes\":%" PRIu64 "}\n",
           name, t.count, t.resumed_client, t.resumed_server, p.client_cpu, p.server_cpu, process, t.bytes_client, t.bytes_server);
}

static void bulk(const char *name, int to_server, double seconds)
{
    static char out[RECORD], in[RECORD];
    struct pair p = {0};
    uint64_t bytes = 0, send = 0, receive = 0, end, process, wire;
    SSL *sender, *receiver;
    BIO *from;

    open_transport(&p, BULK_BUFFER);
    open_connection(&p, NULL);
    sender = to_server ? p.client : p.server;
    receiver = to_server ? p.server : p.client;
    from = to_server ? p.client_bio : p.server_bio;
    for (int warm = 1; warm >= 0; warm--) {
        bytes = send = receive = 0;
        wire = BIO_number_written(from);
        process = now(CLOCK_PROCESS_CPUTIME_ID);
        end = process + (uint64_t)((warm ? 0.02 : seconds) * 1e9);
        do {
            uint64_t t0, t1, t2;
            int got = 0, n;
            t0 = cpu();
            if (SSL_write(sender, out, RECORD) != RECORD)
                fail("SSL_write");
            t1 = cpu();
            while (got < RECORD) {
                if ((n = SSL_read(receiver, in, RECORD - got)) <= 0)
                    fail("SSL_read");
                got += n;
            }
            t2 = cpu();
            send += t1 - t0;
            receive += t2 - t1;
            bytes += RECORD;
        } while (now(CLOCK_PROCESS_CPUTIME_ID) < end);
    }
    process = now(CLOCK_PROCESS_CPUTIME_ID) - process;
    wire = BIO_number_written(from) - wire;
    close_connection(&p);
    BIO_free(p.client_bio);
    BIO_free(p.server_bio);
    printf("{\"peer\":\"openssl\",\"case\":\"%s\",\"bytes\":%" PRIu64 ",\"wireBytes\":%" PRIu64 ",\"sendCpuNs\":%" PRIu64
           ",\"receiveCpuNs\":%" PRIu64 ",\"processCpuNs\":%" PRIu64 "}\n", name, bytes, wire, send, receive, process);
}

int main(int argc, char **argv)
{
    char name[64];
    double seconds;

    if (argc != 5)
        fail("usage: openssl_driver CA.pem CHAIN.pem KEY.pem HOST");
    host = argv[4];
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("{\"peer\":\"openssl\",\"version\":\"%s\"}\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    while (scanf("%63s %lf", name, &seconds) == 2) {
        SSL_SESSION_free(newest);
        newest = NULL;
        select_case(name, argv);
        if (strcmp(name, "tls12-full") == 0 || strcmp(name, "tls13-full") == 0)
            handshakes(name, 0, seconds);
        else if (strcmp(name, "tls12-id") == 0 || strcmp(name, "tls12-ticket") == 0 || strcmp(name, "tls13-psk-dhe") == 0)
            handshakes(name, 1, seconds);
        else if (strcmp(name, "bulk-to-server") == 0)
            bulk(name, 1, seconds);
        else if (strcmp(name, "bulk-to-client") == 0)
            bulk(name, 0, seconds);
        else
            fail("unknown case");
    }
    SSL_SESSION_free(newest);
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    return 0;
}
