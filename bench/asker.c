/* A closed-loop load client for benchmarks: one thread, epoll, keep-alive; each client asks again when it was answered.
 *
 *   gcc -O2 -o asker bench/asker.c && ./asker PORT CLIENTS SECONDS REQUEST EXPECTED [LATENCIES]
 *
 * REQUEST is a file with one whole HTTP request, which is sent as it stands. An answer counts if it is whole (by its
 * length or its chunks), says 200 and holds the text EXPECTED. After SECONDS no more is asked, but what was asked is
 * waited for. Prints one JSON object: answered, failed, seconds, problem (the first one). LATENCIES gets those of whole
 * answers, as native 32-bit microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (1 << 20)
#define MOST_CLIENTS 4096
#define PATIENCE_US 20000000LL /* for one answer */
#define MOST_FAILURES 1000     /* then it is no use */

struct client {
    char *data;
    size_t used, body; /* body: where it starts; 0: the head is not whole yet */
    size_t at;         /* of chunks: the next one's size line */
    long long size;    /* of the body; -1: chunks */
    long long asked_us;
    int fd, ok, closes;
};

static struct client clients[MOST_CLIENTS];
static char *request;
static size_t request_size;
static const char *expected;
static struct sockaddr_in to;
static int poll_fd, waiting;
static long long answered, failed, end_us;
static char problem[120];
static FILE *latencies;

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void fail(const char *what) {
    if (failed++) return;
    for (size_t i = 0; what[i] && i < sizeof problem - 1; i++) /* as text that JSON takes */
        problem[i] = what[i] < ' ' || what[i] == '"' || what[i] == '\\' ? ' ' : what[i];
}

static int open_client(struct client *c) {
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) {
        close(c->fd);
        c->fd = -1;
        return 0;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event watched = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &watched);
    return 1;
}

static void close_client(struct client *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

/* Asks, unless the time is over. */
static void ask(struct client *c) {
    c->used = c->body = c->at = 0;
    c->size = 0;
    c->ok = c->closes = 0;
    c->asked_us = now_us();
    if (c->asked_us >= end_us || failed >= MOST_FAILURES) return close_client(c);
    if (c->fd < 0 && !open_client(c)) return fail("connection refused");
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size) {
        close_client(c);
        return fail("the request was not taken");
    }
    waiting++;
}

static void read_head(struct client *c) {
    char *end = memmem(c->data, c->used, "\r\n\r\n", 4);
    if (!end) return;
    c->body = c->at = (size_t)(end - c->data) + 4;
    c->ok = c->used > 12 && !memcmp(c->data + 9, "200", 3);
    for (char *line = c->data; line < end;) {
        if (!strncasecmp(line, "content-length:", 15)) c->size = atoll(line + 15);
        if (!strncasecmp(line, "transfer-encoding: chunked", 26)) c->size = -1;
        if (!strncasecmp(line, "connection: close", 17)) c->closes = 1;
        line = (char *)memmem(line, (size_t)(end + 2 - line), "\r\n", 2) + 2;
    }
}

/* Whether the answer is here to its end. */
static int whole(struct client *c) {
    if (!c->body) read_head(c);
    if (!c->body) return 0;
    if (c->size >= 0) return c->used >= c->body + (size_t)c->size;
    for (;;) {
        char *line = c->data + c->at, *end = memmem(line, c->used - c->at, "\r\n", 2);
        if (!end) return 0;
        size_t size = strtoul(line, NULL, 16), next = (size_t)(end - c->data) + 2 + size + 2;
        if (c->used < next) return 0;
        c->at = next;
        if (!size) return 1;
    }
}

static void take(struct client *c) {
    ssize_t got = recv(c->fd, c->data + c->used, BUFFER - 1 - c->used, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got > 0) {
        c->used += (size_t)got;
        c->data[c->used] = 0; /* what reads numbers stops here */
        if (!whole(c)) return;
    }
    waiting--;
    if (got <= 0) fail("the connection was closed before the answer's end");
    else if (!c->ok) fail(c->data);
    else if (!memmem(c->data + c->body, c->used - c->body, expected, strlen(expected))) fail(c->data + c->body);
    else {
        unsigned took = (unsigned)(now_us() - c->asked_us);
        answered++;
        if (latencies) fwrite(&took, sizeof took, 1, latencies);
    }
    if (got <= 0 || c->closes) close_client(c);
    ask(c);
}

int main(int count, char **given) {
    if (count < 6) return fprintf(stderr, "usage: asker PORT CLIENTS SECONDS REQUEST EXPECTED [LATENCIES]\n"), 2;
    int number = atoi(given[2]);
    FILE *file = fopen(given[4], "rb");
    if (!file || number < 1 || number > MOST_CLIENTS) return fprintf(stderr, "no REQUEST, or no CLIENTS\n"), 2;
    request = malloc(BUFFER);
    request_size = fread(request, 1, BUFFER, file);
    expected = given[5];
    latencies = count > 6 ? fopen(given[6], "wb") : NULL;
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short)atoi(given[1]));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    poll_fd = epoll_create1(0);
    long long started = now_us();
    end_us = started + (long long)(atof(given[3]) * 1e6);
    for (int i = 0; i < number; i++) {
        clients[i].data = malloc(BUFFER);
        clients[i].fd = -1;
        ask(&clients[i]);
    }
    struct epoll_event ready[256];
    long long heard_us = now_us();
    while (waiting) {
        int n = epoll_wait(poll_fd, ready, 256, 1000);
        for (int i = 0; i < n; i++) take(ready[i].data.ptr);
        if (n > 0) heard_us = now_us();
        else if (now_us() - heard_us > PATIENCE_US) {
            fail("no answer in 20 s");
            failed += waiting - 1;
            break;
        }
    }
    if (latencies) fclose(latencies);
    printf("{\"answered\":%lld,\"failed\":%lld,\"seconds\":%.6f,\"problem\":\"%s\"}\n", answered, failed,
           (double)(now_us() - started) / 1e6, problem);
    return 0;
}
