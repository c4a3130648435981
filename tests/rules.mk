# Test programs. Everything goes to $(B)/test: one compilation of all rooms under ASan and UBSan with
# clang, from which both unit tests and fuzz targets are linked.

T = $(B)/test
TEST_CC = clang
TEST_SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=undefined
TEST_CFLAGS = -std=gnu17 -O1 -g -fno-omit-frame-pointer -Wall -Wno-unused-variable $(TEST_SANITIZERS)

test_room_sources = $(foreach r,$(rooms),$(call room_sources,$(r))) \
	$(filter-out %/main.c,$(pod_sources) $(transfer_sources))
unit_sources = $(call room_sources,tests/unit)
fuzz_sources = $(call room_sources,tests/fuzz)
unit_programs = $(patsubst tests/unit/%.c,$(T)/unit/%,$(filter tests/unit/test_%,$(unit_sources)))
fuzz_programs = $(patsubst tests/fuzz/%.c,$(T)/fuzz/%,$(filter tests/fuzz/fuzz_%,$(fuzz_sources)))
# A file in tests/unit that is not a test is help for all of them.
unit_help = $(patsubst %.c,$(T)/obj/%.o,$(filter-out tests/unit/test_%,$(unit_sources)))
fuzz_help = $(patsubst %.c,$(T)/obj/%.o,$(filter-out tests/fuzz/fuzz_%,$(fuzz_sources)))
test_libs = $(static_libs) $(TRANSFER_LIBS)

$(T)/obj/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(call quiet,CC)$(TEST_CC) $(ALL_CPPFLAGS) $(JSONC_CFLAGS) $(SECCOMP_CFLAGS) $(TRANSFER_CFLAGS) \
		$(TEST_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(T)/libpod.a: $(patsubst %.c,$(T)/obj/%.o,$(test_room_sources))
	@rm -f $@
	$(call quiet,AR)$(AR) rcs $@ $^

$(unit_programs): $(T)/unit/%: $(T)/obj/tests/unit/%.o $(unit_help) $(T)/libpod.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(TEST_CC) $(TEST_SANITIZERS) -o $@ $(filter %.o,$^) $(T)/libpod.a -lcmocka $(test_libs)

$(fuzz_programs): $(T)/fuzz/%: $(T)/obj/tests/fuzz/%.o $(fuzz_help) $(T)/libpod.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(TEST_CC) $(TEST_SANITIZERS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(T)/libpod.a $(test_libs)

-include $(shell find $(T)/obj -name '*.d' 2>/dev/null)

test-programs: $(unit_programs) $(fuzz_programs)

# pod of the system's C library, dynamically, as libraries that tests preload (tests/lib/hide.c) want it.
$(T)/dynamic/pod: $(patsubst %.c,$(B)/obj/%.o,$(pod_sources)) $(archives)
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(link_archives) $(static_libs)

# The programs as make install would lay them out, beside the tests, where the test account can read.
test-stage: all $(T)/dynamic/pod
	@test -n "$(STAGE)"
	install -d $(STAGE)/bin $(STAGE)/libexec/pod $(STAGE)/tests/data
	install -m 755 $(B)/pod $(STAGE)/bin/pod
	ln -sf pod $(STAGE)/bin/pod-oci
	ln -sf pod $(STAGE)/bin/docker
	install -m 755 $(B)/libexec/pod-transfer $(B)/libexec/pod-systemd $(B)/libexec/pod-monitor $(STAGE)/libexec/pod/
	install -D -m 644 $(B)/pod-restart.service $(STAGE)/lib/systemd/pod-restart.service
	install -D -m 755 $(T)/dynamic/pod $(STAGE)/dynamic/bin/pod
	ln -sfn ../libexec $(STAGE)/dynamic/libexec
	cp -R $(wildcard $(srcdir)/tests/lib $(srcdir)/tests/integration $(srcdir)/tests/vm $(srcdir)/tests/data) $(STAGE)/tests/
	install -D -m 644 $(srcdir)/doc/tutorial.md $(STAGE)/doc/tutorial.md
	install -m 755 $(srcdir)/tests/run $(STAGE)/tests/run
	$(CC) -O2 -static -o $(STAGE)/tests/lib/hostile $(srcdir)/tests/lib/hostile.c
	$(CC) -O2 -static -o $(STAGE)/tests/lib/swapper $(srcdir)/tests/lib/swapper.c
	$(CC) -O2 -static -o $(STAGE)/tests/lib/service $(srcdir)/tests/lib/service.c
	$(CC) -O2 -static -pthread -o $(STAGE)/tests/lib/ids $(srcdir)/tests/lib/ids.c
	$(CC) -O2 -shared -fPIC -o $(STAGE)/tests/lib/hide.so $(srcdir)/tests/lib/hide.c

# Seconds for each target.
FUZZ_SECONDS = 60
fuzz: $(fuzz_programs)
	$(srcdir)/tests/fuzz/campaign $(FUZZ_SECONDS) $(srcdir)/tests/data/fuzz $(T)/fuzz

# Every header compiles alone.
check-headers: | config.mk
	@for header in $$(cd $(srcdir) && find cmd src storage registry rootless -name '*.h' | sort); do \
		printf '#include "config.h"\n#include "%s"\n' $$header | \
		$(CC) $(ALL_CPPFLAGS) $(JSONC_CFLAGS) $(SECCOMP_CFLAGS) $(TRANSFER_CFLAGS) \
			-std=gnu17 $(WARNING_CFLAGS) -Werror -fsyntax-only -x c - || exit 1; \
	done

.PHONY: test-programs test-stage fuzz check-headers
