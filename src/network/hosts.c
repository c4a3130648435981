#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "network/network.h"
#include "util/fs.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/strbuf.h"

#define HOSTS_MAX_BYTES (1u << 20) /* of the host's file; longer ones are left out */

static const char host_name[] = "host.containers.internal";

static bool address_is_valid(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool name_is_valid(const char *name, size_t len)
{
	if (len == 0 || len > 255)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == '#' || name[i] == 0x7f)
			return false;
	return true;
}

int add_host_check(const char *text, struct error **err)
{
	const char *colon = strchr(text, ':');
	cleanup_free char *ip = NULL;
	size_t len;

	if (!colon)
		return error_set(err, ERR_INVALID, "add-host '%s': must be NAME:IP", text);
	ip = xstrdup(colon + 1);
	len = strlen(ip);
	/* docker takes an IPv6 address in [] too */
	if (len > 2 && ip[0] == '[' && ip[len - 1] == ']') {
		memmove(ip, ip + 1, len - 2);
		ip[len - 2] = '\0';
	}
	if (strcmp(ip, "host-gateway") != 0 && !address_is_valid(ip))
		return error_set(
			err, ERR_INVALID, "add-host '%s': '%s' is not an IP address", text, ip);
	for (const char *p = text; p <= colon;) {
		size_t n = strcspn(p, ";:");

		if (!name_is_valid(p, n))
			return error_set(
				err, ERR_INVALID, "add-host '%s': invalid host name", text);
		p += n + 1;
	}
	return 0;
}

static void add_line(struct strbuf *out, char ***names, const char *ip, char *const *wanted)
{
	bool any = false;

	for (; *wanted; wanted++) {
		if (!**wanted || strv_contains(*names, *wanted))
			continue;
		if (!any)
			strbuf_addf(out, "%s\t%s", ip, *wanted);
		else
			strbuf_addf(out, " %s", *wanted);
		strv_append(names, *wanted);
		any = true;
	}
	if (any)
		strbuf_addch(out, '\n');
}

/* The host's file: comments go, what --add-host has named already goes, the rest stays as it is. */
static void add_host_file(struct strbuf *out, char ***names, const char *text)
{
	cleanup_strv char **added = strv_copy(*names);

	while (*text) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *line = xstrndup(text, len);
		char *save = NULL, *ip, *name;
		bool any = false;

		text += len + (text[len] == '\n');
		line[strcspn(line, "#")] = '\0';
		ip = strtok_r(line, " \t\r\v\f", &save);
		if (!ip || !address_is_valid(ip))
			continue;
		while ((name = strtok_r(NULL, " \t\r\v\f", &save))) {
			if (!name_is_valid(name, strlen(name)) || strv_contains(added, name))
				continue;
			/* One name may have several addresses here (localhost). */
			if (any)
				strbuf_addf(out, " %s", name);
			else
				strbuf_addf(out, "%s\t%s", ip, name);
			if (!strv_contains(*names, name))
				strv_append(names, name);
			any = true;
		}
		if (any)
			strbuf_addch(out, '\n');
	}
}

char *hosts_text_from(const struct hosts_options *opts, const char *host_file, const char *gateway)
{
	struct strbuf out = STRBUF_INIT;
	cleanup_strv char **names = NULL;

	for (char *const *entry = opts->add_hosts; entry && *entry; entry++) {
		const char *colon = strchr(*entry, ':');
		cleanup_free char *list = NULL, *ip = NULL;
		cleanup_strv char **parts = NULL;
		size_t len;

		if (!colon)
			continue; /* add_host_check() has refused it */
		list = xstrndup(*entry, (size_t)(colon - *entry));
		parts = str_split(list, ';');
		ip = xstrdup(colon + 1);
		len = strlen(ip);
		if (len > 2 && ip[0] == '[' && ip[len - 1] == ']') {
			memmove(ip, ip + 1, len - 2);
			ip[len - 2] = '\0';
		}
		if (strcmp(ip, "host-gateway") != 0)
			add_line(&out, &names, ip, parts);
		else if (gateway)
			add_line(&out, &names, gateway, parts);
	}
	if (host_file)
		add_host_file(&out, &names, host_file);
	if (gateway)
		add_line(&out, &names, gateway, (char *const[]){(char *)host_name, NULL});
	if (opts->ip) {
		char *own[3] = {NULL};
		size_t n = 0;

		if (opts->hostname)
			own[n++] = (char *)opts->hostname;
		if (opts->name && !str_equal(opts->name, opts->hostname))
			own[n++] = (char *)opts->name;
		add_line(&out, &names, opts->ip, own);
	}
	return strbuf_detach(&out);
}

/* The first address of an interface that is up and not loopback; owned, NULL when there is none. */
static char *host_address(void)
{
	struct ifaddrs *list = NULL;
	char text[INET_ADDRSTRLEN];
	char *found = NULL;

	if (getifaddrs(&list) < 0)
		return NULL;
	for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		const struct sockaddr_in *address = (const void *)i->ifa_addr;

		if (!address || address->sin_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
			!(i->ifa_flags & IFF_UP))
			continue;
		if (inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)))
			found = xstrdup(text);
	}
	freeifaddrs(list);
	return found;
}

/* A file of the host's, NULL when it cannot be had: it is never worth failing a start. */
static char *host_file_read(const char *path)
{
	cleanup_error struct error *ignored = NULL;
	/* Not read_file_limited(): these are often symlinks, and they are the host's. */
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	size_t len;

	if (fd < 0 || read_fd_limited(fd, HOSTS_MAX_BYTES, &text, &len, &ignored) < 0)
		return NULL;
	return text;
}

char *hosts_text(const struct hosts_options *opts)
{
	cleanup_free char *host_file = host_file_read("/etc/hosts"), *gateway = NULL;

	if (opts->slirp && opts->allow_host_loopback)
		gateway = xstrdup(NETWORK_SLIRP_GATEWAY);
	else if (!opts->isolated || opts->add_hosts)
		gateway = host_address();
	return hosts_text_from(opts, host_file, gateway);
}

static bool is_loopback(const char *ip)
{
	return str_starts_with(ip, "127.") || strcmp(ip, "::1") == 0;
}

struct resolv_file {
	char **servers, **searches, **options;
};

static void resolv_file_clear(struct resolv_file *file)
{
	strv_free(file->servers);
	strv_free(file->searches);
	strv_free(file->options);
}

/* resolv.conf(5): the last "search" or "domain" line counts, "options" lines add up. */
static void resolv_file_parse(const char *text, struct resolv_file *ret)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *line = xstrndup(text, len);
		char *save = NULL, *word, *value;

		text += len + (text[len] == '\n');
		line[strcspn(line, "#;")] = '\0';
		word = strtok_r(line, " \t\r", &save);
		if (!word)
			continue;
		if (strcmp(word, "nameserver") == 0) {
			value = strtok_r(NULL, " \t\r", &save);
			if (value)
				strv_append(&ret->servers, value);
		} else if (strcmp(word, "search") == 0 || strcmp(word, "domain") == 0) {
			strv_free(ret->searches);
			ret->searches = NULL;
			while ((value = strtok_r(NULL, " \t\r", &save)))
				strv_append(&ret->searches, value);
		} else if (strcmp(word, "options") == 0) {
			while ((value = strtok_r(NULL, " \t\r", &save)))
				strv_append(&ret->options, value);
		}
	}
}

char *resolv_conf_text_from(
	const struct resolv_options *opts, const char *host_file, const char *resolved_file)
{
	struct strbuf out = STRBUF_INIT;
	struct resolv_file file = {0};
	cleanup_free char *joined = NULL;
	char *const *searches, *const *options;

	if (host_file)
		resolv_file_parse(host_file, &file);
	if (opts->slirp && resolved_file && strv_length(file.servers) == 1 &&
		strcmp(file.servers[0], "127.0.0.53") == 0) {
		resolv_file_clear(&file);
		file = (struct resolv_file){0};
		resolv_file_parse(resolved_file, &file);
	}
	searches = opts->searches ? opts->searches : file.searches;
	options = opts->options ? opts->options : file.options;
	if (strv_length(searches) && !(opts->searches && strcmp(searches[0], ".") == 0)) {
		joined = str_join(searches, " ");
		strbuf_addf(&out, "search %s\n", joined);
		free(steal_ptr(&joined));
	}
	if (opts->servers) {
		for (char *const *s = opts->servers; *s; s++)
			strbuf_addf(&out, "nameserver %s\n", *s);
	} else {
		if (opts->slirp)
			strbuf_addstr(&out, "nameserver " NETWORK_SLIRP_NAMESERVER "\n");
		for (char **s = file.servers; s && *s; s++)
			/* The host's loopback and link-local addresses mean something else inside.
			 */
			if (!opts->slirp || (!is_loopback(*s) && !strchr(*s, '%')))
				strbuf_addf(&out, "nameserver %s\n", *s);
	}
	if (strv_length(options)) {
		joined = str_join(options, " ");
		strbuf_addf(&out, "options %s\n", joined);
	}
	resolv_file_clear(&file);
	return strbuf_detach(&out);
}

char *resolv_conf_text(const struct resolv_options *opts)
{
	cleanup_free char *host_file = host_file_read("/etc/resolv.conf"), *resolved = NULL;

	if (opts->slirp && host_file && strstr(host_file, "127.0.0.53"))
		resolved = host_file_read("/run/systemd/resolve/resolv.conf");
	return resolv_conf_text_from(opts, host_file, resolved);
}
