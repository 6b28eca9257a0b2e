"""`azremedy explain`: whatever is pasted is known for what it is, or refused with what may be meant."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, azremedy, command, environment
from documents import HOSTILE
from jsonschema import Draft202012Validator

from azremedy import explanation
from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS
from azremedy.causes import causes
from azremedy.explanation import Explanation, Kind
from azremedy.playbook import load
from azremedy.report import explained, symptoms_page
from azremedy.report.explanation import document
from azremedy.report.schema import schema

ROOT = Path(__file__).parents[1]
CARDS = load()
JOB = "5f2a1d1c-0b7e-4d52-9a55-3c1be4a3c0de"

SIX = {
    "UserErrorGuestAgentStatusUnavailable": (
        "El agente de máquina virtual no se puede comunicar con Azure Backup",
        "VM Agent unable to communicate with Azure Backup",
    ),
    "ExtensionSnapshotFailedNoNetwork": (
        "Error de la operación de instantánea debido a que no hay conectividad de red en la máquina virtual",
        "Snapshot operation failed due to no network connectivity on the virtual machine",
    ),
    "ExtensionOperationFailedForManagedDisks": (
        "Error en la operación de extensión VMSnapshot",
        "VMSnapshot extension operation failed",
    ),
    "GuestAgentSnapshotTaskStatusError": (
        "No se puede realizar la operación: el agente de máquina virtual no responde",
        "Unable to perform the operation as the VM Agent is not responsive",
        "Could not communicate with the VM agent for snapshot status",
    ),
    "BackUpOperationFailed": (
        "Error interno al realizar la copia de seguridad. Intente volver a realizar la operación en unos minutos",
        "Backup failed with an internal error - Please retry the operation in a few minutes",
    ),
    "UserErrorUnsupportedDiskSize": (
        "No se admite la configuración de disco especificada",
        "The specified Disk configuration is not supported",
        "Currently Azure Backup does not support disk sizes greater than 1023GB",
    ),
}
"""The six messages of the origin document and their English forms."""

NO_ACCENTS = str.maketrans("áéíóúñÁÉÍÓÚÑ", "aeiounAEIOUN")
LOST_ACCENTS = str.maketrans(dict.fromkeys("áéíóúñ", "\ufffd"))


def mistyped(text: str) -> str:
    """The text with two letters of its longest word changed over."""
    word = max(text.split(), key=len)
    return text.replace(word, word[:3] + word[4] + word[3] + word[5:])


PASTED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in quotes": lambda text: f'"{text}"',
    "in smart quotes": lambda text: f"“{text}”",
    "in angle quotes, after a word": lambda text: f"Mensaje de error: «{text}».",
    "in capitals": str.upper,
    "without accents": lambda text: text.translate(NO_ACCENTS),
    "with accents that broke": lambda text: text.translate(LOST_ACCENTS),
    "with the job's id behind": lambda text: f"{text}. Job ID: {JOB}",
    "between a time and a VM": lambda text: f"2018-02-01 03:12 {text} (sql1)",
    "over several lines": lambda text: text.replace(" ", "\r\n", 3),
    "with a typo": mistyped,
    "with a typo, in capitals, behind a word": lambda text: f"ERROR {mistyped(text).upper()} {JOB}",
}


def found(asked: str) -> Explanation:
    made = explanation.find(asked, CARDS)
    assert made is not None, asked
    return made


def told(ended: Ended) -> Any:
    """Return the one explanation that a command wrote as JSON."""
    assert (ended.code, ended.err) == (0, "")
    made = json.loads(ended.out)
    Draft202012Validator(schema("explanation")).validate(made)
    [one] = made["explanations"]
    return one


@pytest.mark.parametrize("how", PASTED)
@pytest.mark.parametrize(
    ("code", "text"), [(code, text) for code, texts in SIX.items() for text in texts], ids=str
)
def test_a_message_of_the_origin_is_known(code: str, text: str, how: str) -> None:
    made = found(PASTED[how](text))

    assert (made.kind, made.id) == (Kind.SYMPTOM, code)
    assert (made.taken_for is None) or "typo" in how or "broke" in how


def names() -> Iterator[tuple[str, Kind, str]]:
    for symptom in SYMPTOMS:
        for name in (symptom.code, *symptom.spellings, *map(str, symptom.numbers)):
            yield name, Kind.SYMPTOM, symptom.code
    for result in EXTENSION_RESULTS:
        yield str(result.number), Kind.RESULT, str(result.number)
        if result.name:
            yield result.name, Kind.RESULT, str(result.number)
    for id_ in causes():
        yield id_, Kind.CAUSE, id_
    for id_ in CARDS:
        yield id_, Kind.PLAYBOOK, id_


@pytest.mark.parametrize(("asked", "kind", "id_"), list(names()))
@pytest.mark.parametrize("how", [str, str.lower, str.upper, lambda name: f"  '{name}',\n"])
def test_every_code_number_cause_and_playbook_is_known_by_its_name(
    asked: str, kind: Kind, id_: str, how: Any
) -> None:
    made = found(how(asked))

    assert (made.kind, made.id) == (kind, id_)


@pytest.mark.parametrize("id_", CARDS)
def test_every_playbook_is_explained_with_all_that_see_its_causes(id_: str) -> None:
    made = document([found(id_)], CARDS, id_)
    named = {id_, *(seer for cause in made["causes"] for seer in cause["playbooks"])}
    screen, page = explained.text(made, width=2_000), symptoms_page.text(made)

    assert {card["id"] for card in made["playbooks"]} == named
    assert all(f"{seer} (" in screen and f"{seer} (" in page for seer in named if made["causes"])


@pytest.mark.parametrize(
    ("asked", "id_"),
    [
        ("Microsoft.Azure.RecoveryServices.VMSnapshotLinux: ErrorCode=402 after 3 tries", "402"),
        ("T:S failed with FailedHandlerGuestAgentCertificateNotFound", "16"),
        ("The backup extension failed with error code 76.", "ExtensionSnapshotFailedNoNetwork"),
        ("Error UserErrorRpCollectionLimitReached in job 1", "UserErrorRpCollectionLimitReached"),
        ("restore_point_lock", "restore-point-lock"),
    ],
)
def test_a_name_within_a_text_is_found(asked: str, id_: str) -> None:
    assert found(asked).id == id_


def test_causes_come_in_the_documented_order_with_parts_for_the_whole() -> None:
    made = found("ExtensionSnapshotFailedNoNetwork")

    assert [one.id for one in made.causes] == ["C4a", "C4b", "C4c", "C1", "C1w", "C5"]
    assert made.editions[0].causes == ("C1", "C4", "C5")


def test_what_sees_a_cause_is_what_the_cards_say() -> None:
    for one in causes().values():
        card = {id_ for id_, playbook in CARDS.items() if one.id in playbook.causes}
        assert card <= set(explanation.seers(one, CARDS))
    assert explanation.seers(causes()["C1"], CARDS) == ("storage-egress", "egress-route", "wire-server")
    assert explanation.seers(causes()["C20"], {}) == ()


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("UserErrorRpCollectionLimtReached", "Did you mean 'UserErrorRpCollectionLimitReached'"),
        ("restore-point-lok", "Did you mean 'restore-point-lock'"),
        ("RpCollection", "Did you mean 'UserErrorRpCollectionLimitReached'"),
        ("VM Agent unable to", "Did you mean 'VM Agent unable to communicate with Azure Backup'"),
        ("no se puede comunicar", "'El agente de máquina virtual no se puede comunicar con Azure Backup'"),
        ("4711", "Of most numbers in jobs no meaning is published: paste the text that stands beside it"),
        ("my cat is asleep", "'azremedy explain --all' lists what is known."),
        ("", "Say what to explain, such as UserErrorRpCollectionLimitReached, C6 or a pasted message;"),
    ],
)
def test_what_is_not_known_is_refused_in_one_sentence_with_what_may_be_meant(asked: str, hint: str) -> None:
    ended = azremedy("explain", asked)

    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert hint in ended.err


def test_words_that_the_shell_split_are_joined() -> None:
    words = SIX["BackUpOperationFailed"][1].split()
    one = told(azremedy("explain", *words, "-o", "json"))

    assert one["id"] == "BackUpOperationFailed"


def test_a_text_comes_from_standard_input_too() -> None:
    ended = subprocess.run(
        command("explain", "-", "-o", "json"),
        input="El agente de máquina virtual\nno se puede comunicar con Azure Backup\n",
        env=environment(PYTHONUTF8="1"),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )

    assert json.loads(ended.stdout)["explanations"][0]["id"] == "UserErrorGuestAgentStatusUnavailable"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_text_around_a_message_is_not_obeyed(text: str) -> None:
    asked = f"{text} VM Agent unable to comunicate with Azure Backup {text}"
    made = explanation.find(asked, CARDS)
    if made is None:
        assert all(isinstance(one, str) for one in explanation.suggestions(asked, CARDS))
        return
    whole = document([made], CARDS, asked)
    shown = explained.text(whole) + symptoms_page.text(whole)

    assert made.id == "UserErrorGuestAgentStatusUnavailable"
    assert "\x1b" not in shown
    assert "##vso[" not in shown.lower()


@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b[0m \u202egnp", "##vso[task.complete]", "[bold]x[/bold]", "--", "%s{0}"]
)
def test_hostile_text_that_is_not_known_is_shown_and_not_obeyed(text: str) -> None:
    ended = azremedy("explain", "--", text)

    assert ended.code == 2
    assert "\x1b" not in ended.err
    assert "\u202e" not in ended.err
    assert "##vso[" not in ended.err


@pytest.mark.parametrize("form", ["json", "yaml", "markdown", "table"])
def test_hostile_text_comes_back_harmless_in_every_output(form: str) -> None:
    asked = "\x1b[31m ##vso[task.complete] UserErrorRpCollectionLimitReached <img src=x>"
    ended = azremedy("explain", "-o", form, asked)

    assert (ended.code, ended.err) == (0, "")
    assert "\x1b" not in ended.out
    assert "##vso[" not in ended.out
    assert "<img" not in ended.out or form in {"json", "yaml"}


@pytest.mark.parametrize(
    "text",
    ["x" * 100_000, "Backup failed " * 7_000, "ﷺ" * 30_000, "extension " * 10_000, "Error interno " * 7_000],
    ids=["one word", "words of a message", "letters that unfold", "a regular expression", "words in Spanish"],
)
def test_a_hundred_kilobytes_are_answered_at_once(text: str) -> None:
    began = time.perf_counter()
    explanation.find(text, CARDS)
    explanation.suggestions(text, CARDS)

    assert time.perf_counter() - began < 2


def test_a_long_text_is_not_repeated_in_the_answer() -> None:
    assert len(azremedy("explain", "x" * 100_000).err) < 400


def test_the_screen_answers_every_question_in_order() -> None:
    shown = azremedy("explain", "UserErrorRpCollectionLimitReached", COLUMNS="400").out
    asked = (
        "The VM has as many restore points as it may have", "1. C6  A lock keeps old restore points",
        "seen by       restore-point-lock: A lock keeps", "azremedy can  restore-point-lock (guarded): Lift the lock",
        "by hand       Have whoever placed the lock", "in 2018       The points lay in the VM's own group",
        "today         The points lie in a group of the service's own", "sources       SEED, T18b, T25",
        "2. C13  The VM has too many restore points", "as the documents list them: 2025: C6 C13",
    )  # fmt: skip

    for part in asked:
        _, met, shown = shown.partition(part)
        assert met == part


def test_a_cause_that_no_playbook_sees_says_what_would_tell() -> None:
    shown = explained.text(document([found("C26")], {}), width=200)

    assert "no playbook; what would tell: the job of the policy's change in the vault" in shown


@pytest.mark.parametrize("asked", ["UserErrorGuestAgentStatusUnavailable", "402", "C4", "C6", "disk-size"])
@pytest.mark.parametrize("width", [40, 120])
def test_the_screen_keeps_to_its_width(asked: str, width: int) -> None:
    shown = explained.text(document([found(asked)], CARDS), width=width)

    assert max(map(len, shown.splitlines())) <= width


def test_everything_is_explained_at_once_and_as_its_schema_says() -> None:
    made = json.loads(azremedy("explain", "--all", "-o", "json").out)

    Draft202012Validator.check_schema(schema("explanation"))
    Draft202012Validator(schema("explanation")).validate(made)
    assert len(made["explanations"]) == len(SYMPTOMS) + len(EXTENSION_RESULTS) + len(causes()) + len(CARDS)
    assert azremedy("explain", "--all").out.count("\n") > len(made["explanations"])


def test_all_and_one_are_not_asked_for_together() -> None:
    assert azremedy("explain", "--all", "C6").code == 2


def test_the_page_of_symptoms_is_what_explain_prints() -> None:
    page = (ROOT / "docs" / "symptoms.md").read_text(encoding="utf-8")
    made = symptoms_page.text(document(list(explanation.everything(CARDS)), CARDS))

    assert page == made, "write it anew: azremedy explain --all --output markdown > docs/symptoms.md"


def test_the_page_has_a_heading_for_every_link() -> None:
    page = (ROOT / "docs" / "symptoms.md").read_text(encoding="utf-8")
    headings = {line.lstrip("#").strip().lower() for line in page.splitlines() if line.startswith("#")}
    links = {part.partition(")")[0] for part in page.split("](#")[1:]}

    assert links
    assert links <= headings


def test_it_is_offline_light_and_quick() -> None:
    script = (
        "import sys; from azremedy.cli import run; run(['explain', 'C6', '-o', 'json']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    line = [sys.executable, "-P", "-c", script]
    times, loaded = [], set[str]()
    for _ in range(3):
        began = time.perf_counter()
        ended = subprocess.run(line, env=environment(), capture_output=True, text=True, check=True)
        times.append(time.perf_counter() - began)
        loaded.update(ended.stderr.split())

    assert not {"azure", "rich", "yaml", "requests", "msgspec", "aiohttp", "ssl"} & loaded
    assert min(times) < 0.8
