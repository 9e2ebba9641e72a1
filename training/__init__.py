"""Pairs to masked examples to QLoRA to runs/<name>/."""

import logging

# bitsandbytes advises a package of compiled kernels when it is imported; the arithmetic without is the same.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
