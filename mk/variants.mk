# Compiler flags by variant, and by room.
VFLAGS_release := -O2 -D_FORTIFY_SOURCE=2
VFLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DSW_VARIANT_ASAN=1
# gcc's own pages say that a sanitizer makes some of its warnings false.
VFLAGS_tsan := -O1 -fsanitize=thread -DSW_VARIANT_TSAN=1 -Wno-maybe-uninitialized
# A test's own code runs once: with sanitizers it takes three times as long to optimise as to compile.
TEST_VFLAGS_asan := -O0
TEST_VFLAGS_tsan := -O0
VLDFLAGS_asan := -fsanitize=address,undefined
VLDFLAGS_tsan := -fsanitize=thread
VFLAGS := $(VFLAGS_$V)
VLDFLAGS := $(VLDFLAGS_$V)
ifeq ($(VFLAGS),)
$(error V=$V is none of: release asan tsan)
endif
# The compute wing needs AVX2 and FMA everywhere; wider instructions are chosen at run time, function by function.
COMPUTE_CFLAGS := -march=x86-64-v3 -O3 -fno-trapping-math
ROOM_CFLAGS = $(if $(filter src/tensor/% src/train/%,$1),$(COMPUTE_CFLAGS))
WORKER_LIBS := -lutf8proc -lyaml -lseccomp -lm -lpthread
