"""What Inspect loads through the ``inspect_ai`` entry point: the provider for runs.

Importing this must stay cheap: every ``inspect`` command does.
"""

from inspect_ai.model import ModelAPI, modelapi

from evals.inspect_internals import register_for_bare_names

PROVIDER = "voice"


@modelapi(name=PROVIDER)
def voice() -> type[ModelAPI]:
    """``--model voice/run2``."""
    from evals.provider import VoiceAPI

    return VoiceAPI


register_for_bare_names(voice, "voice-bare")
