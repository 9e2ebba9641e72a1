"""A made-up writer and a made-up assistant on the same subjects, for tests of likeness."""

import pytest

from judges.reference import VoiceReference

_NAMES_OF_THINGS = "kettle stove ladder goat piano ferry umbrella printer fridge trombone bench waffle"
_THINGS = _NAMES_OF_THINGS.split()

_WRITER = (
    "The {0} cost me nineteen euros and a friendship. Halloran swore by it; Halloran also swears by leeches. "
    "On Tuesday it gave up, with style, in front of the vicar. I've kept the box. ({1})",
    "Nobody needs a {0}. Marit bought two, one for spite, and they've stood in the hall since 2014 like "
    "witnesses. I dust them. They don't thank me. Last week a child from {1} asked what they were for.",
    "I lost an argument to a {0} in Ostwick. It was eleven at night, it wouldn't budge, and a man with a ham "
    "under his arm told me to try kindness. I tried a hammer. He's still right, damn him, he and his {1}.",
)
_ASSISTANT = (
    "A {0} is an essential tool that can provide a variety of benefits for individuals and families. It is "
    "important to consider your specific needs and preferences when choosing one. Additionally, regular {1} "
    "maintenance can help to ensure optimal performance over time.",
    "There are many factors to consider when it comes to selecting a {0}. First, it is important to evaluate "
    "the quality and durability of the product. Next, consider your budget and overall {1} requirements. "
    "Ultimately, the best choice depends on your individual circumstances.",
    "Using a {0} effectively can be a rewarding experience that promotes personal growth. By following these "
    "simple steps, you can create a positive and supportive {1} environment. Remember to be patient and to "
    "communicate openly with others throughout the process.",
)


def _fill(templates: tuple[str, ...], first: int, last: int) -> tuple[str, ...]:
    return tuple(templates[i % 3].format(_THINGS[i], _THINGS[-i]) for i in range(first, last))


@pytest.fixture(scope="session")
def reference() -> VoiceReference:
    """Nine texts of each to train on and for the floor, three held out."""
    return VoiceReference(
        _fill(_WRITER, 0, 9), _fill(_WRITER, 9, 12), _fill(_ASSISTANT, 0, 9), "made-up.jsonl"
    )


@pytest.fixture(scope="session")
def assistant_texts() -> tuple[str, ...]:
    """Three further texts of the assistant."""
    return _fill(_ASSISTANT, 9, 12)
