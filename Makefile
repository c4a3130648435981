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
setup_goals = quickstart check check-long check-vm bench bench-vm clean distclean
ifneq ($(filter-out $(setup_goals),$(or $(MAKECMDGOALS),all)),)
-include config.mk
endif

# V=1 shows the commands.
V = 0
ifeq ($(V),0)
quiet = @echo "  $(1)	$@";
endif

.DELETE_ON_ERROR:
.SUFFIXES:

libexec_pod = $(libexecdir)/pod

ALL_CPPFLAGS = -I. -I$(srcdir) -I$(srcdir)/src -I$(B)/gen \
	-DPOD_LIBEXECDIR='"$(libexec_pod)"' -DPOD_SYSCONFDIR='"$(sysconfdir)"' $(CPPFLAGS)
ALL_CFLAGS = -std=gnu17 $(WARNING_CFLAGS) $(SANITIZER_CFLAGS) $(CFLAGS)

# A room's sources are what lies in it; a room becomes an archive, so that each program takes the
# members it refers to. Dependencies point down: cmd, src, storage and registry, rootless, util.
rooms = src/oci src/cgroup src/container src/image src/network src/monitor src/runtime src/systemd storage registry rootless src/util
room_sources = $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/$(1)/*.c))
room_archive = $(B)/lib$(subst /,-,$(patsubst src/%,%,$(1))).a

pod_sources = $(call room_sources,cmd)
transfer_sources = $(call room_sources,cmd/transfer)
systemd_sources = $(call room_sources,cmd/systemd)
# The monitor program: what it shares with pod is compiled a second time, for its own C library.
monitor_sources = $(call room_sources,src/monitor/program) $(MONITOR_SHARED)
include $(srcdir)/src/monitor/shared.mk

archives = $(foreach r,$(rooms),$(call room_archive,$(r)))
link_archives = -Wl,--start-group $(archives) -Wl,--end-group
static_libs = -Wl,-Bstatic -ljson-c -lseccomp -Wl,-Bdynamic

# pod itself has a C library of its own, too (configure.ac): its objects and archives stand apart.
pod_room_archive = $(patsubst $(B)/%,$(B)/obj-pod/%,$(call room_archive,$(1)))
pod_archives = $(foreach r,$(rooms),$(call pod_room_archive,$(r)))

programs = $(B)/pod $(B)/libexec/pod-transfer $(B)/libexec/pod-systemd $(B)/libexec/pod-monitor

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
	$$(call quiet,AR)$$(AR) rcs $$@ $$^
endef
$(foreach r,$(rooms),$(eval $(call room_rules,$(r))))

define pod_room_rules
$(call pod_room_archive,$(1)): $$(patsubst %.c,$(B)/obj-pod/%.o,$$(call room_sources,$(1)))
	@rm -f $$@
	$$(call quiet,AR)$$(AR) rcs $$@ $$^
endef
$(foreach r,$(rooms),$(eval $(call pod_room_rules,$(r))))

$(B)/obj/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(ALL_CPPFLAGS) $(JSONC_CFLAGS) $(SECCOMP_CFLAGS) $(TRANSFER_CFLAGS) \
		$(SYSTEMD_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj-pod/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(call quiet,CC)$(POD_CC) $(ALL_CPPFLAGS) $(JSONC_CFLAGS) $(SECCOMP_CFLAGS) $(ALL_CFLAGS) \
		$(POD_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj-monitor/%.o: %.c | config.mk
	@mkdir -p $(@D)
	$(call quiet,CC)$(MONITOR_CC) $(ALL_CPPFLAGS) $(MONITOR_CFLAGS) -DPOD_MONITOR -std=gnu17 $(WARNING_CFLAGS) -Os -g \
		-fno-asynchronous-unwind-tables -ffunction-sections -MMD -MP -c -o $@ $<

$(B)/pod: $(patsubst %.c,$(B)/obj-pod/%.o,$(pod_sources)) $(pod_archives)
	$(call quiet,LD)$(POD_CC) $(ALL_CFLAGS) $(POD_CFLAGS) $(LDFLAGS) $(POD_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(pod_archives) $(POD_LIBS) -Wl,--end-group $(POD_END)

$(B)/libexec/pod-transfer: $(patsubst %.c,$(B)/obj/%.o,$(transfer_sources)) $(archives)
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(link_archives) \
		$(static_libs) $(TRANSFER_LIBS)

$(B)/libexec/pod-systemd: $(patsubst %.c,$(B)/obj/%.o,$(systemd_sources)) $(archives)
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) $(link_archives) $(SYSTEMD_LIBS)

$(B)/libexec/pod-monitor: $(patsubst %.c,$(B)/obj-monitor/%.o,$(monitor_sources))
	@mkdir -p $(@D)
	$(call quiet,LD)$(MONITOR_CC) -static -Wl,--gc-sections -o $@ $(filter %.o,$^)

-include $(shell find $(B)/obj $(B)/obj-pod $(B)/obj-monitor -name '*.d' 2>/dev/null)

# Fragments of other rooms: install, tests, generated files.
-include $(sort $(wildcard $(srcdir)/src/*/rules.mk $(srcdir)/tests/rules.mk $(srcdir)/completions/rules.mk))

quickstart:
	@MAKE='$(MAKE)' $(srcdir)/tests/setup/quickstart

check:
	@MAKE='$(MAKE)' $(srcdir)/tests/check

check-long:
	@MAKE='$(MAKE)' POD_TEST_LONG=1 $(srcdir)/tests/check

check-vm:
	@MAKE='$(MAKE)' $(srcdir)/tests/vm/check

bench:
	@MAKE='$(MAKE)' $(srcdir)/tests/bench/run

bench-vm:
	@MAKE='$(MAKE)' $(srcdir)/tests/vm/bench

# Manual pages and completions are installed where they are there.
man_pages = $(wildcard $(srcdir)/doc/man/*.1 $(srcdir)/doc/man/*.5 $(B)/man/*.1)
bash_completion = $(wildcard $(srcdir)/completions/pod.bash)
zsh_completion = $(wildcard $(srcdir)/completions/_pod)
fish_completion = $(wildcard $(srcdir)/completions/pod.fish)
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions
fishcompdir = $(datadir)/fish/vendor_completions.d
systemddir = $(prefix)/lib/systemd

install: all
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexec_pod)
	install -m 755 $(B)/pod $(DESTDIR)$(bindir)/pod
	ln -sf pod $(DESTDIR)$(bindir)/pod-oci
	install -m 755 $(B)/libexec/pod-transfer $(B)/libexec/pod-systemd $(B)/libexec/pod-monitor $(DESTDIR)$(libexec_pod)/
	install -D -m 644 $(B)/pod-restart.service $(DESTDIR)$(systemddir)/system/pod-restart.service
	install -D -m 644 $(B)/pod-restart.service $(DESTDIR)$(systemddir)/user/pod-restart.service
	$(if $(man_pages),install -d $(DESTDIR)$(mandir)/man1)
	$(if $(man_pages),install -m 644 $(man_pages) $(DESTDIR)$(mandir)/man1/)
	$(if $(bash_completion),install -D -m 644 $(bash_completion) $(DESTDIR)$(bashcompdir)/pod)
	$(if $(zsh_completion),install -D -m 644 $(zsh_completion) $(DESTDIR)$(zshcompdir)/_pod)
	$(if $(fish_completion),install -D -m 644 $(fish_completion) $(DESTDIR)$(fishcompdir)/pod.fish)

# docker's name beside pod's; not part of install, for another package may own it.
install-docker: install
	@if [ -e $(DESTDIR)$(bindir)/docker ] && [ "$$(readlink $(DESTDIR)$(bindir)/docker)" != pod ]; then \
		echo "$(DESTDIR)$(bindir)/docker is another program: remove it first" >&2; exit 1; fi
	ln -sf pod $(DESTDIR)$(bindir)/docker
	install -D -m 644 $(B)/completions/docker.bash $(DESTDIR)$(bashcompdir)/docker
	install -D -m 644 $(B)/completions/_docker $(DESTDIR)$(zshcompdir)/_docker
	install -D -m 644 $(B)/completions/docker.fish $(DESTDIR)$(fishcompdir)/docker.fish

uninstall-docker:
	if [ "$$(readlink $(DESTDIR)$(bindir)/docker)" = pod ]; then \
		rm -f $(DESTDIR)$(bindir)/docker $(DESTDIR)$(bashcompdir)/docker \
			$(DESTDIR)$(zshcompdir)/_docker $(DESTDIR)$(fishcompdir)/docker.fish; fi

uninstall: uninstall-docker
	rm -f $(DESTDIR)$(bindir)/pod $(DESTDIR)$(bindir)/pod-oci
	rm -f $(DESTDIR)$(libexec_pod)/pod-transfer $(DESTDIR)$(libexec_pod)/pod-systemd $(DESTDIR)$(libexec_pod)/pod-monitor
	-rmdir $(DESTDIR)$(libexec_pod)
	rm -f $(DESTDIR)$(systemddir)/system/pod-restart.service $(DESTDIR)$(systemddir)/user/pod-restart.service
	rm -f $(patsubst %,$(DESTDIR)$(mandir)/man1/%,$(notdir $(man_pages)))
	rm -f $(DESTDIR)$(bashcompdir)/pod $(DESTDIR)$(zshcompdir)/_pod $(DESTDIR)$(fishcompdir)/pod.fish

# The sources with a configure made, so that building needs no autoconf.
dist_name = $(PACKAGE_NAME)-$(PACKAGE_VERSION)
dist_files = cmd src storage registry rootless tests completions doc Makefile configure.ac configure \
	README.md .ci .clang-format .gitignore
dist: $(srcdir)/configure | config.mk
	tar -C $(srcdir) --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
		--exclude='*~' --exclude=__pycache__ --transform='s,^,$(dist_name)/,' \
		-czf $(dist_name).tar.gz $(filter $(dist_files),$(notdir $(wildcard $(srcdir)/* $(srcdir)/.[a-z]*)))

# The archive configures, builds and installs out of its tree; uninstall leaves no file.
distcheck: dist
	rm -rf $(B)/distcheck
	mkdir -p $(B)/distcheck/build
	tar -C $(B)/distcheck -xzf $(dist_name).tar.gz
	chmod -R a-w $(B)/distcheck/$(dist_name)
	cd $(B)/distcheck/build && ../$(dist_name)/configure --prefix=/usr --enable-werror >/dev/null && \
		$(MAKE) && $(MAKE) install-docker DESTDIR=$$PWD/../dest && test -x ../dest/usr/bin/pod && \
		../dest/usr/bin/pod --version && $(MAKE) uninstall DESTDIR=$$PWD/../dest && \
		test -z "$$(find ../dest ! -type d)"
	chmod -R u+w $(B)/distcheck
	rm -rf $(B)/distcheck
	@echo "$(dist_name).tar.gz is good"

c_rooms = cmd src storage registry rootless tests
format:
	cd $(srcdir) && find $(c_rooms) -name '*.[ch]' | xargs clang-format -i

check-format:
	cd $(srcdir) && find $(c_rooms) -name '*.[ch]' | xargs clang-format --dry-run -Werror

clean:
	rm -rf $(B)

distclean: clean
	rm -rf config.mk config.h config.log config.status autom4te.cache

.PHONY: all quickstart check check-long check-vm bench bench-vm install install-docker uninstall uninstall-docker dist distcheck format check-format clean distclean
