# The unit that starts containers at boot: one text for the system's manager and the users'.
$(B)/pod-restart.service: src/systemd/pod-restart.service.in config.mk
	$(call quiet,GEN)sed 's,@bindir@,$(bindir),' $< >$@

all: $(B)/pod-restart.service
