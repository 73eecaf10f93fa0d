# A thin front over Meson: `make`, `make demo` and `make test` from a fresh clone do all their set-up.
# Build folders: build (gcc), build-clang, build-asan (the fuzzers, too), build-static.

BUILD   ?= build
CLANG   ?= clang-14
JOBS    ?= $(shell nproc)
SECONDS ?= 30
PREFIX  ?= /usr/local
NINJA   = ninja -j$(JOBS)

all: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD)

# Meson's own options per build folder; each is set up once and then kept
SETUP_build        =
SETUP_build-clang  = CC=$(CLANG)
SETUP_build-asan   = CC=$(CLANG)
FLAGS_build        = -Dwerror=true
FLAGS_build-clang  = -Dwerror=true
# -O1: half the time to compile, and stacks that can be read. With the second compiler: both are asked for warnings and run all unit tests
# without a build more. With the fuzzers and what they count by: a build for them alone compiled all of it a second time
FLAGS_build-asan   = -Dwerror=true -Doptimization=1 -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
FLAGS_build-static = -Dstatic=true -Dzydis_dir=$(CURDIR)/build-static/zydis

$(BUILD)/build.ninja:
	@scripts/setup.sh build
	@$(SETUP_build) meson setup $(BUILD) $(FLAGS_build) --prefix=$(PREFIX) >/dev/null || { \
		meson setup $(BUILD) $(FLAGS_build) --prefix=$(PREFIX); exit 1; }

build-clang/build.ninja build-asan/build.ninja:
	@scripts/setup.sh test
	@$(SETUP_$(@D)) meson setup $(@D) $(FLAGS_$(@D)) >/dev/null

build-static/build.ninja:
	@scripts/setup.sh static
	@scripts/static-zydis.sh build-static/zydis
	@meson setup build-static $(FLAGS_build-static) --buildtype=release --prefix=$(PREFIX) >/dev/null

clang: build-clang/build.ninja
	@$(NINJA) -C build-clang

asan: build-asan/build.ninja
	@$(NINJA) -C build-asan

# one binary that needs nothing but a kernel
static: build-static/build.ninja
	@$(NINJA) -C build-static src/cli/sonde
	@strip -o build-static/sonde build-static/src/cli/sonde
	@ls -l build-static/sonde

demo:
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory all
	@scripts/demo.sh $(BUILD)/src/cli/sonde

# everything, root wanted; ends with one line of counts
test:
	@scripts/setup.sh test
	@scripts/setup.sh vm || echo "no virtual machines: their tests are skipped"
	@# a build folder from before knows nothing of the headers that the tests have just installed, and meson keeps that
	@[ ! -f $(BUILD)/build.ninja ] || [ -x $(BUILD)/tests/progs/usdts ] || rm -rf $(BUILD)
	@python3 tests/all.py test

# the runtime tests on Debian's own kernels, in virtual machines; CHOSEN=1: some 150 of them
test-vm: all
	@scripts/setup.sh vm
	@python3 tests/vm/vm.py --build $(BUILD) --loads $(if $(CHOSEN),--chosen)

# what needs no root, in under a minute
check: all
	@python3 tests/all.py check

# how clang-format would write what deviates
format:
	@git ls-files 'src/*.[ch]' 'tests/*.[ch]' | xargs clang-format-14 --dry-run 2>&1 | grep -c 'warning:' || true

fuzzers: build-asan/build.ninja
	@# a build folder from before has none
	@grep -q fuzz_lex build-asan/build.ninja || meson configure build-asan $(FLAGS_build-asan)
	@$(NINJA) -C build-asan fuzzers

# SECONDS of each fuzzer; programs of build are among their seeds
fuzz: fuzzers
	@[ -d build/tests/progs ] || $(MAKE) --no-print-directory all
	@python3 tests/fuzz/run.py --build build-asan --seconds $(SECONDS)

# servers under load while probes come and go, CYCLES times at least for each of the user engine's; tracers and programs that are killed; random
# programs in JIT, interpreter and kernel; the runtime tests again and again under ASan and UBSan. SECONDS each
CYCLES ?= 1000
soak: all asan
	@scripts/setup.sh vm || echo "no virtual machines: their tests are skipped"
	@python3 tests/all.py soak --seconds $(SECONDS) --cycles $(CYCLES)

bench: all
	@bench/startup $(BUILD)/src/cli/sonde
	@bench/tools $(BUILD)/src/cli/sonde
	@bench/attach $(BUILD)/src/cli/sonde
	@bench/throughput $(BUILD)/src/cli/sonde
	@bench/placement $(BUILD)/src/cli/sonde
	@$(NINJA) -C $(BUILD) tests/unit/stop_bench
	@bench/user-engine $(BUILD)/src/cli/sonde
	@bench/debuginfo $(BUILD)/src/cli/sonde

install: all
	@meson install -C $(BUILD)

clean:
	rm -rf build build-clang build-asan build-static

.PHONY: all clang asan static fuzzers demo test test-vm check format fuzz soak bench install clean
