/* Smallest server: listens on PORT (a path, or a port number on 127.0.0.1) and closes each connection. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_on_path(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  unlink(path); /* Some supervisors do not remove the socket of a dead process. */
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 128) == 0 ? fd : -1;
}

static int listen_on_port(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 128) == 0 ? fd : -1;
}

int main(void) {
  const char *port = getenv("PORT"), *tell = getenv("BENCH_FD3");
  if (!port) return 2;
  int fd = port[0] == '/' ? listen_on_path(port) : listen_on_port(atoi(port));
  if (fd < 0) return 1;
  if (tell && write(3, "!", 1) != 1) return 3;
  if (getenv("BENCH_IPC") && write(3, "\"ready\"\n", 8) != 8) return 3; /* The message format of Node's IPC channel. */
  for (;;) {
    int connection = accept(fd, NULL, NULL);
    if (connection >= 0) close(connection);
  }
}
