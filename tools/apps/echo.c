// SPDX-License-Identifier: GPL-2.0
/*
 * A workload for networks: UDP datagrams both ways, a burst at a time, so that
 * the work does not depend on the timing, as TCP's does.
 *
 *	echo serve PORT			send everything back, until killed
 *	echo send ADDRESS PORT NUMBER	send so many, and expect them back
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE	1280
#define BURST	16
#define TIMEOUT	2000	/* milliseconds, for a datagram to come back */

static char data[SIZE];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in at(const char *address, const char *port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = inet_addr(address),
	};
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		fail("echo: socket");
	return fd;
}

static void serve(const char *port)
{
	struct sockaddr_in address = at("0.0.0.0", port), from;
	int fd = new_socket();
	socklen_t length;
	ssize_t size;

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("echo: bind");
	for (;;) {
		length = sizeof(from);
		size = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length);
		if (size < 0 || sendto(fd, data, size, 0, (struct sockaddr *)&from, length) != size)
			fail("echo: recvfrom or sendto");
	}
}

static void send_to(const char *to, const char *port, long number)
{
	struct sockaddr_in address = at(to, port);
	struct pollfd back = { .fd = new_socket(), .events = POLLIN };
	long sent = 0, received = 0;

	if (connect(back.fd, (struct sockaddr *)&address, sizeof(address)))
		fail("echo: connect");
	while (received < number) {
		for (; sent < number && sent < received + BURST; sent++)
			if (send(back.fd, data, sizeof(data), 0) != sizeof(data))
				fail("echo: send");
		while (received < sent && poll(&back, 1, TIMEOUT) == 1 &&
		       recv(back.fd, data, sizeof(data), 0) == sizeof(data))
			received++;
		if (received < sent)
			break;
	}
	printf("%ld of %ld datagrams came back\n", received, number);
	exit(received != number);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve(argv[2]);
	} else if (argc == 5 && !strcmp(argv[1], "send")) {
		send_to(argv[2], argv[3], atol(argv[4]));
	} else {
		fprintf(stderr, "usage: echo serve PORT, or echo send ADDRESS PORT NUMBER\n");
		return 1;
	}
	return 0;
}
