"""Manifests of upstream's form: read under a policy that says so, by distinct keys."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oneiric_lab.errors import PolicyError, UsageError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Limits, Policy, Report, State, advance, legacy_form, verify

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALICE, BOB, EVE = (ReleaseHouse.signer(name) for name in ("alice", "bob", "eve"))
ENTRY = {"domain": "adapter", "key": "cache", "provider": "redis", "factory": "oneiric.x:Y"}


def raw(*names: str) -> str:
    """Return keys of signers as upstream's variable has them, for TOML."""
    keys = [ReleaseHouse.signer(n).public_key.spki[-32:] for n in names]
    return json.dumps([b64encode(key).decode() for key in keys])


def policy(more: str = "", *, schemas: str = "[1, 2]", keys: str = "") -> Policy:
    """Return a policy that takes upstream's manifests by alice and bob."""
    keys = keys or raw("alice", "bob")
    return Policy.parse(f"[legacy]\nschemas = {schemas}\nkeys = {keys}\n{more}\n")


def sign(tree: dict[str, Any], *signers: Any) -> dict[str, Any]:
    """Return *tree* signed as upstream signs schema 2."""
    found = [
        {
            "signature": b64encode(one.sign(legacy_form(tree))).decode(),
            "algorithm": "ed25519",
            "key_id": "whatever",
        }
        for one in signers
    ]
    return tree | {"signatures": found}


def ask(tree: dict[str, Any] | bytes, given: Policy | None = None, **other: Any) -> Report:
    """Verify a manifest without a bundle."""
    data = tree if isinstance(tree, bytes) else json.dumps(tree, indent=1).encode()
    parts: dict[str, Any] = {"state": State(), "now": NOW} | other
    return verify(None, data, policy=given or policy(), **parts)


def failed(report: Report) -> list[str]:
    """Return the codes of what failed, in order."""
    return [check.code for check in report.failures]


SECOND = {
    "source": "vendor",
    "entries": [ENTRY],
    "signed_at": "2026-02-01T00:00:00+00:00",
    "expires_at": "2026-06-01T00:00:00",
}


class TestForm:
    """The bytes that upstream signs."""

    def test_sorted_tight_and_ascii(self) -> None:
        """
        Keys are sorted, nothing is spaced, other letters are escaped, signatures are left out.
        """
        tree = {
            "b": "é",
            "a": [1.0, None],
            "signature": "x",
            "signatures": [],
            "signature_algorithm": 1,
        }

        assert legacy_form(tree) == b'{"a":[1.0,null],"b":"\\u00e9"}'

    def test_the_layout_of_the_file_does_not_matter(self) -> None:
        """
        Upstream signs what was parsed; so the same signature holds for another layout.
        """
        tree = sign(SECOND, ALICE)

        assert ask(json.dumps(tree).encode())
        assert ask(json.dumps(tree, indent=8, sort_keys=True).encode())

    def test_yaml(self) -> None:
        """
        Upstream's manifests are YAML as often as JSON.
        """
        import yaml

        assert ask(yaml.safe_dump(sign(SECOND, ALICE)).encode())


class TestVerify:
    """Who signed."""

    def test_schema_1(self) -> None:
        """
        One signature in the manifest itself.
        """
        tree: dict[str, Any] = {"source": "vendor", "entries": [ENTRY]}
        signature = b64encode(ALICE.sign(legacy_form(tree))).decode()
        report = ask(tree | {"signature": signature, "signature_algorithm": "ed25519"})

        assert report.ok
        assert report.release.schema == 1
        assert report.release.title == "vendor (schema 1)"

    def test_schema_2(self) -> None:
        """
        A list of signatures; times are signed.
        """
        report = ask(sign(SECOND, ALICE, BOB), policy("threshold = 2"))

        assert report.ok
        assert report.release.schema == 2
        assert len(report.signers) == 2
        assert report.release.expires_at == datetime(2026, 6, 1, tzinfo=UTC)
        assert json.loads(report.manifest)["source"] == "vendor"

    @pytest.mark.parametrize("way", range(4))
    def test_one_key_is_not_two(self, way: int) -> None:
        """
        The four ways in which upstream counts one key twice count it once here.
        """
        tree = sign(SECOND, ALICE)
        (one,) = tree["signatures"]
        spellings: list[Any] = [
            [one, one],
            [one, one | {"key_id": "other"}],
            [one, one | {"algorithm": "ED25519"}],
            [one],
        ]
        tree["signatures"] = spellings[way]
        if way == 3:
            # The field of schema 1 beside the list of schema 2.
            tree["signature"] = one["signature"]
        report = ask(tree, policy("threshold = 2"))

        assert failed(report) == ["threshold"]
        assert report.check("threshold").message.startswith("1 distinct key")
        assert [v.state for v in report.signatures] == ["good", "duplicate"]

    def test_a_stranger(self) -> None:
        """
        A key that the policy does not name counts for nothing, and takes nothing away.
        """
        assert failed(ask(sign(SECOND, EVE))) == ["threshold"]
        assert ask(sign(SECOND, EVE, ALICE))

    @pytest.mark.parametrize(
        "change",
        [
            {"source": "other"},
            {"entries": []},
            {"signed_at": "2026-02-02T00:00:00+00:00"},
            {"expires_at": "2036-06-01T00:00:00"},
            {"more": 1},
        ],
        ids=str,
    )
    def test_changed_after_signing(self, change: dict[str, Any]) -> None:
        """
        Whatever is signed cannot be changed, times among it.
        """
        assert failed(ask(sign(SECOND, ALICE) | change)) == ["threshold"]

    def test_unsigned(self) -> None:
        """
        A manifest that nobody has signed is not taken.
        """
        assert failed(ask(SECOND)) == ["threshold"]

    @pytest.mark.parametrize(
        "data",
        [
            b"\xff",
            b"[]",
            b"{",
            b'{"a":1,"a":2}',
            b'{"entries":{}}',
            b'{"source":1}',
            b'{"signatures":1}',
            b'{"signed_at":1}',
            b'{"signed_at":"yesterday"}',
            b'{"schema":3}',
            b"when: 2026-01-01\n",
            b"a: &a [x]\nb: [*a, *a]\n" + b"c: [" * 300,
        ],
        ids=[str(number) for number in range(12)],
    )
    def test_what_is_none(self, data: bytes) -> None:
        """
        Whatever is handed in, the answer is a report.
        """
        report = ask(data)

        assert failed(report) == ["manifest-form"]

    def test_many_signatures(self) -> None:
        """
        Each is tried with each key, so their number is bounded.
        """
        tree = sign(SECOND, ALICE)
        tree["signatures"] *= 65

        assert failed(ask(tree)) == ["manifest-form"]


class TestPolicy:
    """By name only."""

    def test_not_without_the_table(self) -> None:
        """
        Nobody takes such manifests by default.
        """
        report = verify(
            None, json.dumps(sign(SECOND, ALICE)).encode(), policy=Policy(), state=State(), now=NOW
        )

        assert failed(report)[0] == "bundle"

    def test_schemas_are_named(self) -> None:
        """
        Where only schema 1 is taken, 2 is not, and the other way round.
        """
        assert failed(ask(sign(SECOND, ALICE), policy(schemas="[1]"))) == ["schema"]

    def test_more_signers_than_keys(self) -> None:
        """
        A threshold that nobody can reach is a mistake.
        """
        with pytest.raises(PolicyError, match="3 distinct keys are asked for, and 2"):
            policy("threshold = 3")

    def test_a_root_that_takes_no_old_schema(self) -> None:
        """
        Where a root asks for schema 3, a local policy does not bring schema 2 back.
        """
        given = policy().with_root(ReleaseHouse().root)

        assert failed(ask(sign(SECOND, ALICE), given)) == ["schema"]

    def test_unsigned_after_signed(self) -> None:
        """
        A client that has trusted a bundle takes no manifest without one.
        """
        house = ReleaseHouse()
        release = house.release({"adapter:cache": "redis"})
        state = advance(
            State(),
            verify(
                release.bundle, release.manifest, policy=house.policy, state=State(), now=house.now
            ),
        )

        assert failed(ask(sign(SECOND, ALICE), state=state)) == ["schema"]


class TestTimes:
    """What upstream's times are worth."""

    def test_expired(self) -> None:
        """
        A naive time is one of UTC.
        """
        report = ask(sign(SECOND, ALICE), now=datetime(2026, 6, 1, tzinfo=UTC))

        assert failed(report) == ["expiry"]
        assert report.exit_code == 3

    def test_signed_in_the_future(self) -> None:
        """
        Upstream takes such a one; we do not.
        """
        assert failed(ask(sign(SECOND, ALICE), now=datetime(2026, 1, 1, tzinfo=UTC))) == ["issued"]

    def test_expired_before_it_was_signed(self) -> None:
        """
        Times that contradict each other are refused.
        """
        odd = SECOND | {"signed_at": "2026-02-01T00:00:00", "expires_at": "2026-01-01T00:00:00"}

        assert "issued" in failed(ask(sign(odd, ALICE)))

    def test_an_expiry_that_is_due(self) -> None:
        """
        Where the policy asks for an expiry, a manifest without one is refused.
        """
        tree = {k: v for k, v in SECOND.items() if k != "expires_at"}

        assert failed(ask(sign(tree, ALICE), policy("expiry = true"))) == ["lifetime"]
        assert ask(sign(tree, ALICE))

    def test_too_old(self) -> None:
        """
        `max_age_days` bounds the time since it was signed, and needs one.
        """
        given = policy("max_age_days = 27")
        tree = {k: v for k, v in SECOND.items() if k != "signed_at"}

        assert failed(ask(sign(SECOND, ALICE), given)) == ["expiry"]
        assert ask(sign(SECOND, ALICE), policy("max_age_days = 28"))
        assert failed(ask(sign(tree, ALICE), given)) == ["issued"]

    def test_order(self) -> None:
        """
        One that was signed before the last trusted one does not return; nor one without a time.
        """
        state = advance(State(), ask(sign(SECOND, ALICE)))
        older = SECOND | {"signed_at": "2026-01-31T00:00:00"}
        timeless = {k: v for k, v in SECOND.items() if k != "signed_at"}

        assert ask(sign(SECOND, ALICE), state=State.parse(state.encode()))
        assert failed(ask(sign(older, ALICE), state=state)) == ["rollback"]
        assert failed(ask(sign(timeless, ALICE), state=state)) == ["rollback"]
        assert ask(sign(older | {"source": "another"}, ALICE), state=state)

    def test_without_a_signature(self) -> None:
        """
        Only the sources that the policy names may come without; their times hold all the same.
        """
        given = Policy.parse('[legacy]\nschemas = [2]\nunsigned = ["vendor"]\n')

        report = ask(SECOND, given)
        assert report
        threshold = next(check for check in report.checks if check.code == "threshold")
        assert (threshold.state, "legacy.unsigned" in threshold.message) == ("skipped", True)
        assert failed(ask(SECOND | {"source": "other"}, given)) == ["threshold"]
        assert failed(ask(SECOND, given, now=datetime(2027, 1, 1, tzinfo=UTC))) == ["expiry"]

    def test_a_schema_does_not_sink(self) -> None:
        """
        A source that came with schema 2 does not go back to 1.
        """
        state = advance(State(), ask(sign(SECOND, ALICE)))
        tree: dict[str, Any] = {"source": "vendor", "entries": []}
        first = tree | {"signature": b64encode(ALICE.sign(legacy_form(tree))).decode()}

        assert failed(ask(first, state=state)) == ["schema", "rollback"]

    def test_a_clock_that_was_set_back(self) -> None:
        """
        The last trusted time counts here as well.
        """
        state = advance(State(), ask(sign(SECOND, ALICE)))

        assert failed(ask(sign(SECOND, ALICE), state=state, now=NOW - timedelta(days=1))) == [
            "clock"
        ]

    def test_a_time_without_a_zone(self) -> None:
        """
        It is refused, as with a bundle.
        """
        with pytest.raises(UsageError, match="zone"):
            ask(sign(SECOND, ALICE), now=datetime(2026, 3, 1))  # noqa: DTZ001 - that is the point

    def test_no_manifest_at_all(self) -> None:
        """
        What was not given is not of upstream's form.
        """
        report = verify(None, None, policy=policy(), state=State(), now=NOW)

        assert failed(report) == ["manifest-form"]

    def test_more_bytes_than_are_read(self) -> None:
        """
        The limit holds before anything is parsed.
        """
        assert failed(ask(sign(SECOND, ALICE), limits=Limits(manifest_bytes=10))) == [
            "manifest-form"
        ]

    def test_a_signature_that_is_no_base64(self) -> None:
        """
        It does not count, and those beside it do.
        """
        tree = sign(SECOND, ALICE)
        tree["signatures"].append({"signature": "*", "algorithm": "ed25519"})
        report = ask(tree)

        assert [one.state for one in report.signatures] == ["good", "invalid"]
        assert not report.failures
