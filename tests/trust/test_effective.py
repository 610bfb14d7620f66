"""Root and policy together: the more of both, where it is from, and what is wrong."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import PolicyError, UnknownPathError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import (
    EffectivePolicy,
    Policy,
    Requirement,
    RootDraft,
    State,
    lint_policy,
    verify,
)
from oneiric_lab.trust._requirements import row_for

if TYPE_CHECKING:
    from oneiric_lab.trust import PolicyValue, Root

POLICY = """\
channels = ["stable"]
min_schema = 4
skew_seconds = 60
[requirements.3]
threshold = 3
digests = true
"""


def value(found: EffectivePolicy, name: str) -> PolicyValue:
    """Return one value by its name."""
    return next(one for one in found.values if one.name == name)


class TestEffectivePolicy:
    """What holds."""

    def test_each_value_has_its_origin(self, house: ReleaseHouse) -> None:
        """
        A place in the policy where it tightens, the root where it does not, else the default.
        """
        found = EffectivePolicy.of(Policy.parse(POLICY), house.root)
        told = {one.name: (one.value, one.origin, one.is_tighter) for one in found.values}

        assert told["root"] == (None, "default", False)
        assert told["project"] == ("shop", "root 1", False)
        assert told["channels"] == (["stable"], "trust.toml:1:12", True)
        assert told["min_schema"] == (4, "trust.toml:2:14", True)
        assert told["skew_seconds"] == (60, "trust.toml:3:16", True)
        assert told["requirements.3.threshold"] == (3, "trust.toml:5:13", True)
        assert told["requirements.3.digests"] == (True, "trust.toml:6:11", True)
        assert told["requirements.3.expiry"] == (True, "root 1", False)

    def test_a_demand_holds_for_later_schemas(self, house: ReleaseHouse) -> None:
        """
        What is asked of schema 3 is asked of 4 as well, from where it stands.
        """
        rows = {**house.root.requirements, 4: house.root.requirements[3]}
        root = replace(RootDraft.of(house.root), requirements=rows).root(issued_at=house.now)
        found = value(EffectivePolicy.of(Policy.parse(POLICY), root), "requirements.4.threshold")

        assert (found.value, found.origin) == (3, "trust.toml:5:13")

    def test_the_role_has_a_say(self, house: ReleaseHouse) -> None:
        """
        A role that needs three makes a row of two one of three.
        """
        root = RootDraft.of(house.root).with_threshold("release", 3).root(issued_at=house.now)
        found = value(EffectivePolicy.of(Policy(), root), "requirements.3.threshold")

        assert (found.value, found.origin, found.root) == (3, "root 1", 3)

    def test_without_a_root(self) -> None:
        """
        Only the policy speaks, and it is told that half is missing.
        """
        found = EffectivePolicy.of(Policy.parse(POLICY), None)

        assert value(found, "requirements.3.threshold").value == 3
        assert "give it by --root" in found.to_text()

    def test_a_policy_that_loosens(self, house: ReleaseHouse) -> None:
        """
        It is refused at its line, and nothing of it is shown as in force.
        """
        policy = Policy.parse("[requirements.3]\nthreshold = 1\n")
        with pytest.raises(PolicyError, match="asks for less than the root") as caught:
            EffectivePolicy.of(policy, house.root)

        assert str(caught.value.faults[0].origin) == "trust.toml:2:13"

    def test_upstreams_manifests(self, house: ReleaseHouse) -> None:
        """
        What is taken of upstream's form is shown with its keys.
        """
        text = '[legacy]\nschemas = [2]\nkeys = ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]\n'
        found = EffectivePolicy.of(Policy.parse(text), house.root)

        assert value(found, "legacy.schemas").value == [2]
        assert value(found, "legacy.keys").value == ["06e3fd8fda29bb60"]
        assert value(found, "legacy.max_age_days").origin == "default"
        assert value(found, "legacy.unsigned").value == []

    def test_it_fits_a_terminal(self, house: ReleaseHouse) -> None:
        """
        A table of 100 columns, digests cut; the data have them whole.
        """
        text = f'root = "sha256:{house.root.sha256}"\n{POLICY}'
        found = EffectivePolicy.of(Policy.parse(text), house.root)
        lines = found.to_text().splitlines()

        assert max(map(len, lines)) <= 100
        assert any(line.split()[:1] == ["root"] and "…" in line for line in lines)
        assert house.root.sha256 in found.to_json()

    @given(
        st.integers(2, 3),
        st.integers(1, 90),
        st.booleans(),
        st.sampled_from(["off", "accept", "require"]),
    )
    def test_never_less_than_the_root(
        self, threshold: int, days: int, digests: bool, post_quantum: str
    ) -> None:
        """
        Whatever a policy may say, no value that holds asks for less than the root's row.
        """
        root = ReleaseHouse().root
        demands = {"threshold": threshold, "lifetime_days": days, "post_quantum": post_quantum}
        if digests:
            demands["digests"] = True
        found = EffectivePolicy.of(Policy(requirements={3: demands}), root)
        said = {one.name: one.value for one in found.values}
        row = Requirement(
            **{item.name: said[f"requirements.3.{item.name}"] for item in fields(Requirement)}  # type: ignore[arg-type]  # by name
        )

        asked = row_for(root.requirements, 3)
        assert asked is not None
        assert row.loosens(asked) == []
        assert row == Policy(requirements={3: demands}).effective(root, 3)


class TestExplain:
    """Why one value is what it is."""

    @pytest.mark.parametrize(
        ("name", "rule"),
        [
            ("root", "cannot be tightened"),
            ("requirements.3.threshold", "asks for more than the root"),
            ("requirements.3.expiry", "the policy says nothing, so the root decides"),
            ("channels", "no say in it, so the policy decides"),
            ("requirements.3.lifetime_days", "changes nothing"),
        ],
    )
    def test_the_rule(self, house: ReleaseHouse, name: str, rule: str) -> None:
        """
        One sentence says what decided.
        """
        policy = Policy.parse(f"{POLICY}lifetime_days = 90\n")
        found = EffectivePolicy.of(policy, house.root).explain(name)

        assert rule in found.rule
        assert rule in found.to_text(width=200)
        assert found.as_dict()["rule"] == found.rule

    def test_a_default(self, house: ReleaseHouse) -> None:
        """
        Where nobody says anything the default holds.
        """
        found = EffectivePolicy.of(Policy(), house.root).explain("skew_seconds")

        assert "the default holds" in found.rule
        assert found.value.value == 300

    def test_an_unknown_name(self, house: ReleaseHouse) -> None:
        """
        The nearest is told.
        """
        with pytest.raises(UnknownPathError, match="did you mean `min_schema`"):
            EffectivePolicy.of(Policy(), house.root).explain("min_shema")


class TestLintPolicy:
    """All that is wrong."""

    def codes(self, house: ReleaseHouse, text: str, root: Root | None, days: float = 0) -> Any:
        """Return severity, place and message of each fault."""
        now = house.now + timedelta(days=days)
        found = lint_policy(text.encode(), root, now=now)
        return [(f.severity, str(f.origin), f.message) for f in found.faults], found.exit_code

    def test_a_sound_one(self, house: ReleaseHouse) -> None:
        """
        Pinned and tighter: nothing to say.
        """
        told, code = self.codes(house, f'root = "sha256:{house.root.sha256}"\n', house.root)

        assert (told, code) == ([], 0)

    def test_what_no_policy_says(self, house: ReleaseHouse) -> None:
        """
        Faults of form are in the report, with their lines; it does not end in an error.
        """
        told, code = self.codes(house, "rot = 1\nmin_schema = 0\n", house.root)

        assert code == 1
        assert [place for _, place, _ in told] == ["trust.toml:1:1", "trust.toml:2:14"]

    def test_no_toml(self, house: ReleaseHouse) -> None:
        """
        So is a file that cannot be read.
        """
        told, code = self.codes(house, "root = ", house.root)

        assert (code, len(told)) == (1, 1)

    def test_all_that_loosens(self, house: ReleaseHouse) -> None:
        """
        Every value that asks for less, at its place.
        """
        text = (
            "min_schema = 1\nskew_seconds = 900\nproject = 'till'\n"
            "[requirements.3]\nthreshold = 1\nexpiry = false\nlifetime_days = 365\n"
        )
        told, code = self.codes(house, text, house.root)
        errors = sorted(place for severity, place, _ in told if severity == "error")

        assert code == 1
        assert [int(place.split(":")[1]) for place in errors] == [1, 2, 3, 5, 6, 7]

    @pytest.mark.parametrize(
        ("text", "place", "message"),
        [
            ("", "trust.toml", "it pins no root"),
            (f'root = "sha256:{"0" * 64}"\n', "trust.toml:1:8", "root 1 is not the pinned one"),
            ("[requirements.3]\nexpiry = true\n", "trust.toml:2:10", "the same expiry"),
        ],
        ids=["no pin", "another pin", "the same"],
    )
    def test_thoughts(self, house: ReleaseHouse, text: str, place: str, message: str) -> None:
        """
        What is worth a thought is a warning, and no reason for exit 1.
        """
        told, code = self.codes(house, text, house.root)

        assert code == 0
        assert any(
            severity == "warning" and where == place and message in said
            for severity, where, said in told
        ), told

    def test_the_root_grows_old(self, house: ReleaseHouse) -> None:
        """
        How long the root still holds is told here, too.
        """
        told, _ = self.codes(house, "", house.root, days=350)

        assert any("expires in 15 days" in said for _, _, said in told)

    def test_without_a_root(self, house: ReleaseHouse) -> None:
        """
        Half a check says that it is half.
        """
        told, _ = self.codes(house, "", None)

        assert any("only half of it" in said for _, _, said in told)

    def test_upstreams_manifests(self, house: ReleaseHouse) -> None:
        """
        Keys that no root vouches for are worth a thought.
        """
        key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        text = f'[legacy]\nschemas = [2]\nkeys = ["{key}"]\nunsigned = ["attic"]\n'
        told, code = self.codes(house, text, house.root)

        assert code == 0
        assert any("no root vouches" in said for _, _, said in told)
        assert any("what comes of attic" in said for _, _, said in told)

    def test_the_data(self, house: ReleaseHouse) -> None:
        """
        Programs see whether it is sound, and every fault with its place.
        """
        data = lint_policy(b"rot = 1\n", house.root, now=house.now).as_dict()

        assert (data["ok"], data["policy"]) == (False, "trust.toml")
        assert "trust.toml" in str(data["faults"])

    def test_what_lint_refuses_verifies_nothing(self, house: ReleaseHouse) -> None:
        """
        Lint and verification hold a policy to the same rule.
        """
        release = house.release({"adapter:cache": "redis"})
        for text in ("min_schema = 1\n", "[requirements.3]\nthreshold = 1\n", "min_schema = 3\n"):
            lint = lint_policy(text.encode(), house.root, now=house.now)
            report = verify(
                release.bundle,
                release.manifest,
                policy=Policy.parse(text).with_root(house.root),
                state=State(),
                now=house.now,
            )
            assert (report.check("policy").state == "failed") == (lint.errors > 0), text
