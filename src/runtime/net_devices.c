#include "config.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/helper.h"
#include "runtime/net_devices.h"
#include "util/mem.h"

#define ADDRESSES_MAX 256 /* of one interface */

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	};
	char attributes[512];
};

/* One address as the kernel described it, to be set again elsewhere. */
struct address {
	struct ifaddrmsg message;
	char attributes[256];
	size_t len;
};

static int open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static void add_attribute(
	struct request *request, unsigned short type, const void *data, size_t len)
{
	size_t end = NLMSG_ALIGN(request->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + end);

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(attribute), data, len);
	request->header.nlmsg_len = (uint32_t)(end + RTA_SPACE(len));
}

/* Send, and await the acknowledgement. Returns 0 or -1 with errno. */
static int ask(int fd, struct request *request)
{
	char answer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *header = (const void *)answer;
	const struct nlmsgerr *result = (const void *)(answer + NLMSG_HDRLEN);
	ssize_t n;

	request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -1;
	do
		n = recv(fd, answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	if ((size_t)n < NLMSG_HDRLEN + sizeof(*result) || header->nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	errno = -result->error;
	return result->error ? -1 : 0;
}

/* Permanent, and good for more than this link: the others come by themselves. */
static void keep_address(
	const struct nlmsghdr *header, int index, struct address *addresses, size_t *count)
{
	const struct ifaddrmsg *message = NLMSG_DATA(header);
	size_t len = header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)), rest = len;
	uint32_t flags = message->ifa_flags;

	for (const struct rtattr *a = IFA_RTA(message); RTA_OK(a, rest); a = RTA_NEXT(a, rest))
		if (a->rta_type == IFA_FLAGS)
			memcpy(&flags, RTA_DATA(a), sizeof(flags));
	if ((int)message->ifa_index != index || message->ifa_scope != RT_SCOPE_UNIVERSE ||
		!(flags & IFA_F_PERMANENT) || *count == ADDRESSES_MAX ||
		len > sizeof(addresses->attributes))
		return;
	addresses[*count].message = *message;
	memcpy(addresses[*count].attributes, IFA_RTA(message), len);
	addresses[(*count)++].len = len;
}

static int list_addresses(int fd, int index, struct address *addresses, size_t *ret_count)
{
	char answer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct request request = {
		.header =
			{
				.nlmsg_len = NLMSG_LENGTH(sizeof(request.address)),
				.nlmsg_type = RTM_GETADDR,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			},
	};

	*ret_count = 0;
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		const struct nlmsghdr *header = (const void *)answer;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		for (; NLMSG_OK(header, (size_t)n); header = NLMSG_NEXT(header, n)) {
			if (header->nlmsg_type == NLMSG_DONE)
				return 0;
			if (header->nlmsg_type == NLMSG_ERROR) {
				errno = EPROTO;
				return -1;
			}
			if (header->nlmsg_type == RTM_NEWADDR &&
				header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
				keep_address(header, index, addresses, ret_count);
		}
	}
}

static int index_of(const char *name)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return fd < 0 || ioctl(fd, SIOCGIFINDEX, &request) < 0 ? -1 : request.ifr_ifindex;
}

static int send_away(int fd, int index, int netns_fd, const char *name)
{
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(request.link)),
			.nlmsg_type = RTM_NEWLINK},
		.link = {.ifi_family = AF_UNSPEC, .ifi_index = index},
	};
	uint32_t number = (uint32_t)netns_fd;

	add_attribute(&request, IFLA_NET_NS_FD, &number, sizeof(number));
	add_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return ask(fd, &request);
}

/* Its index there: the same, unless the other namespace had that already. */
static int find_by_name(int fd, const char *name)
{
	char answer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *header = (const void *)answer;
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(request.link)),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST},
	};
	ssize_t n;

	add_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return -1;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct ifinfomsg)) ||
		header->nlmsg_type != RTM_NEWLINK)
		return -1;
	return ((const struct ifinfomsg *)NLMSG_DATA(header))->ifi_index;
}

static int set_up_there(
	int fd, int index, const struct address *addresses, size_t count, struct error **err)
{
	struct request up = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(up.link)), .nlmsg_type = RTM_NEWLINK},
		.link = {.ifi_family = AF_UNSPEC,
			.ifi_index = index,
			.ifi_flags = IFF_UP,
			.ifi_change = IFF_UP},
	};

	for (size_t i = 0; i < count; i++) {
		struct request request = {
			.header = {.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(request.address)) +
							   addresses[i].len),
				.nlmsg_type = RTM_NEWADDR,
				.nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
			.address = addresses[i].message,
		};

		request.address.ifa_index = (uint32_t)index;
		memcpy(IFA_RTA(&request.address), addresses[i].attributes, addresses[i].len);
		if (ask(fd, &request) < 0)
			return error_errno(err, errno, "set an address");
	}
	return ask(fd, &up) < 0 ? error_errno(err, errno, "bring it up") : 0;
}

static int move_one(const struct runtime_net_device *device, int fd, int there_fd, int netns_fd,
	struct error **err)
{
	cleanup_free struct address *addresses = xcalloc(ADDRESSES_MAX, sizeof(*addresses));
	const char *name = device->name ? device->name : device->host_name;
	int index = index_of(device->host_name);
	size_t count;

	if (index < 0)
		return error_set(err, ERR_NOT_FOUND, "there is no such interface");
	if (list_addresses(fd, index, addresses, &count) < 0)
		return error_errno(err, errno, "list its addresses");
	if (send_away(fd, index, netns_fd, name) < 0)
		return error_errno(err, errno, "move it to the container as '%s'", name);
	if (!strchr(name, '%'))
		index = find_by_name(there_fd, name);
	if (index < 0)
		return error_set(err, ERR_NOT_FOUND, "it is lost on the way to the container");
	return set_up_there(there_fd, index, addresses, count, err);
}

struct there {
	int netns_fd;
	int fd, errnum; /* answers */
};

/* A netlink socket belongs to the namespace that it was made in, whoever uses it. */
static int open_there(void *data)
{
	struct there *there = data;

	if (setns(there->netns_fd, CLONE_NEWNET) == 0)
		there->fd = open_netlink();
	there->errnum = there->fd < 0 ? errno : 0;
	return 0;
}

int net_devices_move(const struct runtime_spec *spec, int netns_fd, struct error **err)
{
	struct there there = {.netns_fd = netns_fd, .fd = -1};
	cleanup_close int fd = -1, there_fd = -1;

	if (!spec->net_device_count)
		return 0;
	fd = open_netlink();
	if (fd < 0)
		return error_errno(err, errno, "open a netlink socket");
	if (helper_run(open_there, &there, err) < 0)
		return -1;
	there_fd = there.fd;
	if (there_fd < 0)
		return error_errno(err, there.errnum,
			"config.json: linux.netDevices: enter the container's network");
	for (size_t i = 0; i < spec->net_device_count; i++)
		if (move_one(&spec->net_devices[i], fd, there_fd, netns_fd, err) < 0)
			return error_wrap(err, "config.json: linux.netDevices.%s",
				spec->net_devices[i].host_name);
	return 0;
}
