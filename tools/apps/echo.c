// SPDX-License-Identifier: GPL-2.0
/*
 * A workload for networks: TCP both ways at once.
 *
 *	echo serve PORT			send everything back, of one connection
 *	echo send ADDRESS PORT KIB	send, and expect the same back
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char data[16384];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		fail("echo: socket");
	return fd;
}

static struct sockaddr_in at(const char *address, const char *port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = inet_addr(address),
	};
}

static void write_all(int fd, ssize_t size)
{
	ssize_t done = 0, written;

	while (done < size) {
		written = write(fd, data + done, size - done);
		if (written <= 0)
			fail("echo: write");
		done += written;
	}
}

static void serve(const char *port)
{
	struct sockaddr_in address = at("0.0.0.0", port);
	int listening = new_socket(), fd;
	ssize_t size;

	if (bind(listening, (struct sockaddr *)&address, sizeof(address)) || listen(listening, 1))
		fail("echo: listen");
	fd = accept(listening, NULL, NULL);
	while ((size = read(fd, data, sizeof(data))) > 0)
		write_all(fd, size);
}

static void send_to(const char *to, const char *port, long kib)
{
	struct sockaddr_in address = at(to, port);
	int fd = new_socket();
	ssize_t size;
	long left = kib << 10, received = 0;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("echo: connect");
	if (!fork()) {
		for (; left > 0; left -= sizeof(data))
			write_all(fd, left < (long)sizeof(data) ? left : (long)sizeof(data));
		shutdown(fd, SHUT_WR);
		exit(0);
	}
	while ((size = read(fd, data, sizeof(data))) > 0)
		received += size;
	wait(NULL);
	printf("%ld of %ld KiB came back\n", received >> 10, kib);
	exit(received != kib << 10);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve(argv[2]);
	} else if (argc == 5 && !strcmp(argv[1], "send")) {
		send_to(argv[2], argv[3], atol(argv[4]));
	} else {
		fprintf(stderr, "usage: echo serve PORT, or echo send ADDRESS PORT KIB\n");
		return 1;
	}
	return 0;
}
