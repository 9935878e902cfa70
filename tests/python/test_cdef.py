# SPDX-License-Identifier: Apache-2.0
"""What the package says of the library is what the installed header says."""
import os
import sys

import tap

sys.path.insert(0, tap.PACKAGE)
import make_cdef
from sealwright import __version__, _cdef

with open(os.path.join(tap.ROOT, "include", "sealwright.h"), encoding="ascii") as f:
    header = f.read()
with open(os.path.join(tap.PACKAGE, "sealwright", "_cdef.py"), encoding="ascii") as f:
    committed = f.read()
tap.check(make_cdef.made_from(header) == committed, "_cdef.py is what make_cdef.py makes of the header", "run python/make_cdef.py")
tap.check(make_cdef.made_from(header.replace("bool simulated;", "uint8_t simulated;")) != committed, "a changed member would be seen")
tap.equal(_cdef.SEALWRIGHT_VERSION, __version__, "package and header have one version")
with open(os.path.join(tap.ROOT, "tests", "lib", "exports.txt"), encoding="ascii") as f:
    exported = {line.strip().split("@")[0] for line in f}
tap.check(all(f"{name}(" in _cdef.CDEF for name in exported), "each exported function is declared")
for words in ("/*", "#", "SW_NODISCARD", "extern"):
    tap.check(words not in _cdef.CDEF, f"nothing of {words} is left")
with open(os.path.join(tap.PACKAGE, "pyproject.toml"), encoding="utf-8") as f:
    tap.check(f'version = "{__version__}"' in f.read(), "and the wheel has it too")
tap.finish()
