#include "config.h"

#include <string.h>

#include "container/ports.h"
#include "util/mem.h"

char **port_mappings_text(const struct port_mapping *ports, size_t count)
{
	char **list = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct port_mapping *p = &ports[i];
		const char *proto = p->udp ? "udp" : "tcp";
		bool v6 = p->host_ip && strchr(p->host_ip, ':');
		cleanup_free char *ip = xasprintf("%s%s%s%s", v6 ? "[" : "",
			p->host_ip ? p->host_ip : "", v6 ? "]" : "", p->host_ip ? ":" : "");

		if (p->choices)
			strv_append_take(&list,
				xasprintf("%s%u-%u:%u/%s", ip, p->host_port,
					p->host_port + p->choices - 1u, p->container_port, proto));
		else if (p->range > 1)
			strv_append_take(
				&list, xasprintf("%s%u-%u:%u-%u/%s", ip, p->host_port,
					       p->host_port + p->range - 1u, p->container_port,
					       p->container_port + p->range - 1u, proto));
		else
			strv_append_take(&list, xasprintf("%s%u:%u/%s", ip, p->host_port,
							p->container_port, proto));
	}
	return list;
}
