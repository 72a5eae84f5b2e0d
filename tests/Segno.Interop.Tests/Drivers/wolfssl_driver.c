/* wolfSSL as a peer. Needs libwolfssl-dev. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include "driver.h"

static void write_all(WOLFSSL *ssl, const unsigned char *data, size_t length)
{
    while (length > 0) {
        int count = wolfSSL_write(ssl, data, length > 16384 ? 16384 : (int)length);
        if (count <= 0)
            die("wolfSSL_write", wolfSSL_get_error(ssl, count));
        data += count;
        length -= count;
    }
}

static void client(int port, const char *root, const char *version, int connections)
{
    static unsigned char received[1 << 24];
    size_t length;
    unsigned char *payload = read_input(&length);
    WOLFSSL_SESSION *session = NULL;
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(strcmp(version, "1.2") == 0 ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
    if (wolfSSL_CTX_load_verify_locations(ctx, root, NULL) != WOLFSSL_SUCCESS)
        die("wolfSSL_CTX_load_verify_locations", 0);
    wolfSSL_CTX_UseSessionTicket(ctx);
    for (int number = 1; number <= connections; number++) {
        int fd = tcp_connect(port);
        WOLFSSL *ssl = wolfSSL_new(ctx);
        wolfSSL_set_fd(ssl, fd);
        wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, "localhost", 9);
        wolfSSL_check_domain_name(ssl, "localhost");
        if (session != NULL && wolfSSL_set_session(ssl, session) != WOLFSSL_SUCCESS)
            die("wolfSSL_set_session", 0);
        int done = wolfSSL_connect(ssl);
        if (done != WOLFSSL_SUCCESS)
            die("wolfSSL_connect", wolfSSL_get_error(ssl, done));
        say_connection(wolfSSL_session_reused(ssl), wolfSSL_get_version(ssl));
        if (number == connections)
            write_all(ssl, payload, length);
        else
            write_all(ssl, (const unsigned char *)HELLO, sizeof HELLO - 1);
        size_t have = 0;
        int count;
        while ((count = wolfSSL_read(ssl, received + have, (int)(sizeof received - have))) > 0)
            have += count;
        if (wolfSSL_get_error(ssl, count) != WOLFSSL_ERROR_ZERO_RETURN)
            die("wolfSSL_read", wolfSSL_get_error(ssl, count));
        fwrite(received, 1, have, stdout);
        fflush(stdout);
        session = wolfSSL_get1_session(ssl);
        wolfSSL_shutdown(ssl);
        wolfSSL_free(ssl);
        close(fd);
    }
}

static void server(const char *chain, const char *key, int tickets)
{
    static unsigned char chunk[65536];
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
    if (wolfSSL_CTX_use_certificate_chain_file(ctx, chain) != WOLFSSL_SUCCESS || wolfSSL_CTX_use_PrivateKey_file(ctx, key, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
        die("wolfSSL_CTX_use_certificate_chain_file", 0);
    if (!tickets)
        wolfSSL_CTX_NoTicketTLSv12(ctx);
    int listener = tcp_listen();
    while (1) {
        int fd = accept(listener, NULL, NULL);
        WOLFSSL *ssl = wolfSSL_new(ctx);
        wolfSSL_set_fd(ssl, fd);
        int done = wolfSSL_accept(ssl);
        if (done == WOLFSSL_SUCCESS) {
            say_connection(wolfSSL_session_reused(ssl), wolfSSL_get_version(ssl));
            int count;
            while ((count = wolfSSL_read(ssl, chunk, sizeof chunk)) > 0)
                write_all(ssl, chunk, count);
            wolfSSL_shutdown(ssl);
        } else {
            printf("failed: wolfSSL_accept (%d)\n", wolfSSL_get_error(ssl, done));
            fflush(stdout);
        }
        wolfSSL_free(ssl);
        close(fd);
    }
}
