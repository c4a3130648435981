#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "network/network.h"
#include "network/ports.h"
#include "util/mem.h"

static void test_valid(void **state)
{
	static const struct {
		const char *text, *ip;
		unsigned int host, container, range;
		bool udp;
		unsigned int choices;
	} cases[] = {
		{"80", NULL, 0, 80, 1, false},
		{"8080:80", NULL, 8080, 80, 1, false},
		{"8080:80/tcp", NULL, 8080, 80, 1, false},
		{"53:53/udp", NULL, 53, 53, 1, true},
		{"53:53/UDP", NULL, 53, 53, 1, true},
		{":80", NULL, 0, 80, 1, false},
		{"::80", NULL, 0, 80, 1, false},
		{"127.0.0.1:8080:80", "127.0.0.1", 8080, 80, 1, false},
		{"127.0.0.1::80", "127.0.0.1", 0, 80, 1, false},
		{"0.0.0.0:8080:80", NULL, 8080, 80, 1, false},
		{"[::1]:8080:80", "::1", 8080, 80, 1, false},
		{"[::]::80/udp", "::", 0, 80, 1, true},
		{"8000-8010:80-90", NULL, 8000, 80, 11, false},
		{"8000-8000:80", NULL, 8000, 80, 1, false},
		{"8000-8010:80", NULL, 8000, 80, 1, false, 11},
		{"127.0.0.1:1-65535:80/udp", "127.0.0.1", 1, 80, 1, true, 65535},
		{"80-82", NULL, 0, 80, 3, false},
		{"1-65535:1-65535/udp", NULL, 1, 1, 65535, true},
		{"65535:65535", NULL, 65535, 65535, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct port_mapping port;
		struct error *err = NULL;

		assert_int_equal(port_mapping_parse(cases[i].text, &port, &err), 0);
		assert_true(port.host_ip == cases[i].ip || !strcmp(port.host_ip, cases[i].ip));
		assert_int_equal(port.host_port, cases[i].host);
		assert_int_equal(port.container_port, cases[i].container);
		assert_int_equal(port.range, cases[i].range);
		assert_int_equal(port.udp, cases[i].udp);
		assert_int_equal(port.choices, cases[i].choices);
		port_mapping_clear(&port);
	}
}

static void test_invalid(void **state)
{
	static const struct {
		const char *text;
		enum error_kind kind;
	} cases[] = {
		{"", ERR_INVALID},
		{"0", ERR_INVALID},
		{"65536", ERR_INVALID},
		{"80:", ERR_INVALID},
		{"0:80", ERR_INVALID},
		{"-1:80", ERR_INVALID},
		{"+1:80", ERR_INVALID},
		{"80 :80", ERR_INVALID},
		{"http:80", ERR_INVALID},
		{"90-80", ERR_INVALID},
		{"80-", ERR_INVALID},
		{"8000-8002:80-81", ERR_INVALID},
		{"8000:80-81", ERR_INVALID},
		{"80/icmp", ERR_INVALID},
		{"80/", ERR_INVALID},
		{"80/tcp/udp", ERR_INVALID},
		{"80/sctp", ERR_UNSUPPORTED},
		{"1.2.3:80:80", ERR_INVALID},
		{"1.2.3.4.5:80:80", ERR_INVALID},
		{"::1:80:80", ERR_INVALID},
		{"[::1:80:80", ERR_INVALID},
		{"[::1]", ERR_INVALID},
		{"[1.2.3.4]:80:80", ERR_INVALID},
		{"18446744073709551696:80", ERR_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct port_mapping port;

		if (port_mapping_parse(cases[i].text, &port, &err) != -1)
			fail_msg("'%s' was taken", cases[i].text);
		assert_int_equal(err->kind, cases[i].kind);
	}
}

static void parse(const char *text, struct port_mapping *ret)
{
	struct error *err = NULL;

	assert_int_equal(port_mapping_parse(text, ret, &err), 0);
}

static void test_choose(void **state)
{
	struct port_mapping ports[3];
	struct error *err = NULL;

	(void)state;
	parse("127.0.0.1::80", &ports[0]);
	parse("127.0.0.1::7000-7003", &ports[1]);
	parse("127.0.0.1::53/udp", &ports[2]);
	assert_int_equal(network_ports_choose(ports, 3, &err), 0);
	assert_int_not_equal(ports[0].host_port, 0);
	assert_true(ports[1].host_port + 3 <= 65535);
	assert_int_not_equal(ports[2].host_port, 0);
	assert_true(ports[0].host_port < ports[1].host_port ||
		    ports[0].host_port > ports[1].host_port + 3);
	for (size_t i = 0; i < 3; i++)
		port_mapping_clear(&ports[i]);
}

static void test_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		int result;
	} cases[] = {
		{"8080:80", "8080:81", -1},
		{"8080:80", "127.0.0.1:8080:81", -1},
		{"8000-8010:80-90", "8010:99", -1},
		{"8080:80", "8080:80/udp", 0},
		{"127.0.0.1:8080:80", "127.0.0.2:8080:80", 0},
		{"8000-8010:80-90", "8011:99", 0},
		{"[::1]:8080:80", "9090:80", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		struct port_mapping ports[2];

		parse(cases[i].a, &ports[0]);
		parse(cases[i].b, &ports[1]);
		assert_int_equal(network_ports_choose(ports, 2, &err), cases[i].result);
		if (err)
			assert_int_equal(
				err->kind, *cases[i].a == '[' ? ERR_UNSUPPORTED : ERR_CONFLICT);
		port_mapping_clear(&ports[0]);
		port_mapping_clear(&ports[1]);
	}
}

/* A port that somebody listens on is named, with the cause. */
static void test_in_use(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cleanup_error struct error *err = NULL;
	cleanup_free char *expected = NULL;
	socklen_t len = sizeof(address);
	struct port_mapping port;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	parse("127.0.0.1::80", &port);
	assert_int_equal(port_try(&port, ntohs(address.sin_port), NULL, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	expected = xasprintf(
		"listen on 127.0.0.1:%u/tcp: address already in use", ntohs(address.sin_port));
	assert_string_equal(err->message, expected);
	port_mapping_clear(&port);
}

static void test_spec(void **state)
{
	struct error *err = NULL;
	uint16_t port, range;
	bool udp;

	(void)state;
	assert_int_equal(port_spec_parse("53/udp", &port, &range, &udp, &err), 0);
	assert_int_equal(port, 53);
	assert_int_equal(range, 1);
	assert_true(udp);
	assert_int_equal(port_spec_parse("8000-8003", &port, &range, &udp, &err), 0);
	assert_int_equal(range, 4);
	assert_false(udp);
	assert_int_equal(port_spec_parse("x", &port, &range, &udp, &err), -1);
	error_free(err);
}

static void test_mode(void **state)
{
	static const struct {
		const char *text;
		int result;
		enum network_mode mode;
		enum error_kind kind;
	} cases[] = {
		{"slirp4netns", 0, NETWORK_SLIRP4NETNS, 0},
		{"private", 0, NETWORK_SLIRP4NETNS, 0},
		{"none", 0, NETWORK_NONE, 0},
		{"host", 0, NETWORK_HOST, 0},
		{"container:web", 0, NETWORK_CONTAINER, 0},
		{"slirp4netns:mtu=1500,allow_host_loopback=true,enable_ipv6=false", 0,
			NETWORK_SLIRP4NETNS, 0},
		{"slirp4netns:port_handler=slirp4netns,outbound_addr=192.0.2.1", 0,
			NETWORK_SLIRP4NETNS, 0},
		{"slirp4netns:", -1, 0, ERR_INVALID},
		{"slirp4netns:mtu", -1, 0, ERR_INVALID},
		{"slirp4netns:mtu=0", -1, 0, ERR_INVALID},
		{"slirp4netns:mtu=65522", -1, 0, ERR_INVALID},
		{"slirp4netns:allow_host_loopback=yes", -1, 0, ERR_INVALID},
		{"slirp4netns:outbound_addr=--configure", -1, 0, ERR_INVALID},
		{"slirp4netns:cidr=10.0.3.0/24", -1, 0, ERR_INVALID},
		{"slirp4netns:port_handler=rootlesskit", -1, 0, ERR_UNSUPPORTED},
		{"container:", -1, 0, ERR_INVALID},
		{"", -1, 0, ERR_INVALID},
		{"bridge", -1, 0, ERR_UNSUPPORTED},
		{"pasta", -1, 0, ERR_UNSUPPORTED},
		{"mynet", -1, 0, ERR_UNSUPPORTED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_free char *container = NULL;
		struct network_options opts = {0};

		assert_int_equal(
			network_parse(cases[i].text, &opts, &container, &err), cases[i].result);
		if (err)
			assert_int_equal(err->kind, cases[i].kind);
		else
			assert_int_equal(opts.mode, cases[i].mode);
		if (i == 4)
			assert_string_equal(container, "web");
		if (i == 5) {
			assert_int_equal(opts.mtu, 1500);
			assert_true(opts.allow_host_loopback);
			assert_true(opts.no_ipv6);
		}
		network_options_clear(&opts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
