# Orthrus: one, non-recursive.  make | make check [T=unit/nodeset] | make demo | make bench | make install DESTDIR= | make deb
# BUILD=dir puts the objects elsewhere; SAN=1 builds with ASan and UBSan (into build-san); WERROR=1 is what CI uses.

VERSION := 0.1.0
SAN ?=
WERROR ?= $(if $(CI),1)
BUILD ?= $(if $(SAN),build-san,build)
CC := gcc
CLANG ?= clang
PREFIX := /usr
T ?=
JOBS ?= $(shell nproc)

PKGS := libarchive libcurl libcrypto libsodium libzstd json-c libuv libmicrohttpd gnutls blkid libisal libseccomp libsystemd libbpf
PKGS += slang
ifneq ($(MAKECMDGOALS),clean)
have_deps := $(shell pkg-config --exists $(PKGS) libnewt 'raft >= 0.22' 2>/dev/null && command -v $(CLANG) >/dev/null && echo yes)
endif

WARN := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wwrite-strings -Wundef \
	-Wcast-qual -Wswitch-enum -Wimplicit-fallthrough -Wlogical-op -Wnull-dereference $(if $(WERROR),-Werror)
HARDEN := -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero -fstack-protector-strong -fPIE
comma := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
OPT := $(if $(SAN),-O1,-O2 -D_FORTIFY_SOURCE=3)
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DORTHRUS_VERSION='"$(VERSION)"' -Ilib -I.
CFLAGS += -std=gnu11 -g $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) -ffunction-sections
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections $(SANFLAGS)
RAFT_LIBS = $(shell pkg-config --libs raft)
LDLIBS = $(shell pkg-config --libs $(PKGS)) $(RAFT_LIBS) -lIPSec_MB -lpthread

# Everything but the mains is one archive; --as-needed and object granularity give each program only what it uses.
MAINS := cmd/main.c daemon/main.c headfailover/guard/main.c imaging/imager/main.c node/main.c tui/main.c
SRCS := $(wildcard lib/*/*.c cast/*.c imaging/*.c raidsetup/*.c netboot/*.c packages/*.c power/*.c installer/*.c headfailover/*.c \
	headinstall/*.c headfailover/state/*.c $(filter-out %/main.c %.bpf.c,$(wildcard headfailover/guard/*.c)))
CMD_SRCS := $(filter-out $(MAINS),$(wildcard cmd/*.c))
DAEMON_SRCS := $(filter-out $(MAINS),$(wildcard daemon/*.c))
IMAGER_SRCS := $(filter-out $(MAINS),$(wildcard imaging/imager/*.c))
TUI_SRCS := $(filter-out $(MAINS),$(wildcard tui/*.c))
LIB := $(BUILD)/liborthrus.a
PROGRAMS := $(BUILD)/orthrus $(BUILD)/orthrusd $(BUILD)/orthrus-imager $(BUILD)/orthrus-node \
	$(BUILD)/orthrus-guard $(BUILD)/orthrus-setup
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.c))
TOOLS := $(patsubst tests/lab/%.c,$(BUILD)/tests/lab/%,$(filter-out tests/lab/slow_write.c,$(wildcard tests/lab/*.c))) \
	$(BUILD)/tests/lab/slow_write.so
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))

ifeq ($(have_deps),yes)
all: programs
else
all:
	tools/deps.sh build
	$(MAKE) -j$(JOBS) programs
endif

programs: $(PROGRAMS)
tests: programs $(UNIT) $(TOOLS) $(BENCH) $(FUZZ)

$(LIB): $(call obj,$(SRCS))
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/orthrus: $(call obj,cmd/main.c $(CMD_SRCS)) $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/orthrusd: $(call obj,daemon/main.c $(DAEMON_SRCS)) $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/orthrus-imager: $(call obj,imaging/imager/main.c $(IMAGER_SRCS)) $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/orthrus-setup: $(call obj,tui/main.c $(TUI_SRCS)) $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs libnewt)
$(BUILD)/orthrus-guard: $(call obj,headfailover/guard/main.c) $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# It goes to nodes, whatever libraries their images have: docs/adr/0007. The sanitizers' own libraries are only there shared.
NODE_LDFLAGS = $(if $(SAN),$(LDFLAGS),$(filter-out -pie,$(LDFLAGS)) -static-pie)
$(BUILD)/orthrus-node: $(call obj,node/main.c) $(LIB)
	@echo "LINK $@"; $(CC) $(NODE_LDFLAGS) -o $@ $^ -ljson-c -lsodium -lpthread

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"; $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The script is in the object, as it is (.incbin).
$(BUILD)/imaging/capture_agent.o: imaging/capture_agent.sh

# The gate's program, for the kernel's BPF machine; it is in the object that loads it, as it is (.incbin).
GATE_BPF := $(BUILD)/headfailover/guard/gate.bpf.o
$(GATE_BPF): headfailover/guard/gate.bpf.c headfailover/guard/gate_key.h
	@mkdir -p $(@D)
	@echo "CLANG $<"; $(CLANG) --target=bpf -mcpu=v3 -O2 -g -fdebug-compilation-dir=. -Wall -Wextra $(if $(WERROR),-Werror) -I. \
		-I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<
$(BUILD)/headfailover/guard/gate_bpf.o: CPPFLAGS += -DGATE_BPF_OBJECT='"$(GATE_BPF)"'
$(BUILD)/headfailover/guard/gate_bpf.o: $(GATE_BPF)

# Unit tests and the tools of the lab may use the objects of daemon/, cmd/, tui/ and imaging/imager/ too.
$(BUILD)/libprograms.a: $(call obj,$(CMD_SRCS) $(DAEMON_SRCS) $(IMAGER_SRCS) $(TUI_SRCS))
	@rm -f $@
	@ar rcs $@ $^
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libprograms.a $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
# The state that fails, and calls without a server: these functions are the test's own.
$(BUILD)/tests/unit/daemon_change: LDFLAGS += $(addprefix -Wl$(comma)--wrap=,state_write reconcile_kick reconcile_wait http_peer_node \
	http_param http_query_flag http_who http_out http_set_status)
$(BUILD)/tests/unit/daemon_pending: LDFLAGS += -Wl,--wrap=state_write
$(BUILD)/tests/lab/fleet: LDLIBS += -lssl
# orthrus-setup with pages of a test's own.
$(BUILD)/tests/lab/setup: $(call obj,tests/lab/setup.c tui/main.c) $(BUILD)/libprograms.a $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs libnewt)
$(BUILD)/tests/lab/%: $(BUILD)/tests/lab/%.o $(BUILD)/libprograms.a $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# Preloaded by a test.
$(BUILD)/tests/lab/slow_write.so: $(BUILD)/tests/lab/slow_write.o
	@echo "LINK $@"; $(CC) -shared -o $@ $^ -lpthread
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ -lcrypto -lzstd -lpthread
# A fuzz target defines LLVMFuzzerTestOneInput; replay.c feeds it the files of its corpus. tests/fuzz/run.sh puts libFuzzer there.
REPLAY = $(BUILD)/tests/fuzz/replay.o
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(REPLAY) $(BUILD)/libprograms.a $(LIB)
	@echo "LINK $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PRECIOUS: $(BUILD)/%.o
.PHONY: all programs tests check check-full check-vm check-san demo bench bench-store bench-cast bench-failover fuzz install deb clean format deps docs

deps:
	tools/deps.sh all
check: deps
	@$(MAKE) -j$(JOBS) tests
	@tests/run --build $(BUILD) --level check $(T)
check-full: deps
	@$(MAKE) -j$(JOBS) tests
	@tests/run --build $(BUILD) --level full $(T)
check-vm: deps
	@$(MAKE) -j$(JOBS) tests
	@tests/run --build $(BUILD) --level full --kind vm $(T)
check-san: deps
	@$(MAKE) -j$(JOBS) SAN=1 tests
	@tests/run --build build-san --level san $(T)
demo: deps
	@$(MAKE) -j$(JOBS) programs $(TOOLS)
	@BUILD=$(abspath $(BUILD)) tests/lab/demo.sh
# The store beside other programs that keep file trees, the cast beside others that bring a file to many: docs/bench.md.
bench:
	@$(MAKE) bench-store
	@$(MAKE) bench-cast
bench-store:
	tools/deps.sh bench
	@$(MAKE) -j$(JOBS) programs $(BENCH)
	@BUILD=$(abspath $(BUILD)) tests/bench/store.sh
bench-failover:
	tools/deps.sh bench
	@$(MAKE) -j$(JOBS) programs $(BUILD)/tests/lab/prober $(BUILD)/tests/lab/responder
	@BUILD=$(abspath $(BUILD)) tests/bench/failover.sh
bench-cast:
	tools/deps.sh bench
	@$(MAKE) -j$(JOBS) programs $(BENCH)
	@BUILD=$(abspath $(BUILD)) tests/bench/cast.sh
fuzz: deps
	@tests/fuzz/run.sh $(T)
# What parts of docs/ are made of; lints say when they are not.
docs:
	tools/site-reference
	tools/docs-screens
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# What a head runs on is installed too, except into a DESTDIR.
install: programs
	$(if $(DESTDIR),,tools/deps.sh head)
	install -D -m 755 $(BUILD)/orthrus $(DESTDIR)$(PREFIX)/bin/orthrus
	install -D -m 755 $(BUILD)/orthrusd $(DESTDIR)$(PREFIX)/sbin/orthrusd
	install -D -m 755 $(BUILD)/orthrus-setup $(DESTDIR)$(PREFIX)/sbin/orthrus-setup
	install -D -m 755 $(BUILD)/orthrus-guard $(DESTDIR)$(PREFIX)/sbin/orthrus-guard
	install -D -m 755 $(BUILD)/orthrus-imager $(DESTDIR)$(PREFIX)/lib/orthrus/orthrus-imager
	install -D -m 755 $(BUILD)/orthrus-node $(DESTDIR)$(PREFIX)/lib/orthrus/orthrus-node
	install -d $(DESTDIR)$(PREFIX)/lib/orthrus/netboot $(DESTDIR)/etc/orthrus
	install -m 755 netboot/initramfs/* $(DESTDIR)$(PREFIX)/lib/orthrus/netboot/
	install -d $(DESTDIR)/lib/systemd/system
	install -m 644 packages/*.service packages/*.socket packages/*.path $(DESTDIR)/lib/systemd/system/
	install -D -m 644 packages/orthrus.sysusers $(DESTDIR)/usr/lib/sysusers.d/orthrus.conf
	$(if $(DESTDIR),,systemd-sysusers /usr/lib/sysusers.d/orthrus.conf)
	install -D -m 644 packages/orthrus.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/orthrus.conf
	$(if $(DESTDIR),,systemd-tmpfiles --create orthrus.conf)
	install -D -m 644 packages/60-orthrus.conf $(DESTDIR)/usr/lib/sysctl.d/60-orthrus.conf
	-$(if $(DESTDIR),,/lib/systemd/systemd-sysctl --prefix=/net/core/rmem_max --prefix=/net/core/wmem_max)
	install -D -m 644 docs/site.schema.json $(DESTDIR)$(PREFIX)/share/orthrus/site.schema.json
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(BUILD)/orthrus completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/orthrus
	install -d $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions
	$(BUILD)/orthrus completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_orthrus
	# Of orthrus-setup the shells read --help: one option a line.
	echo 'complete -F _longopt orthrus-setup' >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/orthrus-setup
	printf '%s\n' '#compdef orthrus-setup' '_gnu_generic' >$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_orthrus-setup
	for s in 5 7 8; do for m in docs/man/*.$$s; do [ -e $$m ] || continue; \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$$s/$${m##*/}; done; done
# The Debian packages, in $(BUILD)/deb: from the files that git knows, the same bytes each time (debian/README.Debian, tools/deb.sh).
deb:
	tools/deps.sh deb
	JOBS=$(JOBS) tools/deb.sh $(BUILD)/deb
clean:
	rm -rf build build-san build-fuzz

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
