# pod: build, install, check. `make quickstart` and `make check` work on a clean clone.
#
#   ./configure && make && make install     the usual way (autoreconf makes configure)
#   make quickstart                         install what is missing, build, run a first container
#   make check                              install what the tests need, build, test
#
# Everything made goes to build/ below the directory where make runs.

srcdir ?= .
VPATH = $(srcdir)
B = build

# These set up what is missing first, then call make again; the others start from a configuration.
setup_goals = quickstart check check-long bench clean distclean
ifneq ($(filter-out $(setup_goals),$(or $(MAKECMDGOALS),all)),)
-include config.mk
endif

.DELETE_ON_ERROR:
.SUFFIXES:

libexec_pod = $(libexecdir)/pod

ALL_CPPFLAGS = -I. -I$(srcdir) -I$(srcdir)/src -I$(B)/gen \
	-DPOD_LIBEXECDIR='"$(libexec_pod)"' -DPOD_SYSCONFDIR='"$(sysconfdir)"' $(CPPFLAGS)
ALL_CFLAGS = -std=gnu17 $(WARNING_CFLAGS) $(SANITIZER_CFLAGS) $(CFLAGS)

# A room's sources are what lies in it; a room becomes an archive, so that each program takes the
# members it refers to. Dependencies point down: cmd, src, storage and registry, rootless, util.
rooms = src/container src/image src/network src/monitor src/runtime storage registry rootless src/util
room_sources = $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/$(1)/*.c))
room_archive = $(B)/lib$(subst /,-,$(patsubst src/%,%,$(1))).a

pod_sources = $(call room_sources,cmd)
transfer_sources = $(call room_sources,cmd/transfer)
# The monitor program: what it shares with pod is compiled a second time, for its own C library.
monitor_sources = $(call room_sources,src/monitor/program) $(MONITOR_SHARED)
include $(srcdir)/src/monitor/shared.mk

archives = $(foreach r,$(rooms),$(call room_archive,$(r)))
link_archives = -Wl,--start-group $(archives) -Wl,--end-group
static_libs = -Wl,-Bstatic -ljson-c -lseccomp -lcap -Wl,-Bdynamic

programs = $(B)/pod $(B)/libexec/pod-transfer $(B)/libexec/pod-monitor

ifneq ($(wildcard config.mk),)
all: $(programs)
else
all: config.mk
	$(MAKE) all
endif

config.mk: $(srcdir)/configure $(srcdir)/src/config.mk.in
	$(srcdir)/configure $(CONFIGURE_FLAGS)

$(srcdir)/configure: $(srcdir)/configure.ac
	cd $(srcdir) && autoreconf -f

define room_rules
$(call room_archive,$(1)): $$(patsubst %.c,$(B)/obj/%.o,$$(call room_sources,$(1)))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach r,$(rooms),$(eval $(call room_rules,$(r))))

$(B)/obj/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(JSONC_CFLAGS) $(SECCOMP_CFLAGS) $(LIBCAP_CFLAGS) $(TRANSFER_CFLAGS) \
		$(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj-monitor/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(MONITOR_CC) $(ALL_CPPFLAGS) $(MONITOR_CFLAGS) -DPOD_MONITOR -std=gnu17 $(WARNING_CFLAGS) -Os -g \
		-fno-asynchronous-unwind-tables -ffunction-sections -MMD -MP -c -o $@ $<

$(B)/pod: $(patsubst %.c,$(B)/obj/%.o,$(pod_sources)) $(archives)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(link_archives) $(static_libs)

$(B)/libexec/pod-transfer: $(patsubst %.c,$(B)/obj/%.o,$(transfer_sources)) $(archives)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(link_archives) \
		$(static_libs) $(TRANSFER_LIBS)

$(B)/libexec/pod-monitor: $(patsubst %.c,$(B)/obj-monitor/%.o,$(monitor_sources))
	@mkdir -p $(@D)
	$(MONITOR_CC) -static -Wl,--gc-sections -o $@ $(filter %.o,$^)

-include $(shell find $(B)/obj $(B)/obj-monitor -name '*.d' 2>/dev/null)

# Fragments of other rooms: install, tests, generated files.
-include $(sort $(wildcard $(srcdir)/src/*/rules.mk $(srcdir)/tests/rules.mk $(srcdir)/completions/rules.mk))

quickstart:
	@MAKE='$(MAKE)' $(srcdir)/tests/setup/quickstart

check:
	@MAKE='$(MAKE)' $(srcdir)/tests/check

check-long:
	@MAKE='$(MAKE)' POD_TEST_LONG=1 $(srcdir)/tests/check

bench:
	@MAKE='$(MAKE)' $(srcdir)/tests/bench/run

install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexec_pod)
	install -m 755 $(B)/pod $(DESTDIR)$(bindir)/pod
	install -m 755 $(B)/libexec/pod-transfer $(B)/libexec/pod-monitor $(DESTDIR)$(libexec_pod)/

uninstall:
	rm -f $(DESTDIR)$(bindir)/pod
	rm -f $(DESTDIR)$(libexec_pod)/pod-transfer $(DESTDIR)$(libexec_pod)/pod-monitor
	-rmdir $(DESTDIR)$(libexec_pod)

format:
	cd $(srcdir) && git ls-files '*.c' '*.h' | xargs clang-format -i

check-format:
	cd $(srcdir) && git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

clean:
	rm -rf $(B)

distclean: clean
	rm -rf config.mk config.h config.log config.status autom4te.cache

.PHONY: all quickstart check check-long bench install uninstall format check-format clean distclean
