/*
 * The client of the fleet rehearsal (see README.md): OpenSSL's, not Segno's, so that nobody counts his own work.
 *
 *   fleet_client CA.pem PORT id|ticket|psk RATE CLIENTS
 *
 * opens RATE connections a second to localhost:PORT until its standard input ends. A connection is begun when it is due, whatever becomes of the
 * others; one thread, nothing in it blocks. CLIENTS identities take turns, and each keeps its last session: TLS 1.2 by session ID, TLS 1.2 by ticket,
 * or TLS 1.3 by PSK, which is used once. Each connection asks for /api/connection once and is closed as it should be.
 * For each one it writes a line, its fields divided by tabs:
 *
 *   when it was due (ns, CLOCK_MONOTONIC) | µs from then to the end of the handshake | 1: a session was offered | 1: it was resumed, by this end's word |
 *   the server's reason, "-" where there is none | "-", or what failed
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define SECOND 1000000000ull
#define LIMIT (10 * SECOND)
#define ANSWER 8192
#define EVENTS 256

static const char request[] = "GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

enum state { CONNECTING, HANDSHAKE, ASKING, READING };

struct client {
    SSL_SESSION *session;
    int is_busy;
};

/* In a list by age, so that the first is the next to run out of time. */
struct connection {
    struct connection *previous, *next;
    struct client *client;
    SSL *ssl;
    uint64_t due, handshake;
    size_t length;
    uint32_t events;
    int socket, offered, resumed;
    enum state state;
    char answer[ANSWER];
};

static struct connection open_connections = {.previous = &open_connections, .next = &open_connections};
static SSL_CTX *context;
static struct client *clients;
static size_t client_count, next_client;
static int poller, use_once;
static struct sockaddr_in address = {.sin_family = AF_INET};

static void fail(const char *what)
{
    fprintf(stderr, "fleet_client: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *connection = SSL_get_app_data(ssl);
    SSL_SESSION_free(connection->client->session);
    connection->client->session = session;
    return 1;
}

static void make_context(const char *authority, const char *mechanism)
{
    int version = strcmp(mechanism, "psk") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    static const unsigned char alpn[] = "\x08http/1.1";

    use_once = version == TLS1_3_VERSION;
    if (!use_once && strcmp(mechanism, "id") != 0 && strcmp(mechanism, "ticket") != 0)
        fail("the mechanism is id, ticket or psk");
    if ((context = SSL_CTX_new(TLS_client_method())) == NULL
        || !SSL_CTX_set_min_proto_version(context, version)
        || !SSL_CTX_set_max_proto_version(context, version)
        || !SSL_CTX_load_verify_locations(context, authority, NULL)
        || SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1) != 0)
        fail("the context");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    if (strcmp(mechanism, "id") == 0)
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

/* The value of "reason" in the answer's JSON. */
static void find_reason(const char *answer, char *reason, size_t size)
{
    const char *at = strstr(answer, "\"reason\":");

    snprintf(reason, size, "-");
    if (at != NULL) {
        at += strlen("\"reason\":");
        at += strspn(at, " ");
        if (*at == '"') {
            size_t length = strcspn(at + 1, "\"");
            if (length > 0 && length < size)
                snprintf(reason, size, "%.*s", (int)length, at + 1);
        }
    }
}

static void finish(struct connection *c, const char *failure)
{
    char reason[64];

    c->answer[c->length] = '\0';
    if (failure == NULL && (strncmp(c->answer, "HTTP/1.1 200", 12) != 0 || strstr(c->answer, "\"reason\":") == NULL))
        failure = "the answer is another";
    find_reason(c->answer, reason, sizeof reason);
    printf("%" PRIu64 "\t%" PRIu64 "\t%d\t%d\t%s\t%s\n", c->due, c->handshake / 1000, c->offered, c->resumed, reason, failure == NULL ? "-" : failure);

    if (c->ssl != NULL) {
        /* OpenSSL gives up the session of a connection that is freed before it said goodbye. The client keeps it even if this one failed. */
        if (failure == NULL)
            SSL_shutdown(c->ssl);
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(c->ssl);
    }
    if (c->socket >= 0)
        close(c->socket);
    ERR_clear_error();
    c->client->is_busy = 0;
    if (c->client < clients || c->client >= clients + client_count) {
        SSL_SESSION_free(c->client->session);
        free(c->client);
    }
    c->previous->next = c->next;
    c->next->previous = c->previous;
    free(c);
}

static void finish_errno(struct connection *c, const char *where, int error)
{
    char text[128];
    snprintf(text, sizeof text, "%s: %s", where, strerror(error));
    finish(c, text);
}

static void await(struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (c->events != events && epoll_ctl(poller, c->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->socket, &event) != 0)
        fail("epoll_ctl");
    c->events = events;
}

/* Returns 1 where the call may be made again once the socket is ready; else the connection is over. */
static int waits(struct connection *c, int result, const char *where)
{
    char text[192];

    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        await(c, EPOLLIN);
        return 1;
    case SSL_ERROR_WANT_WRITE:
        await(c, EPOLLOUT);
        return 1;
    case SSL_ERROR_SYSCALL:
        finish_errno(c, where, errno);
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        finish(c, "closed before its time");
        return 0;
    default:
        snprintf(text, sizeof text, "%s: %s", where, ERR_reason_error_string(ERR_peek_error()));
        finish(c, text);
        return 0;
    }
}

/* Goes on as far as the socket allows. */
static void go_on(struct connection *c)
{
    int result;

    ERR_clear_error();
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(c->socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
            finish_errno(c, "connect", error);
            return;
        }
        c->state = HANDSHAKE;
    }
    if (c->state == HANDSHAKE) {
        if ((result = SSL_connect(c->ssl)) != 1) {
            waits(c, result, "handshake");
            return;
        }
        c->handshake = now() - c->due;
        c->resumed = SSL_session_reused(c->ssl);
        c->state = ASKING;
    }
    if (c->state == ASKING) {
        if ((result = SSL_write(c->ssl, request, sizeof request - 1)) != (int)sizeof request - 1) {
            waits(c, result, "request");
            return;
        }
        c->state = READING;
    }
    for (;;) {
        if (c->length == ANSWER - 1) {
            finish(c, "the answer is too long");
            return;
        }
        if ((result = SSL_read(c->ssl, c->answer + c->length, (int)(ANSWER - 1 - c->length))) <= 0)
            break;
        c->length += (size_t)result;
    }
    if (SSL_get_error(c->ssl, result) == SSL_ERROR_ZERO_RETURN)
        finish(c, NULL);
    else
        waits(c, result, "answer");
}

/* The next of those who have no connection open; where all have, somebody new, for this one connection. */
static struct client *pick(void)
{
    struct client *added;

    for (size_t i = 0; i < client_count; i++) {
        struct client *candidate = &clients[next_client];
        next_client = (next_client + 1) % client_count;
        if (!candidate->is_busy)
            return candidate;
    }
    if ((added = calloc(1, sizeof *added)) == NULL)
        fail("memory");
    return added;
}

static void start(uint64_t due)
{
    struct connection *c = calloc(1, sizeof *c);
    int on = 1;

    if (c == NULL)
        fail("memory");
    c->due = due;
    c->client = pick();
    c->client->is_busy = 1;
    c->previous = open_connections.previous;
    c->next = &open_connections;
    c->previous->next = c->next->previous = c;

    if ((c->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0) {
        finish_errno(c, "socket", errno);
        return;
    }
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if ((c->ssl = SSL_new(context)) == NULL || !SSL_set_app_data(c->ssl, c) || !SSL_set_fd(c->ssl, c->socket)
        || !SSL_set_tlsext_host_name(c->ssl, "localhost") || !SSL_set1_host(c->ssl, "localhost"))
        fail("SSL_new");
    SSL_set_connect_state(c->ssl);
    if (c->client->session != NULL && SSL_SESSION_is_resumable(c->client->session)) {
        c->offered = SSL_set_session(c->ssl, c->client->session);
        if (use_once) {
            SSL_SESSION_free(c->client->session);
            c->client->session = NULL;
        }
    }
    if (connect(c->socket, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
        finish_errno(c, "connect", errno);
        return;
    }
    await(c, EPOLLOUT);
}

static void run(uint64_t rate)
{
    struct epoll_event events[EVENTS], input = {.events = EPOLLIN, .data.ptr = NULL};
    uint64_t begun = now(), number = 0;
    int is_ending = 0;

    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input) != 0)
        fail("epoll");
    while (!is_ending || open_connections.next != &open_connections) {
        uint64_t due = begun + number * SECOND / rate, time = now();
        int count;

        for (; !is_ending && due <= time; due = begun + ++number * SECOND / rate)
            start(due);
        while (open_connections.next != &open_connections && open_connections.next->due + LIMIT <= time)
            finish(open_connections.next, "not over after 10 s");

        time = now();
        if ((count = epoll_wait(poller, events, EVENTS, is_ending ? 10 : due <= time ? 0 : (int)((due - time + 999999) / 1000000))) < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            char byte;
            if (events[i].data.ptr != NULL)
                go_on(events[i].data.ptr);
            else if (read(STDIN_FILENO, &byte, 1) <= 0) {
                is_ending = 1;
                epoll_ctl(poller, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
            }
        }
    }
}

int main(int argc, char **argv)
{
    long rate;

    if (argc != 6 || (rate = atol(argv[4])) < 1 || atol(argv[5]) < 1)
        fail("usage: fleet_client CA.pem PORT id|ticket|psk RATE CLIENTS");
    make_context(argv[1], argv[3]);
    address.sin_port = htons((uint16_t)atoi(argv[2]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client_count = (size_t)atol(argv[5]);
    if ((clients = calloc(client_count, sizeof *clients)) == NULL)
        fail("memory");
    setvbuf(stdout, NULL, _IOLBF, 0);
    run((uint64_t)rate);
    for (size_t i = 0; i < client_count; i++)
        SSL_SESSION_free(clients[i].session);
    free(clients);
    SSL_CTX_free(context);
    return 0;
}
