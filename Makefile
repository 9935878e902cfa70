# Sealwright. `make run` plays the example, `make test` proves the house, `make check` keeps it tidy.
# Variants build side by side: make V=asan test, V=tsan, V=release (default).  O=DIR builds elsewhere, ROOMS="..." builds some rooms only.
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
V ?= release
O ?= build/$V
CC := gcc
include mk/floors.mk
include mk/variants.mk

ROOMS ?= $(ALL_ROOMS)
SRC := $(sort $(foreach r,$(ROOMS),$(wildcard src/$r/*.c)))
LIB_SRC := $(filter-out src/cli/% src/run/worker/%,$(SRC))
LIB_OBJ := $(LIB_SRC:%.c=$O/obj/%.o)
CLI_OBJ := $(patsubst %.c,$O/obj/%.o,$(filter src/cli/%,$(SRC)))
WORKER_SRC := $(sort $(foreach r,$(WORKER_ROOMS),$(wildcard src/$r/*.c))) $(WORKER_FILES)
WORKER_OBJ := $(WORKER_SRC:%.c=$O/worker-obj/%.o)
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
TESTS ?= $(TEST_SRC:tests/%.c=$O/tests/%)
FUZZ_SRC := $(sort $(wildcard fuzz/fuzz_*.c))
FUZZ := $(FUZZ_SRC:fuzz/%.c=$O/fuzz/%)

PKGS := libcrypto libsecp256k1 zlib libssl libcurl libevent libevent_openssl libevent_pthreads sqlite3 yaml-0.1 libutf8proc libseccomp libarchive
# Asked when the first recipe needs them, which is after `deps` has installed what is missing, and then kept.
DEP_CFLAGS = $(eval DEP_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(DEP_CFLAGS)
LIBS = $(eval LIBS := $(shell pkg-config --libs $(PKGS)) -lm -lpthread -ldl)$(LIBS)
CPPFLAGS = -D_GNU_SOURCE -Iinclude -Isrc $(DEP_CFLAGS)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef -Wformat=2 -Wno-format-nonliteral
CFLAGS := -std=c2x -ffp-contract=off -fno-math-errno -g -fPIC -fvisibility=hidden -fstack-protector-strong -pthread \
  -ffile-prefix-map=$(CURDIR)=. $(WARN) -Werror $(VFLAGS)
LDFLAGS := -pthread -Wl,-z,relro,-z,now $(VLDFLAGS)

.PHONY: all deps test tests check run bench parity native fuzz install repro format clean
# After `deps`, on all processors.
BUILD = +@$(MAKE) -s --no-print-directory -j$(shell nproc) $1
all: $O/sealwright $O/sealwright-worker $O/trainer.lock $O/libsealwright.so

$O/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc  $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(call ROOM_CFLAGS,$<) -MMD -MP -c $< -o $@
# The worker starts inside a sandbox in which no dynamic loader can open a file, so it is static, and sanitizers do not link statically: its code
# is the release code in every variant, and the same rooms run under sanitizers in the test programs.
$O/worker-obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc  $< (worker)"
	@$(CC) $(CPPFLAGS) $(filter-out $(VFLAGS),$(CFLAGS)) $(VFLAGS_release) $(call ROOM_CFLAGS,$<) -MMD -MP -c $< -o $@
$O/libsealwright.a: $(LIB_OBJ)
	@rm -f $@
	@echo "  ar  $@"
	@ar rcsD $@ $^
$O/sealwright: $(CLI_OBJ) $O/libsealwright.a
	@echo "  ld  $@"
	@$(CC) $(LDFLAGS) -o $@ $(CLI_OBJ) $O/libsealwright.a $(LIBS)
$O/sealwright-worker: $(WORKER_OBJ)
	@echo "  ld  $@"
	@$(CC) -pthread -Wl,-z,relro,-z,now -static -o $@ $(WORKER_OBJ) $(WORKER_LIBS)
$O/trainer.lock: $O/sealwright-worker tools/trainer-lock.sh
	bash tools/trainer-lock.sh $O/sealwright-worker >$@
COMMA := ,
$O/libsealwright.so: $O/libsealwright.a mk/exports.map
	@echo "  ld  $@"
	@$(CC) $(LDFLAGS) -shared -Wl,-soname,libsealwright.so.0 $(if $(filter release,$V),-Wl$(COMMA)-z$(COMMA)defs) -Wl,--version-script=mk/exports.map \
	  -Wl,--whole-archive $O/libsealwright.a -Wl,--no-whole-archive -o $@ $(LIBS)

# ---- tests: cmocka programs, shell and Python scripts, one runner, one summary ----
$O/tests/%: tests/%.c $O/libsealwright.a
	@mkdir -p $(@D)
	@echo "  ld  $@"
	@$(CC) $(CPPFLAGS) -Itests $(CFLAGS) $(TEST_VFLAGS_$V) $(TEST_DEFINES) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $O/libsealwright.a $(LIBS) -lcmocka $(TEST_LIBS)
$O/tests/tokenizer/test_split: TEST_LIBS := -lpcre2-8
# Probes are programs that a test starts in the sandbox: static and without sanitizers, as a worker is.
PROBES := $(patsubst %.c,$O/%,$(wildcard tests/*/probe_*.c))
$(PROBES): $O/%: %.c $(wildcard tests/sys/probe_*.h) $(wildcard src/base/*.[ch]) src/sys/confine.c src/sys/pool.c src/sys/clock.c
	@mkdir -p $(@D)
	@echo "  ld  $@"
	@$(CC) $(CPPFLAGS) -std=c2x -O1 -g $(WARN) -Werror -pthread -static -o $@ $(filter %.c,$^)
$O/tests/sys/test_sandbox $O/tests/sys/test_command_sandbox $O/tests/sys/test_core_dump $O/tests/sys/test_kernel_log_command $O/tests/sys/test_command_limits: $(PROBES)
# What tests start: a worker that means harm, a script for a recipe with a command, a search for keys in what it could read, flips in an out folder.
HELPERS := $O/tests/run/hostile_worker $O/tests/run/fake_command $O/tests/run/find_keys $O/tests/manifest/flip_out
$O/tests/run/hostile_worker $O/tests/run/fake_command: $O/%: %.c tests/run/command_words.h $(wildcard src/base/*.[ch]) src/run/wire.c src/run/wire.h
	@mkdir -p $(@D)
	@echo "  ld  $@"
	@$(CC) $(CPPFLAGS) -Itests -std=c2x -O1 -g $(WARN) -Werror -static -o $@ $(filter %.c,$^)
tests: $(TESTS) $(HELPERS) $(FUZZ)
TEST_SCRIPTS := $(sort $(wildcard tests/*/test_*.sh tests/python/test_*.py))
test: deps
	$(call BUILD,all tests)
	SEALWRIGHT_TEST_VARIANT=$V tools/run-tests.sh $O $(TESTS) $(TEST_SCRIPTS)
# One program: make O=build/mine ROOMS="base codec" only T=codec/test_json
only: $O/tests/$T
	CMOCKA_MESSAGE_OUTPUT=TAP prove -v --exec '' $O/tests/$T

# ---- fuzz targets replay their corpora in `make test`; `make fuzz` runs them under libFuzzer ----
FUZZ_MAIN ?= fuzz/replay.c
$O/fuzz/%: fuzz/%.c fuzz/replay.c $O/libsealwright.a
	@mkdir -p $(@D)
	@echo "  ld  $@"
	@$(CC) $(CPPFLAGS) -Ifuzz $(CFLAGS) -Wno-missing-prototypes -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(FUZZ_OBJ) $(FUZZ_MAIN) $O/libsealwright.a $(LIBS)
# Of the command line, what takes bytes and knows no options.
EXPLAIN_OBJ := $(patsubst %,$O/obj/src/cli/%.o,attest_kind attest_text explain)
$O/fuzz/fuzz_explain: FUZZ_OBJ := $(EXPLAIN_OBJ)
$O/fuzz/fuzz_explain: $(EXPLAIN_OBJ)
fuzz: DEPS_FOR := fuzz
fuzz: deps
	tools/fuzz.sh $(ONLY)

deps:
	@mk/deps.sh $(DEPS_FOR)
check: DEPS_FOR := check
check: deps
	tools/check.sh
run: deps
	$(call BUILD,all)
	examples/three-hospitals/run
parity: DEPS_FOR := parity
parity: deps
	$(call BUILD,all)
	tools/parity.sh $O
native: DEPS_FOR := native
native: deps
	$(call BUILD,all)
	tools/native.sh $O
bench: DEPS_FOR := bench
bench: deps
	$(call BUILD,all)
	bench/run.sh $O $(ONLY)
wheel: DEPS_FOR := python
wheel: deps
	tools/wheel.sh $O
repro: deps
	tools/repro.sh
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/^.define SEALWRIGHT_VERSION "\(.*\)".*/\1/p' include/sealwright.h)
$O/man/sealwright.1: $O/sealwright tools/man.sh
	tools/man.sh $O/sealwright $O/man
install: all $O/man/sealwright.1
	install -D -m 755 $O/sealwright $(DESTDIR)$(PREFIX)/bin/sealwright
	install -D -m 755 $O/sealwright-worker $(DESTDIR)$(PREFIX)/libexec/sealwright/sealwright-worker
	install -D -m 644 $O/trainer.lock $(DESTDIR)$(PREFIX)/libexec/sealwright/trainer.lock
	install -D -m 644 include/sealwright.h $(DESTDIR)$(PREFIX)/include/sealwright.h
	install -D -m 755 $O/libsealwright.so $(DESTDIR)$(PREFIX)/lib/libsealwright.so.0
	ln -sf libsealwright.so.0 $(DESTDIR)$(PREFIX)/lib/libsealwright.so
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/share/man/man1
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' mk/sealwright.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/sealwright.pc
	install -m 644 $O/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
clean:
	rm -rf $O
-include $(shell find $O -name '*.d' 2>/dev/null)
