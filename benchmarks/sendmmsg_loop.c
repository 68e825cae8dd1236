/* How many SYNs a second this kernel takes from a C program: as many frames as asked, each with another port and source port, by sendmmsg() on a packet
 * socket that bypasses queueing disciplines. Used by bench_scan.py and bench_traffic_live.py.
 *
 *   sendmmsg_loop INTERFACE SOURCE-MAC TARGET-MAC SOURCE-ADDRESS TARGET-ADDRESS COUNT [RATE]  prints the seconds it took
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

enum { BATCH = 1024, PACED = 32, SIZE = 58, IP = 14, TCP = 34 };
static unsigned char frames[65536][SIZE];
static struct mmsghdr messages[65536];
static struct iovec parts[65536];

static unsigned sum(const unsigned char *at, int size)
{
    unsigned total = 0;
    for (int i = 0; i < size; i += 2)
        total += at[i] << 8 | at[i + 1];
    return total;
}

static void put_sum(unsigned char *at, unsigned total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    total = ~total;
    at[0] = total >> 8;
    at[1] = total;
}

static void hardware_address(const char *text, unsigned char *at)
{
    sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", at, at + 1, at + 2, at + 3, at + 4, at + 5);
}

static void build(unsigned char *frame, char **words, unsigned port)
{
    unsigned source_port = 40000 + (port & 1023);
    hardware_address(words[3], frame);
    hardware_address(words[2], frame + 6);
    frame[12] = 0x08;
    unsigned char *ip = frame + IP, *tcp = frame + TCP;
    ip[0] = 0x45, ip[3] = 44, ip[6] = 0x40, ip[8] = 64, ip[9] = 6;
    inet_pton(AF_INET, words[4], ip + 12);
    inet_pton(AF_INET, words[5], ip + 16);
    put_sum(ip + 10, sum(ip, 20));
    tcp[0] = source_port >> 8, tcp[1] = source_port, tcp[2] = port >> 8, tcp[3] = port;
    tcp[4] = port * 7 >> 8, tcp[7] = port;
    tcp[12] = 0x60, tcp[13] = 2, tcp[14] = 0xfa, tcp[20] = 2, tcp[21] = 4, tcp[22] = 5, tcp[23] = 0xb4;
    put_sum(tcp + 16, sum(tcp, 24) + sum(ip + 12, 8) + 6 + 24);
}

static double since(const struct timespec *begun)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - begun->tv_sec + (now.tv_nsec - begun->tv_nsec) / 1e9;
}

int main(int count, char **words)
{
    if (count != 7 && count != 8)
        return 2;
    double rate = count == 8 ? atof(words[7]) : 0;
    int batch = rate ? PACED : BATCH;
    int one = 1, wanted = atoi(words[6]), done = 0, out = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll there = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(words[1])};
    setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    if (bind(out, (struct sockaddr *)&there, sizeof there))
        return perror("bind"), 1;
    for (int i = 0; i < 65536; i++) {
        build(frames[i], words, i);
        parts[i] = (struct iovec){frames[i], SIZE};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    struct timespec begun;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    while (done < wanted) {
        int from = done & 65535, most = wanted - done < batch ? wanted - done : batch;
        if (most > 65536 - from)
            most = 65536 - from;
        int sent = sendmmsg(out, messages + from, most, 0);
        if (sent < 0)
            return perror("sendmmsg"), 1;
        done += sent;
        while (rate && since(&begun) < done / rate)
            ;
    }
    printf("%.6f\n", since(&begun));
    return 0;
}
