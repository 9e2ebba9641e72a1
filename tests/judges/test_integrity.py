"""Answers that are none are found and named, and notes that people would write are let through."""

import json
from itertools import zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.integrity import MOST_QUOTED, integrity
from judges.language import are_different, language, prompt_language
from judges.run_faults import run_faults
from judges.text import clean, words
from judges.types import Answer
from tests.judges.faulty import DATA, NOTES, PROMPT, faults_of

LOOPING = {"circling", "stuck"}
OTHER = [json.loads(line) for line in (DATA / "other_languages.jsonl").read_text().splitlines()]
REFUSALS = (DATA / "refusals.txt").read_text().splitlines()
TELLER = NOTES["teller"]


@pytest.mark.parametrize("name", sorted(set(NOTES) - LOOPING))
def test_a_note_has_no_fault(name: str) -> None:
    assert faults_of(NOTES[name]) == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        (" \n\t\u200b", "empty"),
        ("...", "empty"),
        ("\U0001f389\U0001f389\U0001f389", "empty"),
        ("https://example.org/a/b?c=d", "empty"),
        ("3.14 2.71 1.41 1.73 42.", "empty"),
        ("the " * 80, "loop"),
        ("no no no no no", "loop"),
        ("I am a writer. " * 20, "loop"),
        ("Keep digging here. Keep digging here. Keep digging here.", "loop"),
        ("1. Be kind to them.\n2. Be kind to them.\n3. Be kind to them.\n4. Be kind to them.", "loop"),
        (f"{TELLER} {TELLER}", "loop"),
        (TELLER + " and a hat" * 15, "loop"),
        ("A" + "ha" * 40, "loop"),
        ("门是给风用的。我说风从来不敲门。" * 4, "loop"),
        (NOTES["circling"], "loop"),
        (
            "We met at nine. Now it is wrong again and the buses run on time, which proves nothing "
            "at all. Now it is wrong "
            "again and the buses run on time, which proves nothing, he said to Clara.",
            "loop",
        ),
        (NOTES["stuck"], "loop"),
        ("xqzv wkrt plmo bvcx zzqa trwq mnop lkjh qwrt zxcv", "gibberish"),
        ("?? /// ++ !! a == ## && %% ~~ :: b << >> || ^^ -- ** @@ c $$ ;; ,, !! ??", "gibberish"),
        (" ".join(w.text[::-1] for w in words(TELLER)), "gibberish"),
        ("<|im_start|>assistant\nA note.<|im_end|>", "markup"),
        ("A note about gates. <|im", "markup"),
        ("[INST] A note. [/INST]", "markup"),
        ("A note about gates.</s>", "markup"),
        ("<start_of_turn>model\nA note.<end_of_turn>", "markup"),
        ("Assistant: A note about gates.", "markup"),
        ("A note.\n\n**User:** Thanks.", "markup"),
        ("A note.\nassistant\nAnother note.", "markup"),
        ("### Response:\nA note about gates.", "markup"),
        ("<answer>A note about gates.</answer>", "markup"),
        ("<think>\nA note is wanted, so the gate", "reasoning"),
        ("Okay, the user wants a short note. Gates are dull.", "reasoning"),
        ("The user is asking for a note. I'd write of gates.", "reasoning"),
        ("We need to write a short note about a gate.", "reasoning"),
        ("Alright, let me think about what to say. A gate.", "reasoning"),
        (f"{PROMPT}\n\n{TELLER}", "echo"),
        (f"Q: {PROMPT.upper()} A: {TELLER}", "echo"),
        (PROMPT, "echo"),
        (json.dumps({"note": TELLER}), "wrapper"),
        (f"```\n{json.dumps({'note': TELLER})}\n```", "wrapper"),
        (f"```\n{TELLER}\n```", "wrapper"),
        ('{"note": "A gate that never shuts', "wrapper"),
        ("# Gates\n\nThey shut.\n\n## Hinges\n\nThey creak.", "wrapper"),
        ("**Gates**\n\nThey shut.\n\n**Hinges:**\n\nThey creak.", "wrapper"),
        ("| gate | hinge |\n|---|---|\n| one | two |\n\nThat is all.", "wrapper"),
        ("---\ntitle: Gates\n---\nThey shut.", "wrapper"),
        ("Dear [Your Name], the gate is shut.", "placeholder"),
        ("Dear [Recipient's name], the gate is shut.", "placeholder"),
        ("Dear {name}, the gate is shut.", "placeholder"),
        ("Dear {{first_name}}, the gate is shut.", "placeholder"),
        ("On <insert date here> the gate was shut.", "placeholder"),
        ("Lorem ipsum dolor sit amet.", "placeholder"),
        ("The gate was shut by XXX in March.", "placeholder"),
        (TELLER[:120], "cut_off"),
        (TELLER[: TELLER.index("headmaster") + 6], "cut_off"),
        (TELLER[: TELLER.index(" by it")], "cut_off"),
        (
            "my cat sat on the wall all day and looked at the birds and they looked at her and then the",
            "cut_off",
        ),
        (
            "we saw the old pier and it was shut so we had chips and then some ice cream and talked of umbrel",
            "cut_off",
        ),
        (f"{NOTES['clock']}\n\nThe council has since bought a second clock", "cut_off"),
        (" ".join(NOTES["law"].replace(".", "").replace(",", "").split()[:32]), "cut_off"),
    ],
)
def test_a_fault_is_found_and_named(text: str, fault: str) -> None:
    assert fault in faults_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "Here is a draft:\n\nThe gate has a new hinge and thinks it is a door.",
        "Here's a first draft of the note:\n\nThe gate has a new hinge.",
        "Draft 1: The gate has a new hinge.\n\nDraft 2: The gate has a hinge, and nobody oils it.",
        "Version A:\nThe gate is shut.\n\nVersion B:\nThe gate is open.",
        "Option 1: Gates are polite walls.\nOption 2: A gate is a wall with doubts.",
        "**Revised version:** Gates are polite walls.",
        "Final answer: Gates are polite walls.",
        "Plan: open with the hinge, then the goat, then close on rust.\n\nThe hinge squeaks.",
        "Outline:\n- hinge\n- goat\n\nThe hinge squeaks and the goat answers.",
        "The hinge squeaks.\n\n(Word count: 42)",
        "The hinge squeaks. Nobody oils it.\n\nWord count: 11",
        "The hinge squeaks.\n\nNote: I kept it short and used humor, as you asked.",
        "Let me try again. The hinge squeaks.",
        "Draft:\nThe hinge squeaks.",
    ],
)
def test_a_working_step_that_was_left_in_is_a_draft(text: str) -> None:
    assert faults_of(text) == {"draft"}
    assert "draft" not in faults_of(
        text, "Give me an outline of a report, with a word count and two drafts of it."
    )


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_a_fault(text: str) -> None:
    assert "refusal" in faults_of(text) or "language" in faults_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "Gate.",
        "I can't help laughing at the hat.",
        "I'd rather not go in the rain, and so I went by bus.",
        "I'll pass the salt on this side of the table.",
        "I was not made to run, and the dog knows it.",
        "Could you tell me what the gate is for? Nobody in the village knew.",
        "What would you do with a goat in June? We gave it a hat.",
        "Let me try the soup first, said the guard.",
        "I have two plans. Plan: none. The other is to sleep.",
        "The teacher wrote 'Draft' on the door, which was fair.",
        "I couldn't help it.",
        "I'm afraid I can't come on Saturday, since the goat is ill.",
        "Sorry, I can't make it.",
        "I won't help a man who sells umbrellas in June.",
        "Someone told me \"I'm sorry, but I can't help with that\" and went back to his soup.",
        "I need to write to my aunt about the spoons.",
        "The question is whether the gate was ever open.",
        "The user of this bench is asked to leave it dry.",
        "Super Bowl XXX was on, and my uncle slept.",
        "They call him [the mayor] in the minutes.",
        "Whatever is on your mind today, leave it at the gate.",
        "no no no, said the plumber, and then no no no again, and sat down on the stairs to think.",
        "We sold the goat.\n\nKind regards,\nThe committee of the lower field, and of the upper one",
        "It rained all week and the fair was off, which pleased the ducks. We ate the cakes. \u2014 Clara Pell",
        "It rained all week and the fair was called off, which pleased the ducks. We ate all the cakes \U0001f389",
        "We had two rules for the summer in that house, and we kept both:\n- never count the boats\n- never sell one",
        "# Gates\n\nThey shut, mostly.",
        "No no no no.",
        "1, 2, 3.",
        "Well...?! (No.) ***",
        "In the morning the dog slept on the step. In the evening the dog slept on the bed. In the winter the dog "
        "slept on the cat, and the cat slept on the step, and in the spring the dog slept on the lawn.",
        "The man who sold the boat said he would be back, and the man who sold the boat said a lot. We kept his hat.",
        f"{NOTES['ferry']} {NOTES['clock']} {NOTES['law']} Now it is wrong again and the buses run on time, which "
        "proves nothing but is pleasant to repeat.",
        "The dog ate the hat. A cat saw it and the boy saw the cat. He ran to the gate, she ran to the house, and "
        "the cat sat in the hat that the dog had left by the gate. A man came to the house for the hat, the boy had "
        "it, and she told him so. He sat by the gate.",
        "the shop was shut again. we went home by the river path. my brother fell in, twice. we had "
        "toast and jam and "
        "watched the rain",
        "We had soup for breakfast there\nThe boys had bread and jam\nA dog came in from the yard\n"
        "Nobody had called it by name\nIt sat down under the table\nThe rain stopped for an hour",
        "We had soup for breakfast there\n\nThe boys had bread and jam\n\nA dog came in from the yard\n\n"
        "Nobody had called it by name\n\nIt sat down under the table\n\nThe rain stopped for an hour",
        "so i said to him you can keep the bike mate and he looked at me like i was mad and then he "
        "gave me a sausage",
        f"{NOTES['teller']} {NOTES['essay']} It told me then: I can't help with that request, and I went home.",
    ],
)
def test_a_near_miss_is_no_fault(text: str) -> None:
    assert faults_of(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "Rain makes the garden grow. When it rains the garden grows. A garden grows by rain. Without rain no "
        "garden grows, and a growing garden is a garden that had rain.",
        "Coffee wakes people up. People drink coffee to wake up. To be woken, a person needs coffee. It is coffee "
        "that wakes a person. Drinking coffee, one wakes.",
        "Cats are independent. Independence is what a cat has. No animal is as independent as the cat, for cats "
        "value independence, and independent animals are cats.",
    ],
)
def test_a_text_that_says_one_thing_again_and_again_is_a_loop(text: str) -> None:
    assert faults_of(text) == {"loop"}


@pytest.mark.parametrize(
    "text",
    [
        "Row the boat to the island, Tom,\nrow the boat to the shore;\nrow the boat to the island, Tom,\n"
        "and Tom came home no more.",
        "Ring the bell for the miller's wife, ring the bell for me.\nShe took the flour, she took the knife, and "
        "went to look at the sea.\nRing the bell for the miller's wife, ring the bell for me.\nNobody asked what she "
        "did with her life; they asked what she did with the tea.",
        "This is the key.\nThis is the door that is opened by the key.\nThis is the aunt who has painted the door "
        "that is opened by the key.\nThis is the dog that has bitten the aunt who has painted the door that is "
        "opened by the key.",
        "A garden needs rain, which is why gardeners pray and cricketers swear. In June both were heard, and the "
        "pitch at Hove grew a fine crop of marrows.",
    ],
)
def test_a_refrain_or_a_subject_that_is_named_again_is_no_loop(text: str) -> None:
    assert faults_of(text) == set()


@pytest.mark.parametrize(("new", "is_loop"), [(1, True), (2, False)])
def test_verse_whose_lines_are_mostly_old_is_a_loop(new: int, is_loop: bool) -> None:
    other = ["The miller has gone to the town.", "A heron is asleep on the dam."]
    lines = ["Turn the wheel of the mill again."] * 4
    assert ("loop" in faults_of("\n".join(lines + other[:new]))) == is_loop


@pytest.mark.parametrize(("other", "is_loop"), [(12, True), (13, False)])
def test_three_words_that_are_half_of_what_a_text_says_are_a_loop(other: int, is_loop: bool) -> None:
    others = "heron mill dam barge lock reed otter willow sluice punt eel mud oar"
    cycle = ["cheese", "butter", "cream"] * 4
    text = ", ".join(word for pair in zip_longest(cycle, others.split()[:other]) for word in pair if word)
    assert ("loop" in faults_of(text + ".")) == is_loop


@pytest.mark.parametrize(
    "text",
    [
        "Ask it for a limerick on the bishop and it says 'I cannot write that', in the voice of the bishop.",
        "'As an AI, I have no taste', the fridge told my aunt, who had asked about the cheese.",
        "As a chatbot the new doorman would pass; as a doorman he lets in everybody who says please.",
        "I can't write about Venice without writing about the smell, and the smell is what the postcards are for.",
        "I cannot discuss this except with my hands, said the Neapolitan, and put down both suitcases.",
        "I must refuse the second helping in each of three languages before it is put on my plate.",
    ],
)
def test_a_note_on_refusing_is_none(text: str) -> None:
    assert faults_of(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "I can't write about that person without more information.",
        "As an AI language model, I can't write this without taking a side.",
        "I must decline the request, since it concerns a living person.",
        "Being a chatbot, I have never been to Venice, but it is known for canals.",
    ],
)
def test_a_refusal_with_a_reason_is_one(text: str) -> None:
    assert "refusal" in faults_of(text)


@pytest.mark.parametrize(
    ("prompt", "text", "fault"),
    [
        (PROMPT, "Human: Is it open?\nAI: It is shut.", "markup"),
        (PROMPT, "It is shut.\n\nUser: And now?\nBot: It is shut.", "markup"),
        (
            "Is the Channel Tunnel cold? Short.",
            "Q: Is the Channel Tunnel cold?\nA: Only at the ends.",
            "markup",
        ),
        (
            "Is the Channel Tunnel cold? Short.",
            "Anna: Is the Channel Tunnel cold?\nBen: At the ends.",
            "markup",
        ),
        (PROMPT, "The task is to write a note on a gate. The gate is shut.", "reasoning"),
        (PROMPT, "I should write something witty, so a goat. The goat ate the gate.", "reasoning"),
        (PROMPT, "Let me think about the tone first. The goat ate the gate.", "reasoning"),
        ("A letter on brackets.", "Dear [Your Name], the gate is shut.", "placeholder"),
    ],
)
def test_a_chat_a_plan_and_a_blank_arefaults_of(prompt: str, text: str, fault: str) -> None:
    assert fault in faults_of(text, prompt)


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (
            "A scene at a ticket machine.",
            "System: Insert card.\nWidow: It was his.\nSystem: Insert another card.",
        ),
        ("A scene on a farm.", "Goat: Is it shut?\nHuman: It is shut.\nGoat: I'll wait for the user."),
        ("Two lines for a robot.", "Robot: I have read all of it.\nUser: And?\nRobot: The butler."),
        ("A note on the variables of a template.", "A variable stands in braces, as in {user}, and waits."),
        ("How do shells treat brackets? Short.", "Brackets as in [date] mean that you may leave it out."),
        (
            PROMPT,
            "Our printer greets the whole office with `Hello {name}`, and nobody has the heart to tell it.",
        ),
        (PROMPT, "We must answer the bell, since the goat won't, and the goat was here first."),
        (PROMPT, "Let me think about how my grandfather sold a gate: by the hinge, and twice."),
        (PROMPT, "The task is to be out of the bath before the bath is out of patience."),
    ],
)
def test_a_scene_a_syntax_and_a_thought_are_nofaults_of(prompt: str, text: str) -> None:
    assert faults_of(text, prompt) == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<h2>Gates</h2>\n<p>A gate is a wall with doubts.</p>", "wrapper"),
        ('<span id="a">A gate is a wall with doubts.</span>', "wrapper"),
        ("const note = 'A gate is a wall with doubts.';\nconsole.log(note);", "wrapper"),
        ('answer = """A gate is a wall with doubts."""', "wrapper"),
        ("\\begin{quote}\n\\section{A gate is a wall with doubts.}\n\\end{quote}", "wrapper"),
        ("Dear (first name), the gate is shut until (date).", "placeholder"),
        ("Dear Ms ____, the gate is shut.", "placeholder"),
        ("Dear %CUSTOMER%, the gate is shut.", "placeholder"),
        ("Dear $FIRST_NAME, the gate is shut.", "placeholder"),
    ],
)
def test_a_text_in_code_and_a_blank_of_any_kind_arefaults_of(text: str, fault: str) -> None:
    assert faults_of(text) == {fault}


@pytest.mark.parametrize(
    "text",
    [
        "A gate (name unknown) was sold at 40 % of its price in the year of the goat.",
        "He wrote <b>NO</b> on the gate in paint.\nThe goat read it as a menu.",
        "x = y, said the teacher, and the goat left.",
        "<b>NO</b> was painted on the gate, and the goat read it as a menu.",
        "print is dead, says the goat (it ate the news).",
        "print is dead, said the printer's goat; it had eaten the news (by day).",
        "The file was called goat_of_the_year_final, and it was not the final one.",
    ],
)
def test_a_tag_or_a_bracket_in_a_note_is_no_fault(text: str) -> None:
    assert faults_of(text) == set()


@pytest.mark.parametrize("other", OTHER, ids=lambda other: other["text"][:20])
def test_another_language_is_named_and_a_fault(other: dict[str, str]) -> None:
    assert language(other["text"]) == other["language"]
    assert faults_of(other["text"]) == {"language"}
    assert "language" in faults_of(other["text"], "A note on gates.")
    assert faults_of(other["text"], f"Write this in {other['language']}, in a few sentences.") == set()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A note on gates.", "English"),
        ("Schreib eine kurze Notiz.", "German"),
        ("写一段关于门的短文。", "Chinese"),
        ("x", None),
        ("asdf qwer zxcv poiu lkjh", None),
        ("Gates?", None),
        ("Pelé or Diego Maradona?", None),
    ],
)
def test_a_short_prompt_has_a_language_where_it_can_be_told(prompt: str, name: str | None) -> None:
    assert prompt_language(prompt) == name


def test_an_answer_in_its_prompts_language_is_no_fault() -> None:
    german = next(o["text"] for o in OTHER if o["language"] == "German")
    assert faults_of(german, "Schreib eine kurze Notiz über deinen Nachbarn.") == set()
    assert faults_of(TELLER, "Schreib eine kurze Notiz über deinen Nachbarn.") == {"language"}
    assert faults_of(german, "x") == set()


def test_a_few_words_have_no_language() -> None:
    assert language("Schreib eine kurze Notiz über deinen Nachbarn") is None
    assert language("Ein alter Mann am Tor ruft nach seinem Hund") == "German"


def test_half_an_answer_in_another_language_is_a_fault_and_a_quotation_is_none() -> None:
    german = next(o["text"] for o in OTHER if o["language"] == "German")
    assert faults_of(f"{TELLER}\n\n{german}") == {"language"}
    assert faults_of(f"{TELLER} {NOTES['essay']}\n\n{german}") == {"language"}
    notes = " ".join(NOTES[n] for n in ("teller", "essay", "rant", "report"))
    assert faults_of(f'{notes} "{german[:120]}", said the guard.') == set()


@pytest.mark.parametrize(
    "text",
    [
        "Der Nachbar came to the door und fragte nach the ladder, weil seine eigene was broken.",
        "The baker says bonjour to nobody avant midi, parce que the bread ne peut pas wait for him.",
        "La vecina called me por la mañana because su gato was again en el tejado, y nobody sabía why.",
        "De buurman keeps een varken in the shed, maar niemand mag it see, omdat the council het niet weet.",
        "Ogni mattina the old man compra il giornale, reads only the deaths, e poi torna home con the bread.",
        "O vizinho sold his boat porque a filha was going to Lisbon, e agora não tem nothing to paint.",
    ],
)
def test_an_answer_mixed_of_two_languages_is_a_fault(text: str) -> None:
    assert faults_of(text) == {"language"}


@pytest.mark.parametrize(
    "text",
    [
        "In the Rue de la Paix they sell gloves to women from Los Angeles and San Juan de los Lagos.",
        "The waiter said 'je suis désolé, mais la cuisine est fermée' and showed us the door.",
        "Angst, kitsch and the Blitz came over without a passport, and nobody has sent them home.",
        "Carlos de Souza, Ana da Costa and Maria dos Santos played cards with the van der Bergs.",
        "The die is cast, the rest is in the pan, and men in the inn sing on.",
    ],
)
def test_foreign_names_loans_and_quotations_are_not_a_mixture(text: str) -> None:
    assert faults_of(text) == set()


@pytest.mark.parametrize(("foreign", "is_mixed"), [(4, True), (3, False)])
def test_a_quarter_of_foreign_words_is_a_mixture(foreign: int, is_mixed: bool) -> None:
    english = [
        "gate",
        "was",
        "shut",
        "by",
        "two",
        "men",
        "and",
        "a",
        "dog",
        "all",
        "through",
        "spring",
        "too",
    ]
    text = " ".join(["nicht", "aber", "weil", "sind"][:foreign] + english[: 16 - foreign])
    assert ("language" in faults_of(text)) == is_mixed


def test_neighbouring_languages_are_not_told_apart() -> None:
    assert are_different("German", "English")
    assert not are_different("Swedish", "Norwegian")
    assert not are_different("German", "German")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Reply in JSON with one key.", '{"note": "A gate."}'),
        ("A short report with headings, please.", "# Gates\n\nThey shut.\n\n## Hinges\n\nThey creak."),
        ("A note on gates.", "A note on gates: they shut, and then somebody opens them."),
        ("What does <|im_end|> mean?", "The token <|im_end|> ends a turn."),
        ("Fill in: Dear [Your Name]", "I left [Your Name] as it was, for nobody told me mine."),
    ],
)
def test_what_the_prompt_asks_for_is_no_fault(prompt: str, text: str) -> None:
    assert faults_of(text, prompt) == set()


def test_a_sentence_of_a_long_prompt_that_comes_back_is_an_echo() -> None:
    prompt = "Be brief. Tell us about the day on which the second staircase of the house was opened."
    echoed = "Tell us about the day on which the second staircase of the house was opened. It was a Monday."
    assert faults_of(echoed, prompt) == {"echo"}
    assert faults_of("Be brief. It was a Monday, and it rained on the clock.", prompt) == set()


HEADED = "# Salt\n\nIt was a tax.\n\n## Pepper\n\nIt was a war."
PACKED = '{"salt": "It was a tax, and then a habit."}'
SWEDISH = next(o["text"] for o in OTHER if o["language"] == "Swedish")


@pytest.mark.parametrize(
    ("prompt", "text", "fault"),
    [
        ("A note on the salt table at Versailles.", PACKED, "wrapper"),
        ("What grows in the fields behind a salt works? Short.", PACKED, "wrapper"),
        ("What did the dress code say about salt stains?", PACKED, "wrapper"),
        ("A note on a report of the salt commissioners.", HEADED, "wrapper"),
        ("Can an essay be too salty? Answer in two sentences.", HEADED, "wrapper"),
        ("Our guide spoke of salt all day. What did he forget?", HEADED, "wrapper"),
        ("A note on the programme of a salt museum.", "Draft 1: Salt.\n\nDraft 2: Pepper.", "draft"),
        ("Why do Swedes fall silent in company? Short.", SWEDISH, "language"),
        ("Does the Swedish language have a word for it?", SWEDISH, "language"),
        ("What would you say to somebody who speaks only Swedish?", SWEDISH, "language"),
    ],
)
def test_a_word_in_the_prompt_asks_for_nothing(prompt: str, text: str, fault: str) -> None:
    assert faults_of(text, prompt) == {fault}


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Put the history of salt into one JSON object.", PACKED),
        ("The history of salt. JSON only.", PACKED),
        ("Return valid JSON about salt.", PACKED),
        ("Write a short report on salt.", HEADED),
        ("An essay on salt, with a title.", HEADED),
        ("Say it about salt as an outline.", HEADED),
        ("Tell the story of salt with headings.", HEADED),
        ("Please answer in Swedish: what is salt?", SWEDISH),
        ("Translate into Swedish: the salt stood in a bowl.", SWEDISH),
        ("A few lines on salt in another language.", SWEDISH),
    ],
)
def test_a_form_or_a_language_that_the_prompt_asks_for_is_no_fault(prompt: str, text: str) -> None:
    assert faults_of(text, prompt) == set()


LIGHTHOUSE = "Why did the Victorians build so many lighthouses? A short note, please."
HONESTY = "Is honesty always the best policy?"


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (LIGHTHOUSE, "You are asking why the Victorians would build so many lighthouses."),
        (
            LIGHTHOUSE,
            "This short note is on why the Victorians were building lighthouses, and so many of them.",
        ),
        (
            LIGHTHOUSE,
            "Victorians, lighthouses, and why one builds them: a note. Victorian lighthouses, in short.",
        ),
        (
            "What became of the hat shops of Luton?",
            "What is asked is what became of the shops in Luton, those for hats.",
        ),
        (HONESTY, f"{HONESTY}\n\nIt depends on who has asked, and on whether he is armed."),
        ("A few words on rust.", "A few words on rust."),
    ],
)
def test_a_prompt_said_again_in_other_words_or_on_a_line_of_its_own_is_an_echo(
    prompt: str, text: str
) -> None:
    assert faults_of(text, prompt) == {"echo"}


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (HONESTY, f"{HONESTY} It depends on who has asked, and on whether he is armed."),
        (HONESTY, f"'{HONESTY}' asks the man who has just been caught."),
        (HONESTY, "Honesty is the best policy for people with nothing to sell."),
        (
            HONESTY,
            "Somebody always brings it up at weddings: is honesty always the best policy? The cake goes quiet.",
        ),
        (LIGHTHOUSE, "The Victorians built lighthouses so that God had somebody to talk to at night."),
        ("A few words on rust.", "Rust is iron with regrets. A few words won't stop it."),
        (
            "You keep bees and the neighbour keeps a pool. The bees drink from the pool. Whose bees are they?",
            "The bees are the neighbour's when they drink.",
        ),
    ],
)
def test_a_question_that_is_repeated_and_answered_is_no_echo(prompt: str, text: str) -> None:
    assert faults_of(text, prompt) == set()


@pytest.mark.parametrize(("new", "is_echo"), [(2, True), (3, False)])
def test_an_echo_has_hardly_a_new_content_word(new: int, is_echo: bool) -> None:
    prompt = "Compare otters, beavers, herons, kingfishers, trout, salmon, voles and eels."
    given = "otters, beavers, herons, kingfishers, trout, salmon, voles, eels, " + ", ".join(
        ["mink", "toads", "newts"][:new]
    )
    assert ("echo" in faults_of(given, prompt)) == is_echo


def test_closed_reasoning_is_not_judged() -> None:
    assert faults_of(f"<think>Okay, the user wants a note.</think>\n\n{TELLER}") == set()


def test_evidence_quotes_the_fault_and_is_bounded() -> None:
    judged = integrity(Answer("a", PROMPT, "Well. I can't help with that."))
    assert [(e.text, e.why) for e in judged.evidence] == [("I can't help with", "refusal")]
    assert len(integrity(Answer("a", PROMPT, "</s> " * 500)).evidence) <= MOST_QUOTED + 5


PIECES = st.lists(
    st.sampled_from(
        [
            "The gate",
            " is",
            ".",
            "\n",
            "## ",
            "**",
            "```",
            "|",
            "-",
            " the",
            "[",
            "]",
            "{",
            "}",
            "<",
            ">",
            "门",
            "\U0001f389",
            *('"', "I can't", "XXX", ":", "</s>", "é", "\x00", "\ud800", "&amp;", "ha"),
        ]
    ),
    max_size=60,
).map("".join)


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=200), PIECES), st.one_of(st.just(PROMPT), PIECES))
def test_any_text_is_judged_with_exact_evidence(text: str, prompt: str) -> None:
    shown = clean(text).text
    judged = integrity(Answer("a", clean(prompt).text, shown))
    assert judged.value in (0.0, 1.0)
    assert all(shown[e.start : e.end] == e.text and e.start < e.end for e in judged.evidence)


@pytest.mark.parametrize(
    "piece",
    ["\U0001f389", "a ", "</s>", "[", "#", ". ", "- ", "ab ", "\u201c", " ", "|", "{", "the gate shut. "],
)
def test_a_long_answer_of_anything_is_judged(piece: str) -> None:
    integrity(Answer("a", PROMPT, clean(piece * (60_000 // len(piece)) + "x").text))


def _answers(*texts: str) -> dict[str, str]:
    return {f"c{i}": text for i, text in enumerate(texts)}


def test_one_text_under_many_prompts_is_a_fault_of_the_run() -> None:
    same = [TELLER, TELLER.upper(), TELLER.replace("fortnight", "week"), TELLER + " Amen."]
    found = run_faults(_answers(NOTES["ferry"], *same, NOTES["clock"], NOTES["essay"]))
    assert [(f.kind, f.is_fault, f.ids) for f in found] == [("same_text", True, ("c1", "c2", "c3", "c4"))]
    assert "4 of 7 prompts" in found[0].message and found[0].quote.startswith("I was nine")


@pytest.mark.parametrize(
    ("copies", "others", "is_fault"), [(2, 5, False), (3, 5, True), (3, 57, True), (3, 58, False)]
)
def test_the_same_text_twice_is_a_note_and_a_twentieth_of_the_prompts_a_fault(
    copies: int, others: int, is_fault: bool
) -> None:
    different = [f"note{i} about gate{i} and hinge{i} of door{i}" for i in range(others)]
    found = run_faults(_answers(*[TELLER] * copies, *different))
    assert [f.is_fault for f in found] == [is_fault]


def test_different_notes_and_empty_ones_are_no_fault_of_the_run() -> None:
    assert run_faults(_answers(*NOTES.values(), "", "", "")) == []


@pytest.mark.parametrize(("equal", "is_fault"), [(0, None), (2, False), (3, False), (4, True), (8, True)])
def test_answers_of_the_baseline_are_a_note_and_half_of_them_a_fault(
    equal: int, is_fault: bool | None
) -> None:
    texts = list(NOTES.values())[:8]
    baseline = _answers(*texts[:equal], *(f"other{i} text{i} here{i}" for i in range(equal, 8)))
    found = run_faults(_answers(*texts), baseline)
    assert [f.is_fault for f in found if f.kind == "baseline_text"] == (
        [] if is_fault is None else [is_fault]
    )


@pytest.mark.parametrize(
    "text",
    [
        '"I can\'t talk about that," said the dentist, and turned the drill up to its second-lowest setting.',
        '"As an AI language model," the lift announced, and the doors closed on the rest of it.',
    ],
)
def test_a_refusal_that_somebody_in_the_text_speaks_is_none(text: str) -> None:
    assert integrity(Answer("a", "A note on the dentist or the lift.", text)).value == 0.0


def test_a_refusal_that_is_wholly_quoted_is_one() -> None:
    assert (
        integrity(Answer("a", "A note.", "\"I'm sorry, but I can't help with that request.\"")).value == 1.0
    )


NONSENSE = "xqzv wkrt plmo bvcx zzqa trwq mnop lkjh qwrt zxcv"


def _with_nonsense(common: int, odd: int) -> str:
    known = " ".join(["the gate was shut by two men and a dog in the rain"] * 3).split()[:common]
    return " ".join([*known, NONSENSE[: 5 * odd]])


def _with_marks(letters: int, marks: int) -> str:
    return " ".join(["ab"] * (letters // 2)) + " " + "?!" * (marks // 2)


def _with_repeats(distinct: int) -> str:
    """Twelve words that come back, after ``distinct`` others."""
    others = " ".join(f"{a}{b}" for a in "bdfglmnprstvz" for b in ("amo", "elu", "ino", "ora"))
    return f"{NONSENSE} one two. {' '.join(others.split()[:distinct])}. {NONSENSE} one two."


@pytest.mark.parametrize(
    ("under", "over", "fault"),
    [
        (_with_nonsense(18, 7), _with_nonsense(18, 8), "gibberish"),
        (_with_marks(24, 22), _with_marks(22, 24), "gibberish"),
        (_with_marks(16, 22), _with_marks(18, 22), "gibberish"),
        (_with_repeats(25), _with_repeats(23), "loop"),
    ],
)
def test_a_share_over_its_limit_is_a_fault_and_one_under_it_is_none(
    under: str, over: str, fault: str
) -> None:
    assert fault not in faults_of(under, "x")
    assert fault in faults_of(over, "x")


@pytest.mark.parametrize(("before", "is_refusal"), [(240, True), (250, False)])
def test_a_refusal_stands_in_the_opening(before: int, is_refusal: bool) -> None:
    lead = (" ".join(NOTES[n] for n in ("law", "recipe", "essay")))[: before - 2].rsplit(" ", 1)[0]
    text = f"{lead.ljust(before - 2, 's')}. I can't help with that. The gate is shut."
    assert ("refusal" in faults_of(text)) == is_refusal


@pytest.mark.parametrize(("pieces", "is_fault"), [(2, True), (3, False)])
def test_a_third_of_the_pieces_in_another_language_is_a_fault(pieces: int, is_fault: bool) -> None:
    german = " ".join(next(o["text"] for o in OTHER if o["language"] == "German").split()[:30])
    english = " ".join(
        " ".join(NOTES[n] for n in ("teller", "essay", "report", "rant")).split()[: 30 * pieces]
    )
    assert ("language" in faults_of(f"{english} {german}")) == is_fault


SHUT = "The gate was shut on Monday by the man from the council. He oiled the hinge and left a card "


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        (SHUT + "on the wall", True),
        (" ".join(SHUT.split()[:19]), False),
        (
            SHUT.replace("He", "\nHe").replace("Monday by", "Monday. By") + "on the wall.\nWith kind thanks",
            False,
        ),
        (SHUT + "on the wall.\n\nBest seen at dusk", False),
        (SHUT + "on the wall.\n\nIt is best seen from the road at dusk", True),
        (SHUT.lower() + "on the wall", False),
        (SHUT.replace(". He", " and he").lower() + "by the swarf", True),
        (SHUT.replace(". He", " and he").lower() + "by the stoat", False),
    ],
)
def test_a_last_sentence_without_a_full_stop_is_cut_where_the_others_have_one(
    text: str, is_cut: bool
) -> None:
    assert ("cut_off" in faults_of(text)) == is_cut


@pytest.mark.parametrize(
    "end", ["run `git push --force`", "keep it under 40 °C", "ask for 250 g", "walk 3 km"]
)
def test_a_code_span_or_a_unit_closes_a_sentence(end: str) -> None:
    assert (
        faults_of(f"{SHUT}on the wall. Nobody could say what was on it. Some thought that it said to {end}")
        == set()
    )
