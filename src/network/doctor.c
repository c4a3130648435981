#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network/doctor.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/spawn.h"
#include "util/str.h"

#define TUN_DEVICE       "/dev/net/tun"
#define DNS_TIMEOUT_MS   2000
#define RESOLV_CONF_MAX  (64u << 10)
#define DEFAULT_NET_COST "containers have a network only with --network host or none"
#define TUN_COST                                                                                   \
	"containers share the network around them, -p does not work; --network slirp4netns fails"

static void check_slirp4netns(struct check_list *list)
{
	cleanup_free char *program = spawn_find("slirp4netns"),
			  *version = spawn_version("slirp4netns"),
			  *remedy = check_install("slirp4netns");

	if (version)
		check_add(list, CHECK_SLIRP4NETNS, CHECK_OK, "%s", version);
	else
		check_fault(list, CHECK_SLIRP4NETNS, CHECK_FAILED, DEFAULT_NET_COST, remedy,
			program ? "'slirp4netns --version' fails"
				: "'slirp4netns' is not installed");
}

/* Without --network the container then takes the network around it; with one it fails. */
static void check_tun(struct check_list *list)
{
	cleanup_close int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		check_add(list, CHECK_TUN, CHECK_OK, "'" TUN_DEVICE "' can be opened");
	else if (errno == ENOENT || errno == ENOTDIR)
		check_fault(list, CHECK_TUN, CHECK_WARNING, TUN_COST,
			"sudo modprobe tun; for an outer container: --device /dev/net/tun",
			"'" TUN_DEVICE "' does not exist");
	else
		check_fault(list, CHECK_TUN, CHECK_WARNING, TUN_COST,
			errno == ENODEV || errno == ENXIO ? "sudo modprobe tun"
							  : "sudo chmod 0666 " TUN_DEVICE,
			"'" TUN_DEVICE "' may not be opened: %s", strerror(errno));
}

static void check_low_ports(struct check_list *list)
{
	static const char path[] = "net/ipv4/ip_unprivileged_port_start";
	cleanup_close int proc_fd = open("/proc/sys", O_PATH_DIR);
	cleanup_error struct error *ignored = NULL;
	cleanup_free char *text = NULL;
	unsigned int first = 1024;

	if (read_file_limited(proc_fd, path, 64, &text, NULL, &ignored) == 0)
		(void)sscanf(text, "%u", &first); /* the kernel's default stays */
	if (geteuid() == 0 || first <= 80)
		check_add(list, CHECK_LOW_PORTS, CHECK_OK, "ports from %u can be published",
			geteuid() == 0 ? 1 : first);
	else
		check_fault(list, CHECK_LOW_PORTS, CHECK_NOTE, "-p 80:80 and -p 443:443 fail",
			"echo net.ipv4.ip_unprivileged_port_start=80 | sudo tee -a "
			"/etc/sysctl.d/60-pod.conf && sudo sysctl --system",
			"only ports from %u can be published", first);
}

/* slirp4netns passes echo requests on by the sockets that ping_group_range is about. */
static void check_ping(struct check_list *list)
{
	cleanup_close int fd =
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP); /* icmp(7) */

	if (fd >= 0)
		check_add(list, CHECK_PING, CHECK_OK, "can be sent");
	else
		check_fault(list, CHECK_PING, CHECK_NOTE,
			"ping in containers reaches nothing outside",
			"echo 'net.ipv4.ping_group_range=0 2147483647' | sudo tee -a "
			"/etc/sysctl.d/60-pod.conf && sudo sysctl --system",
			"may not be sent by this account: %s", strerror(errno));
}

/* ---- names ---- */

/* The first "nameserver" of resolv.conf(5); NULL: none; owned. */
static char *first_name_server(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = str_starts_with(line + strspn(line, " \t"), "nameserver");

		if (!value || (*value != ' ' && *value != '\t'))
			continue;
		value += strspn(value, " \t");
		return xstrndup(value, strcspn(value, " \t\r\n"));
	}
	return NULL;
}

/* ADDRESS, port 53; false when it is no address (or one with a zone, which is not asked). */
static bool server_address(const char *address, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(53);
		*ret_len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(53);
		*ret_len = sizeof(*v6);
		return true;
	}
	return false;
}

/* One question, RFC 1035 section 4.1: NS of the root, recursion desired. 0: an answer came; else
 * errno. */
static int ask_name_server(const struct sockaddr_storage *address, socklen_t len)
{
	unsigned char question[17] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1},
		      answer[512];
	cleanup_close int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char random[5];
	ssize_t n;

	random_hex(random, 4);
	question[0] = (unsigned char)random[0];
	question[1] = (unsigned char)random[1];
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, len) < 0 ||
		send(fd, question, sizeof(question), MSG_NOSIGNAL) < 0)
		return errno;
	if (poll(&pfd, 1, DNS_TIMEOUT_MS) <= 0)
		return ETIMEDOUT;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < 0)
		return errno;
	return n >= 12 && memcmp(answer, question, 2) == 0 ? 0 : EBADMSG;
}

#define DNS_COST                                                                                   \
	"names cannot be resolved: neither registries nor, in containers, anything is found"

static void check_dns(struct check_list *list)
{
	cleanup_close int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	cleanup_error struct error *why = NULL;
	cleanup_free char *text = NULL, *server = NULL;
	struct sockaddr_storage address;
	socklen_t len;
	int errnum;

	if (fd < 0 || read_fd_limited(fd, RESOLV_CONF_MAX, &text, NULL, &why) < 0) {
		check_fault(list, CHECK_DNS, CHECK_WARNING, DNS_COST,
			"echo nameserver 9.9.9.9 | sudo tee /etc/resolv.conf   (or your own "
			"server)",
			"'/etc/resolv.conf' cannot be read: %s",
			fd < 0 ? strerror(errno) : why->message);
		return;
	}
	server = first_name_server(text);
	if (!server) {
		check_fault(list, CHECK_DNS, CHECK_WARNING, DNS_COST,
			"echo nameserver 9.9.9.9 | sudo tee -a /etc/resolv.conf   (or your own "
			"server)",
			"'/etc/resolv.conf' names no server");
		return;
	}
	if (!server_address(server, &address, &len)) {
		check_add(list, CHECK_DNS, CHECK_OK, "server '%s'", server);
		return;
	}
	errnum = ask_name_server(&address, len);
	if (errnum)
		check_fault(list, CHECK_DNS, CHECK_WARNING, DNS_COST,
			"sudo systemctl restart systemd-resolved, or name another server in "
			"/etc/resolv.conf",
			"server '%s' does not answer: %s", server, strerror(errnum));
	else
		check_add(list, CHECK_DNS, CHECK_OK, "server '%s' answers", server);
}

void network_check(struct check_list *list)
{
	check_slirp4netns(list);
	check_tun(list);
	check_low_ports(list);
	check_ping(list);
	check_dns(list);
}
