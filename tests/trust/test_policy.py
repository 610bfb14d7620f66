"""`trust.toml`: faults at their line, and only ever tighter."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import ConfigError, ParseError, PolicyError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Policy, Requirement, edit_policy
from oneiric_lab.trust._requirements import row_for

DIGEST = "9f" * 32
WHOLE = f"""\
# Compared with alice by telephone.
root = "sha256:{DIGEST}"
project = "shop"
channels = ["stable", "beta"]
min_schema = 3
skew_seconds = 60

[requirements.3]
threshold = 3          # one more than the root asks
lifetime_days = 30
"""


class TestParse:
    """Reading."""

    def test_a_whole_one(self) -> None:
        """
        Every key has its meaning.
        """
        policy = Policy.parse(WHOLE)

        assert policy == Policy(
            pin=DIGEST,
            project="shop",
            channels=("stable", "beta"),
            min_schema=3,
            skew=timedelta(seconds=60),
            requirements={3: {"threshold": 3, "lifetime_days": 30}},
        )

    def test_an_empty_one_asks_nothing(self) -> None:
        """
        Every key may be left out.
        """
        assert Policy.parse("") == Policy()

    @pytest.mark.parametrize(
        ("text", "place", "message"),
        [
            ("rot = 1", "1:1", "no policy has a key 'rot'"),
            ("root = 'abc'", "1:8", "sha256: and 64 hex digits"),
            (f"root = 'sha256:{'AB' * 32}'", "1:8", "64 hex digits"),
            ("project = 'a/b'", "1:11", "a name of letters"),
            ("channels = []", "1:12", "a list of names"),
            ("channels = ['a', 'b c']", "1:18", "a name of letters"),
            ("min_schema = 0", "1:14", "at least 1"),
            ("min_schema = true", "1:14", "found true"),
            ("skew_seconds = -1", "1:16", "0 to 86,400"),
            ("requirements = 3", "1:16", "tables by schema"),
            ("[requirements.three]", "1:2", "number of a schema"),
            ("requirements.3 = 1", "1:18", "a table of demands"),
            ("[requirements.3]\nthreshold = '2'", "2:13", "found '2'"),
            ("[requirements.3]\ntreshold = 2", "2:1", "no policy has a key 'treshold'"),
            ("[requirements.3]\nexpiry = 1", "2:10", "true or false"),
            ("[requirements.3]\npost_quantum = 'on'", "2:16", "off, accept or require"),
            ("legacy = 1", "1:10", "a table"),
            ("[legacy]\nschemas = [3]\nkeys = ['x']", "2:11", "1, 2 or both"),
            ("[legacy]\nschemas = [1]\nkeys = []", "3:8", "a list of public keys"),
            ("[legacy]\nschemas = [1]\nunsigned = [1]", "3:12", "a list of sources"),
            ("[legacy]\nschemas = [1]\nkeys = [1]", "3:9", "in base64 or PEM"),
        ],
    )
    def test_faults_have_their_place(self, text: str, place: str, message: str) -> None:
        """
        What a policy cannot say is refused where it stands.
        """
        with pytest.raises(PolicyError) as caught:
            Policy.parse(text + "\n")

        first = caught.value.faults[0]
        assert f"{first.origin}" == f"trust.toml:{place}"
        assert message in first.message

    def test_all_faults_at_once(self) -> None:
        """
        One report holds them all.
        """
        with pytest.raises(PolicyError) as caught:
            Policy.parse("rot = 1\nmin_schema = 0\n[legacy]\nschemas = [1]\nkeys = ['no']\n")

        assert len(caught.value.faults) == 3

    def test_a_misspelt_key_has_a_neighbour(self) -> None:
        """
        The nearest known name is told.
        """
        with pytest.raises(PolicyError, match="did you mean `channels`"):
            Policy.parse("channel = ['a']\n")

    @pytest.mark.parametrize(
        ("raw", "message"),
        [((1).to_bytes(32, "little"), "low order"), (b"\xff" * 32, "canonical")],
    )
    def test_a_weak_key(self, raw: bytes, message: str) -> None:
        """
        Keys that must not be trusted are refused in a policy as well.
        """
        text = f"[legacy]\nschemas = [2]\nkeys = ['{b64encode(raw).decode()}']\n"

        with pytest.raises(PolicyError, match=message) as caught:
            Policy.parse(text)

        assert str(caught.value.faults[0].origin) == "trust.toml:3:9"

    def test_one_key_twice(self) -> None:
        """
        A key in two spellings is one key.
        """
        key = ReleaseHouse.signer("alice").public_key
        raw = b64encode(key.spki[-32:]).decode()
        text = f"[legacy]\nschemas = [2]\nthreshold = 2\nkeys = ['{raw}', '{key.base64}']\n"

        with pytest.raises(PolicyError, match="stands twice"):
            Policy.parse(text)

    @given(st.text(max_size=60))
    def test_any_text_is_a_policy_or_a_refusal(self, text: str) -> None:
        """
        No text ends in another error.
        """
        try:
            Policy.parse(text.encode("utf-8", "surrogatepass"))
        except (PolicyError, ParseError) as error:
            assert error.faults  # noqa: PT017 - a refusal says why


class TestFaults:
    """Beside its root."""

    @pytest.mark.parametrize(
        ("text", "place", "message"),
        [
            ("project = 'bank'", "1:11", "of project shop, the policy takes bank"),
            ("min_schema = 2", "1:14", "below the root's least, 3"),
            ("skew_seconds = 301", "1:16", "by 300 seconds at most"),
            ("[requirements.3]\nthreshold = 1", "2:13", "asks for less than the root: 2"),
            ("[requirements.3]\nlifetime_days = 91", "2:17", "asks for less than the root: 90"),
            ("[requirements.9]\nexpiry = false", "2:10", "asks for less than the root: true"),
            ("[requirements.3]\nthreshold = 4", "2:13", "the root names 3"),
        ],
    )
    def test_what_loosens_is_told_at_its_line(self, text: str, place: str, message: str) -> None:
        """
        Each demand that is less than the root's is a fault.
        """
        (fault,) = Policy.parse(text + "\n").faults(ReleaseHouse().root)

        assert f"{fault.origin}" == f"trust.toml:{place}"
        assert message in fault.message
        assert fault.fix

    def test_what_tightens_is_fine(self) -> None:
        """
        More signers and a shorter life are no faults.
        """
        assert Policy.parse(WHOLE).faults(ReleaseHouse().root) == ()

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "threshold": st.integers(1, 3),
                "expiry": st.booleans(),
                "lifetime_days": st.integers(1, 200),
                "digests": st.booleans(),
                "log": st.booleans(),
                "witnesses": st.integers(1, 3),
                "provenance": st.booleans(),
                "post_quantum": st.sampled_from(["off", "accept", "require"]),
            },
        ),
        st.integers(1, 5),
    )
    def test_what_is_in_force_is_never_less_than_the_root(
        self, demands: dict[str, Any], schema: int
    ) -> None:
        """
        Whatever a policy says, no demand of the root sinks.
        """
        root = ROOT
        policy = Policy(requirements={schema: demands})
        for asked in range(3, 7):
            row, found = row_for(root.requirements, asked), policy.effective(root, asked)
            assert row is not None
            assert found is not None
            assert found.loosens(row) == []
            if asked >= schema:
                assert found.loosens(Requirement().tightened(demands)) == []

    def test_a_schema_without_a_row(self) -> None:
        """
        What the root says nothing of is not in force by a policy.
        """
        assert Policy(requirements={1: {"threshold": 1}}).effective(ROOT, 2) is None


ROOT = ReleaseHouse().root


class TestEditPolicy:
    """Writing."""

    def test_comments_and_layout_stay(self) -> None:
        """
        One value changes, and no other byte.
        """
        new = edit_policy(WHOLE, {("requirements", "3", "threshold"): 2})

        assert new == WHOLE.replace("threshold = 3 ", "threshold = 2 ")

    def test_a_new_one(self) -> None:
        """
        An empty text becomes a policy.
        """
        new = edit_policy("", {("root",): f"sha256:{DIGEST}", ("channels",): ["stable"]})

        assert Policy.parse(new) == Policy(pin=DIGEST, channels=("stable",))

    def test_taking_away(self) -> None:
        """
        None removes what stands there.
        """
        assert Policy.parse(edit_policy(WHOLE, {("min_schema",): None})) == replace(
            Policy.parse(WHOLE), min_schema=None
        )

    def test_nothing_that_is_no_policy(self) -> None:
        """
        A change that makes it unreadable is refused.
        """
        with pytest.raises(PolicyError):
            edit_policy(WHOLE, {("channels",): []})

    def test_nothing_that_loosens(self) -> None:
        """
        With the root beside it, a change that asks for less is refused.
        """
        with pytest.raises(PolicyError, match="less than the root"):
            edit_policy(WHOLE, {("requirements", "3", "threshold"): 1}, root=ROOT)

    def test_a_text_that_is_no_toml(self) -> None:
        """
        What cannot be read is not written.
        """
        with pytest.raises((ConfigError, ValueError)):
            edit_policy("root = ", {("project",): "shop"})
