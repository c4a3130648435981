# The default seccomp filter is compiled here, so that a start does not have to.
seccomp_generator_objects = $(patsubst %.c,$(B)/obj/%.o,src/runtime/gen/seccomp.c \
	src/runtime/seccomp_bpf.c src/runtime/seccomp_profile.c src/runtime/seccomp_text.c \
	src/runtime/seccomp_words.c) $(call room_archive,src/util)

$(B)/gen/seccomp-generator: $(seccomp_generator_objects)
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(static_libs)

$(B)/gen/seccomp_default_program.h: $(B)/gen/seccomp-generator
	$(call quiet,GEN)$< > $@.tmp && mv $@.tmp $@

$(B)/gen/seccomp_default_object.h: $(B)/gen/seccomp-generator
	$(call quiet,GEN)$< object > $@.tmp && mv $@.tmp $@

$(B)/obj/src/runtime/seccomp.o $(B)/obj-pod/src/runtime/seccomp.o: $(B)/gen/seccomp_default_program.h $(B)/gen/seccomp_default_object.h
$(B)/obj/src/runtime/seccomp_profile.o $(B)/obj-pod/src/runtime/seccomp_profile.o: src/runtime/seccomp_default.def
