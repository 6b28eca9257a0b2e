"""symptoms: which documented error a failed backup bears, and the causes that documents list for it."""

from __future__ import annotations

import re

import pytest
from building import failed_job

from azremedy import symptoms
from azremedy.catalogue import EXTENSION_RESULTS, SYMPTOMS, Symptom
from azremedy.resources import Job, JobError

NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"
CODED = {symptom.code: symptom for symptom in SYMPTOMS}
SAID = [
    pytest.param(text, symptom.code, id=f"{symptom.code}: {text[:50]}")
    for symptom in SYMPTOMS
    for text in (symptom.code, *symptom.spellings, *symptom.messages, *symptom.spanish)
]


def job(*errors: JobError, dynamic_text: str | None = None) -> Job:
    return failed_job(0, errors=errors, dynamic_text=dynamic_text)


def code_of(failed: Job) -> str | None:
    symptom = symptoms.of(failed)
    return symptom.code if symptom else None


@pytest.mark.parametrize(("text", "code"), SAID)
def test_knows_every_code_spelling_and_text_of_the_catalogue(text: str, code: str) -> None:
    assert code_of(failed_job(text)) == code


@pytest.mark.parametrize(("text", "code"), SAID)
def test_knows_each_in_capitals_without_accents_as_a_pasted_text(text: str, code: str) -> None:
    plain = text.upper().translate(str.maketrans("ÁÉÍÓÚÑ", "AEIOUN"))
    symptom = symptoms.in_text(f"  {plain}\r\n")

    assert symptom is CODED[code]


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        pytest.param(
            job(JobError(title="Error UserErrorRpCollectionLimitReached: see below")),
            "UserErrorRpCollectionLimitReached",
            id="a name within the title",
        ),
        pytest.param(
            job(JobError(text="Código: (usererrorguestagentstatusunavailable).")),
            "UserErrorGuestAgentStatusUnavailable",
            id="a name within a localized text, in lower case",
        ),
        pytest.param(
            job(dynamic_text="Inner error: GuestAgentSnapshotTaskStatusErrorV2"),
            "GuestAgentSnapshotTaskStatusError",
            id="a V2 name that only the dynamic text has",
        ),
        pytest.param(
            failed_job("ExtentionSnapshotFailedNoNetwork"),
            NO_NETWORK,
            id="the spelling Extention of any name",
        ),
        pytest.param(
            failed_job("VMSnapshot extention operation failed"),
            "ExtensionOperationFailedForManagedDisks",
            id="the spelling extention in a text",
        ),
        pytest.param(failed_job(380008), "AzureVmOffline", id="the number 380008"),
        pytest.param(failed_job(320001), "ResourceNotFound", id="the number 320001"),
        pytest.param(failed_job(400094), "BCMV2VMNotFound", id="the number 400094"),
        pytest.param(
            failed_job("The VM isn\u2019t in a state that allows backups"),
            "VmNotInDesirableState",
            id="a curly apostrophe",
        ),
        pytest.param(
            failed_job("VM  Agent\n unable to communicate, with Azure Backup!"),
            "UserErrorGuestAgentStatusUnavailable",
            id="other blanks and punctuation",
        ),
        pytest.param(
            job(
                JobError(
                    title="Backup failed with an internal error",
                    text="Please retry the operation in a few minutes",
                )
            ),
            "BackUpOperationFailed",
            id="a message spread over title and text",
        ),
        pytest.param(
            failed_job(
                "The number of restore points across restore point collections and resource groups for a VM cannot exceed 500."
            ),
            "UserErrorRpCollectionLimitReached",
            id="a message with today's number in it",
        ),
        pytest.param(
            job(
                JobError(
                    title="OperationNotAllowed",
                    text="The number of restore points across restore point collections and resource groups"
                    " for a VM cannot exceed 18.",
                )
            ),
            "UserErrorRpCollectionLimitReached",
            id="a message that says more than its general code",
        ),
        pytest.param(
            failed_job(
                "The configured disk size(s) is currently not supported by Azure Backup. Details follow."
            ),
            "UserErrorUnsupportedDiskSize",
            id="a message with more behind it",
        ),
        pytest.param(
            failed_job(
                "The virtual machine doesn't exist. Could not perform the operation as VM no longer exists."
            ),
            "ResourceNotFound",
            id="the longest of several messages",
        ),
        pytest.param(
            job(
                JobError(
                    title="VM Agent unable to communicate with Azure Backup",
                    recommendations=("If you see UserErrorRpCollectionLimitReached, lift the lock",),
                )
            ),
            "UserErrorGuestAgentStatusUnavailable",
            id="the error's own text and not what a recommendation mentions",
        ),
    ],
)
def test_knows(failed: Job, code: str) -> None:
    assert code_of(failed) == code


@pytest.mark.parametrize(
    "text",
    [
        "ErrorCode=76",
        "errorcode: 761",
        '{"extErrorCode": "76", "message": "localized"}',
        "The backup extension failed with error code 76.",
        "VMSnapshotLinux extension reported: error code = 761",
        "T:S Enable failed with FailedRetryableSnapshotFailedNoNetwork error",
        "StatusCode.FailedRetryableSnapshotFailedRestrictedNetwork,",
    ],
)
def test_knows_what_the_linux_extension_calls_no_network(text: str) -> None:
    assert code_of(failed_job(text)) == NO_NETWORK
    assert (
        code_of(job(JobError(title="VMSnapshot extension operation failed"), dynamic_text=text)) == NO_NETWORK
    )


@pytest.mark.parametrize(
    "text",
    [
        "76",
        "76 % of the disk is full",
        "error code 76",
        "ErrorCode=0x76",
        "ErrorCode=-76",
        "ErrorCode=7600",
        "ErrorCode=76000",
        "ErrorCode=76ab12",
        "ErrorCode=85.1",
        "ErrorCode=402",
        "The extension failed. Run 76 had error code 1",
        "errorcode: 409 Conflict",
        "The Resource 'Microsoft.KeyVault/vaults/k1' was not found (ResourceNotFound)",
        "OperationNotAllowed: the cores quota is used up",
        "Backup failed",
        "<img src=x onerror=alert(1)>\x1b[31m",
        "",
    ],
)
def test_knows_nothing_of(text: str) -> None:
    assert code_of(failed_job(text)) is None


@pytest.mark.parametrize(
    "nothing",
    [
        pytest.param(job(), id="has no error"),
        pytest.param(job(JobError()), id="has an empty error"),
        pytest.param(failed_job(76), id="bears 76 as the job's own number"),
    ],
)
def test_knows_nothing_of_a_job_that(nothing: Job) -> None:
    assert symptoms.of(nothing) is None


WRAPPED = JobError(
    title="UserErrorCrpReportedUserError",
    text="Backup failed due to an error. For details, see Job Error Message Details.",
)


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(job(WRAPPED, dynamic_text="VMAgentStatusCommunicationError"), id="in the dynamic text"),
        pytest.param(
            job(WRAPPED, JobError(text="VM has not reported status for VM agent or extensions.")),
            id="in another error",
        ),
        pytest.param(
            job(
                WRAPPED,
                dynamic_text="VMRestorePointClientError: VM has not reported status for VM agent or extensions",
            ),
            id="within a second wrapper",
        ),
    ],
)
def test_a_wrapper_gives_way_to_what_stands(failed: Job) -> None:
    assert code_of(failed) == "VMAgentStatusCommunicationError"


def test_a_wrapper_around_nothing_known_is_itself() -> None:
    assert code_of(job(WRAPPED, dynamic_text="something new")) == "UserErrorCrpReportedUserError"


def symptom(code: str) -> Symptom:
    return CODED[code]


@pytest.mark.parametrize(
    ("code", "listed"),
    [
        pytest.param("BackUpOperationFailed", "C6", id="in every edition"),
        pytest.param("GuestAgentSnapshotTaskStatusError", "C1", id="in the origin only"),
        pytest.param("GuestAgentSnapshotTaskStatusError", "C5", id="in 2019 only"),
        pytest.param("UserErrorGuestAgentStatusUnavailable", "C1w", id="in the order of looking only"),
        pytest.param("ExtensionSnapshotFailedNoNetwork", "C4a", id="as part of C4"),
        pytest.param("ExtensionSnapshotFailedNoNetwork", "C4b", id="as another part of C4"),
        pytest.param("BackUpOperationFailed", "C20e", id="as a part alone"),
    ],
)
def test_lists_a_cause_named(code: str, listed: str) -> None:
    assert symptom(code).lists("C99", listed)


@pytest.mark.parametrize(
    ("code", "other"),
    [
        pytest.param("GuestAgentSnapshotTaskStatusError", "C1w", id="C1w although it lists C1"),
        pytest.param("UserErrorRpCollectionLimitReached", "C1", id="C1 although it lists C13"),
        pytest.param("GuestAgentSnapshotTaskStatusError", "C20e", id="C20e although it lists C2"),
        pytest.param("BackUpOperationFailed", "C20", id="all of C20 although it lists C20e"),
        pytest.param("UserErrorUnsupportedDiskSize", "C6", id="what no edition names"),
        pytest.param("UserErrorCrpReportedUserError", "C1", id="anything, being a wrapper"),
    ],
)
def test_does_not_list(code: str, other: str) -> None:
    assert not symptom(code).lists(other)


def test_lists_nothing_when_asked_for_nothing() -> None:
    assert not symptom("BackUpOperationFailed").lists()


@pytest.mark.parametrize(
    ("code", "edition", "listed"),
    [
        ("UserErrorGuestAgentStatusUnavailable", "2018-01", True),
        ("UserErrorGuestAgentStatusUnavailable", "2019", False),
        ("ExtensionOperationFailedForManagedDisks", "2018-01", True),
        ("ExtensionOperationFailedForManagedDisks", "2018-06", False),
        ("BackUpOperationFailed", "2018-01", True),
        ("UserErrorVmProvisioningStateFailed", "2018-01", False),
        ("UserErrorUnsupportedDiskSize", "2018-01", False),
    ],
)
def test_says_which_edition_lists_the_network(code: str, edition: str, listed: bool) -> None:
    assert symptom(code).listed_in(edition, "C1") is listed


@pytest.mark.parametrize(
    ("code", "causes"),
    [
        ("UserErrorGuestAgentStatusUnavailable", "C14 C2 C3 C8 C1w C4c C23 C1 C4 C5"),
        ("ExtensionSnapshotFailedNoNetwork", "C4 C1 C1w C5"),
        ("GuestAgentSnapshotTaskStatusError", "C2 C3 C4 C18 C19 C5 C1"),
        ("BackUpOperationFailed", "C2 C3 C4 C6 C20e C26 C17 C5 C1"),
        ("UserErrorUnsupportedDiskSize", "C7 C12"),
    ],
)
def test_causes_come_in_the_order_in_which_to_look_and_old_ones_last(code: str, causes: str) -> None:
    assert symptom(code).causes == tuple(causes.split())


def test_editions_keep_their_own_order() -> None:
    editions = {
        edition.name: edition.causes
        for edition in symptom("ExtensionOperationFailedForManagedDisks").editions
    }

    assert list(editions) == ["2018-01", "2018-06", "2019", "2025"]
    assert editions["2018-01"] == ("C4", "C5", "C1", "C2", "C3")


def test_every_code_stands_once_and_names_its_editions_and_sources() -> None:
    assert len(CODED) == len(SYMPTOMS)
    for one in SYMPTOMS:
        assert one.editions, one.code
        assert one.sources, one.code
        assert all(re.fullmatch(r"C\d{1,2}[a-gw]?", cause) for cause in one.causes), one.code


def test_no_text_and_no_number_belongs_to_two_codes() -> None:
    texts = [
        symptoms.folded(text)
        for one in SYMPTOMS
        for text in {*map(symptoms.folded, one.messages + one.spanish)}
    ]
    numbers = [number for one in SYMPTOMS for number in one.numbers]

    assert len(texts) == len(set(texts))
    assert sorted(numbers) == [320001, 380008, 400094]


def test_the_extensions_numbers_are_those_published_and_lead_to_known_codes() -> None:
    numbers = [result.number for result in EXTENSION_RESULTS]

    assert numbers == sorted(
        {16, 76, 85, 121, 122, 123, 124, 173, *range(300, 319), 402, *range(500, 513), 556, 761}
    )
    assert {result.number for result in EXTENSION_RESULTS if result.symptom == NO_NETWORK} == {76, 761}
    assert all(result.symptom in CODED for result in EXTENSION_RESULTS if result.symptom)


def test_an_error_that_only_a_recommendation_mentions_did_not_happen() -> None:
    advised = JobError(
        4711, "Something new", recommendations=("If you see UserErrorRpCollectionLimitReached, wait",)
    )

    assert symptoms.of(job(advised)) is None


def test_the_entry_that_bears_the_symptom_is_told_from_the_wrapper_before_it() -> None:
    inner = JobError(400153, "VM Agent unable to communicate with Azure Backup")
    failed = job(WRAPPED, inner)

    assert symptoms.stated_by(failed, symptoms.of(failed)) == inner
    assert symptoms.stated_by(failed, None) == WRAPPED
    assert symptoms.stated_by(job(), None) is None
