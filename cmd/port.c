#include "config.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/docker.h"
#include "container/container.h"
#include "network/network.h"
#include "util/mem.h"

struct port_options {
	bool all, latest;
};

static const struct option_spec port_options[] = {
	OPTION_BOOL("all", 'a', struct port_options, all,
		"Display port information for all containers"),
	OPTION_BOOL("latest", 'l', struct port_options, latest,
		"Act on the latest container pod is aware of"),
	OPTION_END,
};

/* What is looked for: everything, or one port of the container. */
struct port_query {
	uint16_t port; /* 0: all */
	bool udp;
};

/* Print what CONTAINER publishes; the number of lines, or -1. */
static int print_ports(struct command_context *ctx, const struct container *container,
	const struct port_query *query, struct error **err)
{
	int lines = 0;

	for (char **text = container->status.ports; text && *text; text++) {
		struct port_mapping port;

		if (port_mapping_parse(*text, &port, err) < 0)
			return error_wrap(err, "run.json of '%s'", container->config->name);
		for (unsigned int i = 0; i < port.range; i++) {
			const char *ip = port.host_ip ? port.host_ip : "0.0.0.0";
			unsigned int inside = port.container_port + i, outside = port.host_port + i;

			if (query->port && (query->port != inside || query->udp != port.udp))
				continue;
			if (!query->port)
				command_print(ctx, "%u/%s -> ", inside, port.udp ? "udp" : "tcp");
			command_print(ctx, "%s:%u\n", ip, outside);
			lines++;
		}
		port_mapping_clear(&port);
	}
	return lines;
}

static int print_all(struct command_context *ctx, struct store *store, struct error **err)
{
	static const struct port_query everything;
	struct container **containers;
	size_t count;
	int result = 0;

	if (container_list(store, &containers, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && result >= 0; i++) {
		if (!container_is_running(containers[i]) || !containers[i]->status.ports)
			continue;
		command_print(ctx, "%s\n", containers[i]->config->id);
		result = print_ports(ctx, containers[i], &everything, err);
	}
	container_list_free(containers, count);
	return result < 0 ? -1 : 0;
}

static int port_run(struct command_context *ctx, int argc, char **argv, struct error **err)
{
	struct port_options opts = {0};
	cleanup_container struct container *container = NULL;
	struct port_query query = {0};
	struct store *store;
	int first, parsed, lines = 0;
	uint16_t range;

	parsed = options_parse(&command_port, argc, argv, &opts, &first, err);
	if (parsed)
		return parsed < 0 ? -1 : 0;
	if (opts.all && (opts.latest || first < argc))
		return error_set(err, ERR_USAGE, "--all takes no container, port or --latest");
	if (command_store(ctx, &store, err) < 0)
		return -1;
	if (opts.all)
		return print_all(ctx, store, err);
	if (!opts.latest && first == argc)
		return error_set(err, ERR_USAGE, "you must supply a running container name or id");
	if ((opts.latest ? container_latest(store, &container, err)
			 : container_find(store, argv[first++], &container, err)) < 0)
		return -1;
	if (argc - first > 1)
		return error_set(err, ERR_USAGE, "at most one port can be looked up");
	if (first < argc) {
		if (port_spec_parse(argv[first], &query.port, &range, &query.udp, err) < 0)
			return -1;
		if (range != 1)
			return error_set(
				err, ERR_USAGE, "'%s' is a range: name one port", argv[first]);
	}
	if (container_is_running(container))
		lines = print_ports(ctx, container, &query, err);
	else if (!docker_called())
		return 0; /* as podman: nothing is published */
	if (lines == 0 && query.port) {
		error_set(err, ERR_NOT_FOUND, "failed to find published port \"%s\"", argv[first]);
		return error_docker(err, "Error: No public port '%u/%s' published for %s",
			query.port, query.udp ? "udp" : "tcp", argv[first - 1]);
	}
	return lines < 0 ? -1 : 0;
}

const struct command command_port = {
	.name = "port",
	.summary = "List port mappings or a specific mapping for the container",
	.operands = "CONTAINER [PORT[/PROTO]]",
	.examples = "pod port --all\n"
		    "pod port web\n"
		    "pod port web 80/tcp",
	.max_operands = 2,
	.complete = COMPLETE_CONTAINER,
	.options = port_options,
	.run = port_run,
};
