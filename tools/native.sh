#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The processor's own bf16 instruction where no processor at hand has it (NUM-091): Bochs interprets one that does, and in it run the tests
# of products, attention and whole runs, and `sealwright train`, whose output must have the bytes of the same command here. Bochs and a kernel
# are fetched and built once, into build/native. native.sh O. TAP on stdout.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. tests/plain_recipe.sh
objects=$(cd "${1:-build/release}" && pwd) || exit 1
place=$PWD/build/native
limit_s=${NATIVE_LIMIT_S:-900} # of the guest, from power on to power off
memory_mib=768
programs=(tensor/test_gemm_native tensor/test_attention_native tensor/test_nf4 train/test_bits)
methods=(full lora qlora) profiles=(bf16-dp bf16-amx)
settings='per_device_train_batch_size: 3, gradient_accumulation_steps: 2, max_steps: 2, max_length: 120'
adapter='lora_dropout: 0.1, target_modules: [q_proj, v_proj, down_proj]'
mkdir -p "$place"
count=0 failed=0
say() { # say STATUS NAME
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2" && failed=1; fi
}
give_up() { # give_up WHY [LOG]
    echo "Bail out! $1"
    [ -z "${2:-}" ] || tail -n 20 "$2" | sed 's/^/# /' >&2
    exit 1
}

# ---- what is fetched from Debian 13: Bochs 3.0 as source (Debian 12 has 2.7, which lacks the instruction), and a kernel (Bochs does not
# get through the start of Debian 12's 6.1) ----
apt_here() { # apt-get and apt-cache with lists of their own, the system's mirror and keys
    local program=$1 apt=$place/apt
    shift
    "$program" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
        -o Dir::State::status=/dev/null -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}
fetch() {
    local apt=$place/apt mirror kernel keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1)
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$place/bochs-source"
    printf 'deb [arch=amd64 signed-by=%s] %s trixie main\ndeb-src [signed-by=%s] %s trixie main\n' \
        "$keys" "${mirror:=http://deb.debian.org/debian}" "$keys" "$mirror" >"$apt/sources.list"
    apt_here apt-get update -qq || return 1
    kernel=$(apt_here apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-\)/\1/p')
    (cd "$apt" && rm -f ./*.deb ./*.tar.xz && apt_here apt-get download -qq "$kernel" && apt_here apt-get source -qq --download-only --tar-only bochs) || return 1
    dpkg-deb --fsys-tarfile "$apt"/linux-image-*.deb | tar -xO --wildcards './boot/vmlinuz-*' >"$place/vmlinuz.new" || return 1
    tar -xJ --no-same-owner -f "$apt"/bochs_*.orig.tar.xz -C "$place/bochs-source" --strip-components=1 && mv "$place/vmlinuz.new" "$place/vmlinuz" && rm -rf "$apt"
}
# Where normal numbers of the same exponent are subtracted and the difference lies in the smallest normal binade, Bochs 3.0 takes it for a
# denormal and flushes it; a processor does not (its exponent is 1 once the leading bit of the fraction is added).
mend_bochs() {
    local hidden file
    for hidden in 32:0x00800000 64:0x0010000000000000; do
        file=cpu/softfloat3e/s_subMagsF${hidden%%:*}.c
        sed -i "s/if (!expZ && sigDiff) {/if (!expZ \&\& !((sigDiff << shiftDist) \& UINT${hidden%%:*}_C(${hidden#*:}))) {/" "$file" && grep -q "shiftDist) & UINT" "$file" || return 1
    done
}
build_bochs() { # without a screen, sound, network or debugger, and without our make's flags: its makefiles need the built-in rules
    (cd "$place/bochs-source" && mend_bochs && ./configure -q --enable-cpu-level=6 --enable-x86-64 --enable-avx --enable-evex --enable-all-optimizations --with-nogui \
        --disable-docbook CFLAGS='-O2 -w' CXXFLAGS='-O2 -w' && MAKEFLAGS='' make -s -j"$(nproc)" bochs) && mv "$place/bochs-source/bochs" "$place/bochs"
}
[ -s "$place/vmlinuz" ] || fetch >"$place/fetch.log" 2>&1 || give_up 'neither Bochs nor a kernel can be fetched' "$place/fetch.log"
[ -x "$place/bochs" ] || build_bochs >"$place/build.log" 2>&1 || give_up 'Bochs does not build' "$place/build.log"

# ---- what runs, here and there ----
work=$(mktemp -d "$place/run.XXXXXX")
guest=
trap '[ -z "$guest" ] || kill "$guest"; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT
make -s --no-print-directory O="${1:-build/release}" "${programs[@]/#/${1:-build/release}/tests/}" >&2 || give_up 'the tests do not build'

# The guest's root: what is run, the libraries that it names, and a python3 that hands out the miniature, which needs Python to be made.
root=$work/root
mkdir -p "$root"/{bin,dev,proc,tmp,lib64,run/tests/parity}
cp -r tests/parity/data "$root/run/tests/parity/data"
python3 tools/make-miniature.py "$root/run/model" --dtype bf16 >/dev/null || give_up 'no miniature model'
for method in "${methods[@]}"; do
    for profile in "${profiles[@]}"; do
        plain_recipe "$method" "$settings" "$adapter" | sed "s/profile: bf16-dp/profile: $profile/" >"$root/run/$method-$profile.yaml"
        grep -q "profile: $profile}" "$root/run/$method-$profile.yaml" || give_up 'no recipe'
    done
done
install -D "$objects/sealwright" -t "$root/run"
for program in "${programs[@]}"; do install -D "$objects/tests/$program" "$root/run/$program"; done
ldd "$objects/sealwright" "${programs[@]/#/$objects/tests/}" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\t\(\/lib64[^ ]*\) .*/\1/p' | sort -u | while read -r library; do
    install -D "$library" "$root$library"
done
cp "$(command -v busybox)" "$root/bin/busybox"
printf '#!/bin/sh\nset -e\n[ "$3 $4" = "--dtype bf16" ]\ncp /run/model/* "$2"\n' >"$root/bin/python3"

# What the two do alike, with busybox in both: whole runs by one thread and by two, and the bytes that they made.
cat >"$root/run/train.sh" <<'SH'
for method in "$@"; do
    for threads in 1 2; do
        out=$made/$method-$threads
        ./sealwright train $method.yaml --model model --data tests/parity/data/pairs.jsonl --out $out --threads $threads >$out.log 2>&1 || { cat $out.log; exit 1; }
        (cd $out && find . -type f | sort | while read -r file; do echo "made $method $threads $file $(sha256sum <$file)"; done)
    done
done
SH
cat >"$root/init" <<'SH'
#!/bin/busybox sh
export PATH=/bin HOME=/tmp
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t devtmpfs none /dev
cd /run
grep -m 1 '^model name' /proc/cpuinfo
grep -q '^flags.* avx512_bf16' /proc/cpuinfo && echo 'the instruction is there'
timed() { # timed NAME COMMAND...: its lines with its name, and its end
    local name=$1 from=$(cut -d. -f1 /proc/uptime)
    shift
    "$@" >/tmp/log 2>&1
    local code=$?
    sed "s|^|$name: |" /tmp/log
    echo "$name ended $code after $(($(cut -d. -f1 /proc/uptime) - from))"
}
export CMOCKA_MESSAGE_OUTPUT=TAP made=/tmp
while read -r program; do timed $program ./$program; done <programs
timed train sh train.sh $(cat recipes)
echo 'the guest is done'
sleep 2 # the line sends what it holds
poweroff -f
SH
printf '%s\n' "${programs[@]}" >"$root/run/programs"
(cd "$root/run" && printf '%s\n' *.yaml | sed 's/\.yaml$//') >"$root/run/recipes"
chmod 755 "$root/init" "$root/bin/python3"

boot_image() {
    mkdir -p "$work/iso"
    (cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$work/iso/initrd" &&
        cp "$place/vmlinuz" "$work/iso/vmlinuz" && cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso" &&
        printf 'DEFAULT l\nLABEL l\nKERNEL vmlinuz\nAPPEND initrd=initrd console=ttyS0,115200 quiet %s\n' \
            'no5lvl nokaslr mitigations=off random.trust_cpu=on tsc=reliable panic=-1' >"$work/iso/isolinux.cfg" &&
        xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso"
}
boot_image >"$work/image.log" 2>&1 || give_up 'no image to boot' "$work/image.log"
cat >"$work/bochsrc" <<RC
cpu: model=sapphire_rapids, count=1, ips=200000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=$memory_mib, host=$memory_mib
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
display_library: nogui
clock: sync=none
log: $work/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
RC
(ulimit -v $(((memory_mib + 512) * 1024)) && exec setsid timeout --kill-after=5 "$limit_s" "$place/bochs" -q -f "$work/bochsrc" </dev/null >"$work/bochs.out" 2>&1) &
guest=$!
wait "$guest"
guest=
tr -d '\r' <"$work/serial" >"$work/said"

# ---- judged ----
grep -qx 'the guest is done' "$work/said"
say $? "a guest with the instruction runs to its end within $limit_s s"
grep -qx 'the instruction is there' "$work/said"
say $? 'its processor has VDPBF16PS'
for program in "${programs[@]}"; do
    while read -r result; do
        [ "${result%% *}" = ok ]
        say $? "$program: $(sed 's/^\(not \)\?ok [0-9]* - //' <<<"$result")"
    done < <(sed -n "s|^$program: \(\(not \)\?ok .*\)|\1|p" "$work/said")
    grep -q "^$program ended 0 " "$work/said" && ! grep -q -e "^$program: .*SKIP" -e "^$program: .*VDPBF16PS is not there" "$work/said"
    say $? "$program: all of it"
done
made=$work/made
mkdir "$made"
(cd "$root/run" && made=$made busybox sh train.sh $(cat recipes)) >"$work/here" || cat "$work/here" >&2
for method in $(cat "$root/run/recipes"); do
    [ "$(grep -c "^made $method " "$work/here")" -ge 4 ] && diff <(grep "^made $method " "$work/here") <(sed -n "s/^train: \(made $method .*\)/\1/p" "$work/said") >&2
    say $? "sealwright train, $method, one thread and two: the same bytes as here"
done
! grep -q '^flags.* avx512_bf16' /proc/cpuinfo || echo '# this processor has VDPBF16PS too, so what was made here was made with it'
! grep -q '^flags.* amx_bf16' /proc/cpuinfo || echo '# and so it is with TDPBF16PS'
[ $failed -eq 0 ] || { tail -n 30 "$work/said"; tail -n 5 "$work/bochs.log" "$work/bochs.out"; } 2>/dev/null | sed 's/^/# /'
echo "1..$count"
exit $failed
