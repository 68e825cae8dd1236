/* How many datagrams a second go through a host's rules: frames of a few flows, by sendmmsg() on a packet socket that bypasses queueing disciplines. Over veth the
 * receiving host's work is done in the sender's system call, so the time it takes is the time of the whole way. Used by bench_guard.py.
 *
 *   udp_flood INTERFACE SOURCE-MAC TARGET-MAC SOURCE-ADDRESS TARGET-ADDRESS PORT FLOWS COUNT  prints the seconds it took, and those that a processor
 * worked for it
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <linux/if_ether.h>

enum { BATCH = 512, SIZE = 60, IP = 14, UDP = 34, FIRST_SOURCE_PORT = 20000 };
static unsigned char frames[BATCH][SIZE];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];

static void hardware_address(const char *text, unsigned char *at)
{
    sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", at, at + 1, at + 2, at + 3, at + 4, at + 5);
}

static void build(unsigned char *frame, char **words, unsigned port, unsigned source_port)
{
    hardware_address(words[3], frame);
    hardware_address(words[2], frame + 6);
    frame[12] = 0x08;
    unsigned char *ip = frame + IP, *udp = frame + UDP;
    ip[0] = 0x45, ip[3] = SIZE - IP, ip[6] = 0x40, ip[8] = 64, ip[9] = 17;
    inet_pton(AF_INET, words[4], ip + 12);
    inet_pton(AF_INET, words[5], ip + 16);
    unsigned total = 0;
    for (int i = 0; i < 20; i += 2)
        total += ip[i] << 8 | ip[i + 1];
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    ip[10] = ~total >> 8, ip[11] = ~total;
    udp[0] = source_port >> 8, udp[1] = source_port, udp[2] = port >> 8, udp[3] = port, udp[5] = SIZE - UDP; /* no checksum: 0 */
}

int main(int count, char **words)
{
    if (count != 9)
        return 2;
    unsigned port = atoi(words[6]), flows = atoi(words[7]);
    long left = atol(words[8]);
    int one = 1, out = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(words[1])};
    if (out < 0 || bind(out, (struct sockaddr *)&where, sizeof where) || setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one))
        return perror("packet socket"), 1;
    for (unsigned at = 0; at < BATCH; at++) {
        build(frames[at], words, port, FIRST_SOURCE_PORT + at % flows);
        parts[at] = (struct iovec){frames[at], SIZE};
        messages[at].msg_hdr = (struct msghdr){.msg_iov = &parts[at], .msg_iovlen = 1};
    }
    struct timespec begun, ended, worked;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (left > 0) {
        int sent = sendmmsg(out, messages, left < BATCH ? left : BATCH, 0);
        if (sent < 0)
            return perror("sendmmsg"), 1;
        left -= sent;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &worked);
    printf("%.6f %.6f\n", ended.tv_sec - begun.tv_sec + (ended.tv_nsec - begun.tv_nsec) / 1e9, worked.tv_sec + worked.tv_nsec / 1e9);
    return 0;
}
