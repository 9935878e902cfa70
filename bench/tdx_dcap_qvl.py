# SPDX-License-Identifier: Apache-2.0
"""dcap-qvl's side of tdx.py, in an environment that has it: tdx_dcap_qvl.py FOLDER ROUNDS judges the quotes that `tdx make` wrote and prints,
as `tdx first` does, the medians of one: microseconds that pass and those of processor time. The collateral is given as bytes each time, which is
the library's one way: it keeps nothing that it parsed."""
import base64
import os
import statistics
import sys
import time

import dcap_qvl


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def main():
    folder, rounds = sys.argv[1], int(sys.argv[2])
    signers = read(folder, "signers.pem").decode()
    root = base64.b64decode(signers.split("-----BEGIN CERTIFICATE-----")[2].split("-----END")[0])
    texts = {name: read(folder, name).decode() for name in ("tcb_info", "qe_identity")}
    collateral = dcap_qvl.QuoteCollateralV3(
        pck_crl_issuer_chain=signers, root_ca_crl=read(folder, "root_crl.der"), pck_crl=read(folder, "pck_crl.der"),
        tcb_info_issuer_chain=signers, tcb_info_signature=read(folder, "tcb_info.sig"), qe_identity_issuer_chain=signers,
        qe_identity_signature=read(folder, "qe_identity.sig"), **texts)
    quotes = [read(folder, name) for name in sorted(os.listdir(folder)) if name.startswith("quote-")]
    passed, used, now = [], [], int(time.time())
    for i in range(rounds):
        start, work = time.perf_counter_ns(), time.thread_time_ns()
        report = dcap_qvl.verify_with_root_ca(quotes[i % len(quotes)], collateral, root, now)
        used.append(time.thread_time_ns() - work)
        passed.append(time.perf_counter_ns() - start)
        if report.status != "UpToDate":
            sys.exit(f"the status is {report.status}")
    print(f"{statistics.median(passed) / 1e3:.1f} {statistics.median(used) / 1e3:.1f}")


if __name__ == "__main__":
    main()
