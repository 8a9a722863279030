#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Listens on PORT, which is a port number or the path of a socket, and closes each connection at once. */
int main(void) {
  const char *port = getenv("PORT");
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; port[i] && i < 107; i++) local.sun_path[i] = port[i];
  int server = socket(*port == '/' ? AF_UNIX : AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(server, *port == '/' ? (struct sockaddr *)&local : (struct sockaddr *)&loopback, *port == '/' ? sizeof local : sizeof loopback) || listen(server, 16)) return 1;
  for (;;) close(accept(server, 0, 0));
}
