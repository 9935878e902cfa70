// SPDX-License-Identifier: Apache-2.0
//
// The same library from C++: the header compiles there, its functions have C linkage, errors are
// values.
#include <sealwright.h>

#include <cstdio>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace {
sw_status append(void *context, const void *bytes, size_t size, sw_error *) {
    static_cast<std::string *>(context)->append(static_cast<const char *>(bytes), size);
    return SW_OK;
}

bool round_trip(const std::string &folder, sw_error *err) {
    sealwright_identity *me = nullptr;
    sealwright_sealer *sealer = nullptr;
    sealwright_dataset sealed{}, opened{};
    std::string file, plain;
    bool good =
        sealwright_identity_make((folder + "/cc").c_str(), "C++", nullptr, nullptr, err) == SW_OK &&
        sealwright_identity_open((folder + "/cc").c_str(), nullptr, nullptr, &me, err) == SW_OK &&
        sealwright_sealer_open(me, "text/plain", 1, append, &file, &sealer, err) == SW_OK &&
        sealwright_sealer_add(sealer, "kept apart", 10, err) == SW_OK &&
        sealwright_sealer_finish(sealer, &sealed, err) == SW_OK;
    sealwright_sealer_close(&sealer);
    int ends[2];
    if (!good || pipe(ends) != 0) return false;
    good = write(ends[1], file.data(), file.size()) == static_cast<ssize_t>(file.size());
    close(ends[1]);
    good = good && sealwright_unseal_stream(me, sealed.id, ends[0], 1, append, &plain, &opened,
                                            err) == SW_OK;
    close(ends[0]);
    sealwright_identity_close(&me);
    return good && plain == "kept apart" && opened.bytes == 10;
}
} // namespace

int main(int argc, char **argv) {
    sw_error err{};
    sealwright_verdict verdict{};
    bool sealed = round_trip(argc > 1 ? argv[1] : ".", &err);
    std::printf("%s 1 - seals and unseals through a pipe from C++%s\n", sealed ? "ok" : "not ok",
                err.message);
    bool refused = sealwright_manifest_verify("absent", nullptr, nullptr, nullptr, nullptr,
                                              &verdict, &err) == SW_MISSING;
    std::printf("%s 2 - verifies from C++\n1..2\n", refused ? "ok" : "not ok");
    return sealed && refused ? 0 : 1;
}
