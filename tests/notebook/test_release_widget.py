"""The steps of a release without a browser: how they stand, and what their buttons call."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.lab import Lab
from oneiric_lab.manifest import diff
from oneiric_lab.registry import Candidate
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.views import MIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

SECRET = "0p3n-s3same"
FILES: dict[str, Any] = {
    "roots": ["root.1.json"],
    "previous": "old.oneiric.json",
    "revocations": "revocations.1.json",
}


def entry(version: str, **more: Any) -> dict[str, Any]:
    """Return the entry of the cache."""
    named = {"domain": "adapter", "key": "cache", "provider": "redis", "version": version}
    return {**named, "factory": "shop:Cache", **more}


@pytest.fixture
def house(tmp_path: Path) -> ReleaseHouse:
    """Return who makes releases; a new one, with two risks, is on its way."""
    made = ReleaseHouse()
    (tmp_path / "oneiric.toml").write_text("[plugins]\nauto_load = false\n")
    (tmp_path / "root.1.json").write_bytes(made.root.envelope.encode())
    (tmp_path / "revocations.1.json").write_bytes(made.revocations.envelope.encode())
    for name, signer in made.signers.items():
        word = (lambda _: SECRET) if name == "carol" else None
        signer.save(tmp_path / f"{name}.pem", passphrase=word)  # type: ignore[attr-defined]  # of a file
    (tmp_path / "old.oneiric.json").write_bytes(made.manifest([entry("2.0.0")], version=1))
    new = made.manifest([entry("1.0.0", priority=5)], version=2)
    (tmp_path / "shop.oneiric.json").write_bytes(new)
    return made


@pytest.fixture
def lab(tmp_path: Path, house: ReleaseHouse) -> Iterator[Lab[Any]]:
    """Return the workspace."""
    with Lab.open(tmp_path, environ={}) as made:
        yield made


@pytest.fixture
def opened(wire: type[Wire], lab: Lab[Any], house: ReleaseHouse) -> tuple[Any, Wire]:
    """Return the widget and its connection."""
    from oneiric_lab.notebook.widgets._release import release

    shown = release(lab, "shop.oneiric.json", now=house.now, **FILES)
    return shown, wire.made[-1]


def wait(until: Callable[[], object]) -> None:
    """Wait until what another thread does can be seen."""
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


def step(shown: Any, name: str) -> dict[str, Any]:
    """Return a step as it stands."""
    found: dict[str, Any] = next(one for one in shown.steps if one["name"] == name)
    return found


def states(shown: Any) -> list[str]:
    """Return the states of all steps."""
    return [one["state"] for one in shown.steps]


def act(page: Wire, word: str, **fields: str) -> None:
    """Press the button of a step."""
    page.click({"do": "act", "act": word, "fields": fields})


def failed(page: Wire) -> str:
    """Return what was refused last."""
    return json.dumps(page.told("failed")[-1])


def acknowledge(shown: Any, page: Wire) -> None:
    """Take down that all risks were read."""
    for check in step(shown, "read")["checks"]:
        page.click({"do": "acknowledge", "id": check["id"], "on": True})


class TestSteps:
    def test_risks_come_first(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        Each has to be acknowledged before anything is proposed, and can be taken back.
        """
        shown, page = opened
        assert states(shown) == ["done", "open", *["later"] * 5]
        checks = step(shown, "read")["checks"]
        assert checks[0]["about"] == "downgrade adapter:cache"
        assert checks[0]["text"].startswith("2.0.0 goes back to 1.0.0")
        assert checks[0]["ask"] == "is a fault that was repaired coming back?"
        act(page, "propose")
        assert "acknowledged first" in failed(page)
        assert step(shown, "propose")["actions"][0]["off"].startswith(f"{len(checks)} risks")
        acknowledge(shown, page)
        assert states(shown)[:3] == ["done", "done", "open"]
        page.click({"do": "acknowledge", "id": checks[0]["id"], "on": False})
        assert step(shown, "read")["state"] == "open"
        assert not (tmp_path / "shop.oneiric-proposal.json").exists()

    def test_to_the_bundle(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        Every step by its button; each has the Python that does it.
        """
        shown, page = opened
        acknowledge(shown, page)
        assert not step(shown, "read")["checks"][0]["fixed"]
        act(page, "propose", days="30")
        assert all(one["on"] and one["fixed"] for one in step(shown, "read")["checks"])
        assert states(shown)[:4] == ["done", "done", "done", "open"]
        assert "words" in json.dumps(step(shown, "propose")["view"])
        act(page, "sign", key="alice.pem")
        assert step(shown, "sign")["said"] == "signed by alice"
        assert step(shown, "verify")["actions"][0]["off"] == "signatures are missing"
        act(page, "sign", key="bob.pem")
        act(page, "assemble", responses="")
        act(page, "verify")
        assert "this workspace" in json.dumps(step(shown, "verify")["view"])
        act(page, "bundle")
        assert states(shown) == ["done"] * 7
        assert (tmp_path / "shop.oneiric-bundle.json").exists()
        assert page.told("failed") == []
        opened_by = (
            "release = lab.release('shop.oneiric.json', roots=['root.1.json'], "
            "previous='old.oneiric.json', revocations='revocations.1.json')"
        )
        codes = [one["code"] for one in shown.steps]
        assert codes == [
            opened_by,
            f"{opened_by}\nrelease.risks()",
            f"{opened_by}\nrelease.propose()",
            f"{opened_by}\nrelease.sign('bob.pem')",
            f"{opened_by}\nrelease.assemble()",
            f"{opened_by}\nrelease.verify()",
            f"{opened_by}\nrelease.bundle()",
        ]

    def test_the_code_works(self, opened: tuple[Any, Wire]) -> None:
        """
        What a step shows is what a cell can run.
        """
        shown, _ = opened
        names = {"lab": shown.lab}
        exec(step(shown, "read")["code"], names)

        assert names["release"].risks().as_dict() == shown.release.risks().as_dict()

    def test_it_goes_on_from_its_files(
        self, opened: tuple[Any, Wire], lab: Lab[Any], house: ReleaseHouse
    ) -> None:
        """
        What a cell does is seen; another widget begins where this one stood.
        """
        from oneiric_lab.notebook.widgets._release import Release

        shown, page = opened
        acknowledge(shown, page)
        act(page, "propose")
        found = lab.release("shop.oneiric.json", now=house.now, **FILES)
        found.sign("carol.pem", passphrase=lambda _: SECRET)
        wait(lambda: step(shown, "sign")["said"] == "signed by carol")
        other = Release(lab, found)
        assert states(other)[:4] == ["done", "done", "done", "open"]
        assert all(check["on"] for check in step(other, "read")["checks"])

    def test_what_was_read_stays_so(
        self, opened: tuple[Any, Wire], lab: Lab[Any], house: ReleaseHouse
    ) -> None:
        """
        A risk that was acknowledged is so tomorrow, in another widget, and for a cell; one that
        a cell acknowledges is ticked here.
        """
        from oneiric_lab.notebook.widgets._release import Release

        shown, page = opened
        first, *rest = step(shown, "read")["checks"]
        page.click({"do": "acknowledge", "id": first["id"], "on": True})
        found = lab.release("shop.oneiric.json", now=house.now, **FILES)
        other = Release(lab, found)
        assert [one["on"] for one in step(other, "read")["checks"]] == [True] + [False] * len(rest)
        found.acknowledge(*(one["id"] for one in rest))
        wait(lambda: step(shown, "read")["state"] == "done")
        assert found.risks().left == ()

    def test_a_tick_compares_nothing(
        self, opened: tuple[Any, Wire], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Two manifests are compared once, whatever is ticked, looked at or begun again; one that
        was written anew is compared anew, and so are both under another generation.
        """
        from oneiric_lab.lab import _on_its_way
        from oneiric_lab.notebook.widgets._release import Release

        compared: list[object] = []

        def counted(*some: Any, **more: Any) -> Any:
            compared.append(some)
            return diff(*some, **more)

        monkeypatch.setattr(_on_its_way, "diff", counted)
        shown, page = opened
        for on in (True, False, True):
            for check in step(shown, "read")["checks"]:
                page.click({"do": "acknowledge", "id": check["id"], "on": on})
        assert step(shown, "read")["state"] == "done"
        assert shown.release.risks().left == ()
        Release(shown.lab, shown.release)
        assert compared == []

        (tmp_path / "old.oneiric.json").touch()
        wait(lambda: compared)
        shown.lab.registry.add(
            Candidate(domain="adapter", key="cache", provider="memory", factory=dict)
        )
        shown.release.risks()
        assert len(compared) == 2

    def test_a_file_of_others_is_told(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        What does not say which risks were read is not overwritten.
        """
        shown, page = opened
        check = step(shown, "read")["checks"][0]
        (tmp_path / "shop.oneiric-read.json").write_text("[]")
        page.click({"do": "acknowledge", "id": check["id"], "on": True})
        assert "shop.oneiric-read.json does not say which risks were read" in failed(page)
        assert step(shown, "read")["state"] == "failed"
        assert (tmp_path / "shop.oneiric-read.json").read_text() == "[]"

    def test_a_response_from_elsewhere(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        It is named by its path; one that is none is refused and told.
        """
        shown, page = opened
        acknowledge(shown, page)
        act(page, "propose")
        act(page, "sign", key="alice.pem")
        act(page, "sign", key="bob.pem")
        (tmp_path / "shop.bob.oneiric-response.json").rename(tmp_path / "mail.json")
        act(page, "assemble", responses="mail.json")
        assert states(shown)[4] == "done"
        assert step(shown, "assemble")["code"].endswith("release.assemble(['mail.json'])")
        (tmp_path / "bad.json").write_text("{}")
        act(page, "assemble", responses="bad.json")
        assert "bad.json" in failed(page)


class TestSecrets:
    def test_no_passphrase_is_asked_for(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        A key that has one is signed with in a cell, which is told; none travels or is kept.
        """
        shown, page = opened
        acknowledge(shown, page)
        act(page, "propose")
        act(page, "sign", key="carol.pem")
        assert "which is asked for in a cell and never here" in failed(page)
        assert step(shown, "sign")["code"].endswith("release.sign('carol.pem')")
        assert not list(tmp_path.glob("*response*"))
        assert SECRET not in json.dumps([page.sent, shown._repr_mimebundle_()], default=str)
        assert "PRIVATE" not in json.dumps(page.sent, default=str)


class TestChoosing:
    def test_none_is_chosen_yet(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        The first step asks for the files; what cannot be read is refused, and nothing chosen.
        """
        from oneiric_lab.notebook.widgets._release import release

        shown = release(lab)
        page = wire.made[-1]
        assert states(shown) == ["open"]
        assert "no manifest is chosen" in str(shown)
        assert shown.as_dict() == {"manifest": None}
        act(page, "propose")
        act(page, "choose", manifest=" ")
        assert "no manifest is named" in failed(page)
        act(page, "choose", manifest="gone.oneiric.json")
        assert "gone.oneiric.json" in failed(page)
        assert states(shown) == ["open"]
        given = {"roots": "root.1.json, root.1.json", "previous": "", "revocations": ""}
        act(page, "choose", manifest="shop.oneiric.json", **given)
        assert shown.release is not None
        assert shown.release.roots == ("root.1.json", "root.1.json")
        assert shown.title == "release of shop.oneiric.json"
        assert len(shown.steps) == 7

    def test_nobody_may_sign(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Without a root the policy says what is missing.
        """
        from oneiric_lab.notebook.widgets._release import release

        shown = release(lab, lab.release("shop.oneiric.json"))
        for check in step(shown, "read")["checks"]:
            wire.made[-1].click({"do": "acknowledge", "id": check["id"], "on": True})
        assert step(shown, "propose")["actions"][0]["off"] == "nothing says who may sign"

    def test_damaged_files(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        A file that cannot be read any more fails its step, which says why.
        """
        shown, page = opened
        (tmp_path / "shop.oneiric.json").write_text("{")
        wait(lambda: states(shown) == ["done", "failed"])
        assert "refused" in json.dumps(shown.steps[1]["view"])
        act(page, "verify")
        assert page.told("failed")

    @pytest.mark.parametrize(
        "said",
        [
            {"do": "act"},
            {"do": "act", "act": "sign", "fields": {"key": 3}},
            {"do": "act", "act": "gone", "fields": {}},
            {"do": "acknowledge", "id": 3},
            None,
        ],
    )
    def test_nonsense_does_nothing(self, opened: tuple[Any, Wire], said: Any) -> None:
        """
        A message that is none of ours leaves everything as it is.
        """
        shown, page = opened
        before = json.dumps(shown.steps)
        page.click(said)
        assert json.dumps(shown.steps) == before

    def test_bad_words(self, opened: tuple[Any, Wire]) -> None:
        """
        Days that are no number, and a key that nobody named.
        """
        shown, page = opened
        acknowledge(shown, page)
        act(page, "propose", days="soon")
        assert "a number of days" in failed(page)
        act(page, "propose", days="30")
        act(page, "sign", key="")
        assert "no key is named" in failed(page)


class TestSnapshot:
    def test_it_is_small(
        self, wire: type[Wire], lab: Lab[Any], house: ReleaseHouse, tmp_path: Path
    ) -> None:
        """
        A saved output has the steps; very many risks travel cut.
        """
        from oneiric_lab.notebook.widgets._release import MOST_RISKS, release

        entries = [entry("1.0.0", key=f"k{n}") for n in range(3000)]
        new = house.manifest(entries, version=2)
        (tmp_path / "shop.oneiric.json").write_bytes(new)
        (tmp_path / "old.oneiric.json").write_bytes(
            house.manifest([{**one, "version": "2.0.0"} for one in entries], version=1)
        )
        shown = release(lab, "shop.oneiric.json", now=house.now, **FILES)
        found = shown._repr_mimebundle_()
        checks = step(shown, "read")["checks"]
        assert len(checks) == MOST_RISKS + 1
        assert "2,800 more" in checks[-1]["text"]
        assert len(json.dumps(shown.steps)) < 200_000
        assert len(json.dumps(found)) <= 24 * 1024
        assert set(found) >= {MIME, "text/html", "text/plain"}
        assert "the live steps need the kernel" in str(found["text/plain"])
        assert repr(shown) == "<Release: release of shop.oneiric.json: next is to propose>"

    def test_those_that_were_cut_are_acknowledged_at_once(
        self,
        wire: type[Wire],
        lab: Lab[Any],
        house: ReleaseHouse,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """
        One line stands for all of them; when it was read, nothing is left to read.
        """
        from oneiric_lab.notebook.widgets import _release

        monkeypatch.setattr(_release, "MOST_RISKS", 2)
        for name, version, number in (("shop", "1.0.0", 2), ("old", "2.0.0", 1)):
            entries = [entry(version, key=f"k{n}") for n in range(5)]
            (tmp_path / f"{name}.oneiric.json").write_bytes(house.manifest(entries, version=number))
        shown = _release.release(lab, "shop.oneiric.json", now=house.now, **FILES)
        texts = [check["text"] for check in step(shown, "read")["checks"]]
        assert len(texts) == 3
        assert "3 more" in texts[-1]
        acknowledge(shown, wire.made[-1])
        assert step(shown, "read")["state"] == "done"

    def test_without_a_lab(self) -> None:
        """
        It says what is missing.
        """
        from oneiric_lab.notebook.widgets._release import release

        with pytest.raises(UsageError, match="no lab to make a release in"):
            release(None)  # type: ignore[arg-type]  # wrong on purpose
