#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "network/network.h"
#include "util/mem.h"
#include "util/str.h"

static int bool_parse(const char *name, const char *value, bool *ret, struct error **err)
{
	if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret = false;
	else
		return error_set(err, ERR_INVALID,
			"network: option '%s' must be true or false, not '%s'", name, value);
	return 0;
}

static int slirp_option(
	struct network_options *opts, const char *name, const char *value, struct error **err)
{
	unsigned char address[4];
	uint64_t number;
	bool on;

	if (strcmp(name, "allow_host_loopback") == 0)
		return bool_parse(name, value, &opts->allow_host_loopback, err);
	if (strcmp(name, "enable_ipv6") == 0) {
		if (bool_parse(name, value, &on, err) < 0)
			return -1;
		opts->no_ipv6 = !on;
		return 0;
	}
	if (strcmp(name, "mtu") == 0) {
		/* 1280 is IPv6's least; 65521 the helper's most */
		if (str_to_uint64(value, 65521, &number) < 0 || number < 68)
			return error_set(err, ERR_INVALID,
				"network: option 'mtu' must be 68 to 65521, not '%s'", value);
		opts->mtu = (uint32_t)number;
		return 0;
	}
	if (strcmp(name, "outbound_addr") == 0) {
		if (inet_pton(AF_INET, value, address) != 1)
			return error_set(err, ERR_INVALID,
				"network: option 'outbound_addr' must be an IPv4 address, not '%s'",
				value);
		free(opts->outbound_addr);
		opts->outbound_addr = xstrdup(value);
		return 0;
	}
	if (strcmp(name, "port_handler") == 0) {
		if (strcmp(value, "slirp4netns") == 0)
			return 0;
		return error_set(err, ERR_UNSUPPORTED,
			"network: port handler '%s' is not available: slirp4netns is", value);
	}
	return error_set(err, ERR_INVALID, "network: unknown slirp4netns option '%s'", name);
}

int network_parse(
	const char *text, struct network_options *ret, char **ret_container, struct error **err)
{
	struct network_options opts = {.mode = NETWORK_SLIRP4NETNS};
	cleanup_strv char **options = NULL;
	const char *rest;

	*ret_container = NULL;
	rest = str_starts_with(text, "container:");
	if (rest) {
		if (!*rest)
			return error_set(
				err, ERR_INVALID, "network '%s': no container named", text);
		ret->mode = NETWORK_CONTAINER;
		*ret_container = xstrdup(rest);
		return 0;
	}
	rest = str_starts_with(text, "slirp4netns");
	if (rest && *rest == ':') {
		options = str_split(rest + 1, ',');
		for (size_t i = 0; options[i]; i++) {
			char *equals = strchr(options[i], '=');
			int result;

			if (equals)
				*equals = '\0';
			result = equals ? slirp_option(&opts, options[i], equals + 1, err)
					: error_set(err, ERR_INVALID,
						  "network: slirp4netns option '%s' must be "
						  "NAME=VALUE",
						  options[i]);
			if (result < 0) {
				network_options_clear(&opts);
				return -1;
			}
		}
	} else if ((rest && !*rest) || strcmp(text, "private") == 0) {
		; /* all as by default */
	} else if (strcmp(text, "none") == 0) {
		opts.mode = NETWORK_NONE;
	} else if (strcmp(text, "host") == 0) {
		opts.mode = NETWORK_HOST;
	} else if (!*text) {
		return error_set(err, ERR_INVALID, "network: no mode named");
	} else {
		return error_set(err, ERR_UNSUPPORTED,
			"network '%s' is not available: use slirp4netns, none, host or "
			"container:NAME",
			text);
	}
	ret->mode = opts.mode;
	ret->allow_host_loopback = opts.allow_host_loopback;
	ret->no_ipv6 = opts.no_ipv6;
	ret->mtu = opts.mtu;
	free(ret->outbound_addr);
	ret->outbound_addr = opts.outbound_addr;
	return 0;
}

void network_options_clear(struct network_options *opts)
{
	for (size_t i = 0; i < opts->port_count; i++)
		port_mapping_clear(&opts->ports[i]);
	free(opts->ports);
	free(opts->outbound_addr);
	*opts = (struct network_options){.runtime_dir_fd = -1};
}
