// SPDX-License-Identifier: GPL-2.0
/*
 * A workload for connection tracking: UDP datagrams on the loopback device, each
 * of another flow.
 *
 *	flows NUMBER
 *
 * They come from sockets at random ports, and go to a port at random addresses
 * of 127.0.0.0/8.  The sequence is the same in every run.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENDERS		16
#define PORT		9999
#define BATCH		32	/* datagrams, before they are received */

static uint32_t state = 1;

static uint32_t next_random(void)
{
	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

static int socket_at(uint16_t port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		perror("flows: cannot bind a socket");
		exit(1);
	}
	return fd;
}

/* Full tables drop datagrams, so a failure to send is none of the workload. */
static long send_one(int fd)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(0x7f000000u | (1 + next_random() % 0xfffffd)),
	};

	return sendto(fd, "gom", 3, 0, (struct sockaddr *)&to, sizeof(to)) == 3;
}

int main(int argc, char **argv)
{
	int sender[SENDERS], receiver = socket_at(PORT);
	long number = argc == 2 ? atol(argv[1]) : 0, sent = 0, received = 0, i;
	char text[16];

	if (number <= 0) {
		fprintf(stderr, "usage: flows NUMBER\n");
		return 1;
	}
	for (i = 0; i < SENDERS; i++)
		sender[i] = socket_at(20000 + next_random() % 2000 * SENDERS + i);
	for (i = 1; i <= number; i++) {
		sent += send_one(sender[i % SENDERS]);
		if (i % BATCH && i != number)
			continue;
		while (recv(receiver, text, sizeof(text), MSG_DONTWAIT) == 3)
			received++;
	}
	printf("%ld datagrams sent, %ld received\n", sent, received);
	return received > 0 ? 0 : 1;
}
