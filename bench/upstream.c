/* A fast OpenAI-wire upstream for benchmarks: one thread, epoll, keep-alive, answers made before the first request.
 *
 *   gcc -O2 -o upstream bench/upstream.c && ./upstream PORT [GAP_US]
 *
 * A body that holds `"stream":true` or `"stream": true` gets 50 server-sent events, any other one a whole chat answer.
 * With GAP_US each event is sent by itself, that many microseconds after the last (clients then share the waiting);
 * without it they follow each other at once. Prints its port when it listens. Serves until it is killed. */
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

#define CHUNKS 50
#define MOST_CONNECTIONS 16384
#define BUFFER (1 << 20)

struct connection {
    char *data;
    size_t used;
    int next; /* the event that is sent next; -1: no stream under way */
    long long due_us;
};

static struct connection connections[MOST_CONNECTIONS];
static int streaming[MOST_CONNECTIONS], streams;
static char whole[2048], head[512], event[CHUNKS + 2][512];
static size_t whole_size, head_size, event_size[CHUNKS + 2];
static long long gap_us;

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static size_t chunk(char *into, size_t room, const char *data) {
    return (size_t)snprintf(into, room, "%zx\r\n%s\r\n", strlen(data), data);
}

static void prepare(void) {
    const char *body =
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\",\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"def add(a, b):\\n    return a + b\\n\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":24,\"completion_tokens\":12,\"total_tokens\":36}}";
    whole_size = (size_t)snprintf(whole, sizeof whole,
                                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                  strlen(body), body);
    head_size = (size_t)snprintf(head, sizeof head,
                                 "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < CHUNKS; i++) {
        char data[400];
        int last = i == CHUNKS - 1;
        snprintf(data, sizeof data,
                 "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                 "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":%s}]}\n\n",
                 last ? "" : "\"content\":\" token\"", last ? "\"stop\"" : "null");
        event_size[i] = chunk(event[i], sizeof event[i], data);
    }
    event_size[CHUNKS] = chunk(event[CHUNKS], sizeof event[CHUNKS],
                               "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
                               "\"created\":1700000000,\"model\":\"bench\",\"choices\":[],\"usage\":{"
                               "\"prompt_tokens\":24,\"completion_tokens\":50,\"total_tokens\":74}}\n\n");
    event_size[CHUNKS + 1] = chunk(event[CHUNKS + 1], sizeof event[CHUNKS + 1], "data: [DONE]\n\n");
    strcat(event[CHUNKS + 1], "0\r\n\r\n");
    event_size[CHUNKS + 1] += 5;
}

static void put(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return;
        if (sent > 0) data += sent, size -= (size_t)sent;
    }
}

static void stop_stream(int fd) {
    connections[fd].next = -1;
    for (int i = 0; i < streams; i++)
        if (streaming[i] == fd) {
            streaming[i] = streaming[--streams];
            return;
        }
}

static void answer(int fd, const char *body, size_t size) {
    if (!memmem(body, size, "\"stream\":true", 13) && !memmem(body, size, "\"stream\": true", 14)) {
        put(fd, whole, whole_size);
        return;
    }
    put(fd, head, head_size);
    if (gap_us) {
        connections[fd].next = 0;
        connections[fd].due_us = now_us() + gap_us;
        streaming[streams++] = fd;
    } else {
        for (int i = 0; i < CHUNKS + 2; i++) put(fd, event[i], event_size[i]);
    }
}

/* Answers each whole request in the buffer. */
static void serve(int fd) {
    struct connection *c = &connections[fd];
    for (;;) {
        char *end = memmem(c->data, c->used, "\r\n\r\n", 4);
        if (!end) return;
        size_t size = 0, head_bytes = (size_t)(end - c->data) + 4;
        for (char *line = c->data; line < end;) {
            if (!strncasecmp(line, "content-length:", 15)) size = strtoul(line + 15, NULL, 10);
            char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
            line = next ? next + 2 : end;
        }
        if (c->used < head_bytes + size) return;
        answer(fd, c->data + head_bytes, size);
        c->used -= head_bytes + size;
        memmove(c->data, c->data + head_bytes + size, c->used);
    }
}

static void leave(int fd) {
    stop_stream(fd);
    close(fd);
}

static void send_due(void) {
    long long now = now_us();
    for (int i = streams - 1; i >= 0; i--) {
        int fd = streaming[i];
        struct connection *c = &connections[fd];
        while (c->next >= 0 && c->due_us <= now) {
            put(fd, event[c->next], event_size[c->next]);
            c->due_us += gap_us;
            if (++c->next == CHUNKS + 2) stop_stream(fd);
        }
    }
}

int main(int count, char **given) {
    if (count < 2) return fprintf(stderr, "usage: upstream PORT [GAP_US]\n"), 2;
    gap_us = count > 2 ? atoll(given[2]) : 0;
    prepare();
    int yes = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(given[1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    if (bind(listening, (struct sockaddr *)&at, sizeof at) || listen(listening, 1024)) return perror("listen"), 1;
    getsockname(listening, (struct sockaddr *)&at, &length);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event watched = {.events = EPOLLIN, .data.fd = listening}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &watched);
    for (;;) {
        int n = epoll_wait(poll, ready, 256, streams ? 1 : -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listening) {
                int client = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
                if (client < 0) continue;
                if (client >= MOST_CONNECTIONS) {
                    close(client);
                    continue;
                }
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                struct connection *c = &connections[client];
                if (!c->data) c->data = malloc(BUFFER);
                c->used = 0;
                c->next = -1;
                watched.events = EPOLLIN;
                watched.data.fd = client;
                epoll_ctl(poll, EPOLL_CTL_ADD, client, &watched);
                continue;
            }
            struct connection *c = &connections[fd];
            ssize_t got = recv(fd, c->data + c->used, BUFFER - c->used, 0);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                leave(fd);
                continue;
            }
            c->used += (size_t)got;
            serve(fd);
        }
        if (streams) send_due();
    }
}
