/* What the drivers in C have in common: arguments, sockets and standard streams. What drivers do is told in Matrix/DriverPeer.cs. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char HELLO[] = "hello\n";

static void die(const char *what, int code)
{
    printf("failed: %s (%d)\n", what, code);
    exit(1);
}

static void say_connection(int resumed, const char *version)
{
    printf("connection: %s %s\n", resumed ? "resumed" : "full", version);
    fflush(stdout);
}

static unsigned char *read_input(size_t *length)
{
    size_t capacity = 1 << 24;
    unsigned char *all = malloc(capacity);
    *length = fread(all, 1, capacity, stdin);
    return all;
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return address;
}

static int tcp_connect(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect", fd);
    return fd;
}

static int tcp_listen(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0)
        die("listen", fd);
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void client(int port, const char *root, const char *version, int connections);
static void server(const char *chain, const char *key, int tickets);

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "client") == 0)
        client(atoi(argv[2]), argv[3], argv[4], atoi(argv[5]));
    else if (argc == 5 && strcmp(argv[1], "server") == 0)
        server(argv[2], argv[3], strcmp(argv[4], "tickets") == 0);
    else
        die("usage: client PORT ROOT 1.2|1.3 CONNECTIONS, server CHAIN KEY tickets|no-tickets", argc);
    return 0;
}
