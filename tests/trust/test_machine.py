"""A machine that plays signers and thieves, and looks for a way past the rules.

Whatever sequence of releases, rotations, revocations, thefts and waiting it finds: fewer than
the threshold of distinct unrevoked signers is never enough, and nothing that a client
remembers ever sinks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from oneiric_lab.testing import HouseRelease, ReleaseHouse
from oneiric_lab.trust import Signature, State, advance, verify

NAMES = ("alice", "bob", "carol", "dora")
CACHE = {"adapter:cache": "redis"}


class Machine(RuleBasedStateMachine):
    """A house, a client, and somebody who replays and mixes."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[HouseRelease] = []

    @initialize(threshold=st.integers(1, 3))
    def build(self, threshold: int) -> None:
        """Four signers, of whom one to three are needed."""
        self.threshold = threshold
        self.house = ReleaseHouse(signers=NAMES, threshold=threshold)
        self.state = State()
        self.marks: tuple[Any, ...] = (0, (0, 0), (0, 0), 0.0)
        self.revoked: set[str] = set()

    def signers(self) -> list[str]:
        """Return as many unrevoked names as are needed."""
        return [name for name in NAMES if name not in self.revoked][: self.threshold]

    # --- what the house does -------------------------------------------------------------

    @rule(by=st.sets(st.sampled_from(NAMES)), version=st.none() | st.integers(1, 6))
    def release(self, by: set[str], version: int | None) -> None:
        """Whoever signs, enough or not, with the next version or any."""
        self.shown.append(self.house.release(CACHE, by=sorted(by), version=version))

    @precondition(lambda self: len(self.signers()) >= self.threshold)
    @rule(by=st.sets(st.sampled_from(NAMES)), epoch=st.booleans())
    def rotate(self, by: set[str], epoch: bool) -> None:
        """The next root; one with too few signatures is thrown away."""
        # An epoch begins with an empty list; who was revoked would count again.
        epoch = epoch and not self.revoked
        signed = len(by) >= self.threshold
        self.house.rotate(by=sorted(by), epoch=self.house.root.epoch + epoch)
        if not signed:
            self.house.roots.pop()
        else:
            self.house.renew(by=self.signers())

    @precondition(lambda self: len(self.revoked) < len(NAMES) - self.threshold)
    @rule(name=st.sampled_from(NAMES))
    def revoke(self, name: str) -> None:
        """Take a key back, while enough others are left."""
        if name not in self.revoked:
            self.revoked.add(name)
            self.house.revoke(name, by=self.signers())

    @rule(days=st.integers(0, 20))
    def wait(self, days: int) -> None:
        """Time passes."""
        self.house.wait(days=days)

    @precondition(lambda self: len(self.signers()) >= self.threshold)
    @rule()
    def renew(self) -> None:
        """The next list."""
        self.house.renew(by=self.signers())

    # --- what the client is shown --------------------------------------------------------

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def show(self, data: st.DataObject) -> None:
        """Show any release with any roots and lists that ever were, and mixed signatures."""
        release = data.draw(st.sampled_from(self.shown))
        other = data.draw(st.sampled_from(self.shown))
        bundle = release.bundle
        kind = data.draw(st.sampled_from(["as it is", "newest", "mixed", "doubled", "renamed"]))
        envelope = bundle.envelope
        if kind == "newest":
            bundle = self.house.bundle(release.statement, [])
        if kind == "mixed":
            envelope = replace(
                envelope, signatures=envelope.signatures + other.bundle.envelope.signatures
            )
            bundle = replace(bundle, roots=other.bundle.roots, revocations=other.bundle.revocations)
        if kind == "doubled":
            envelope = replace(envelope, signatures=envelope.signatures * 3)
        if kind == "renamed":
            ids = [ReleaseHouse.signer(name).public_key.keyid for name in NAMES]
            envelope = replace(
                envelope,
                signatures=tuple(
                    Signature(keyid, s.sig) for s in envelope.signatures for keyid in ids
                ),
            )
        bundle = replace(bundle, envelope=envelope)
        report = verify(
            bundle,
            release.manifest,
            policy=self.house.policy,
            state=self.state,
            now=self.house.now,
        )
        if not report:
            return
        signed = {
            name
            for name in NAMES
            for s in release.bundle.envelope.signatures
            if s.keyid == ReleaseHouse.signer(name).public_key.keyid
        }
        known = self.known(report.gained)
        assert len(signed - known) >= self.threshold
        assert set(report.signers) <= signed - known
        before = self.state
        self.state = advance(before, report)
        assert advance(self.state, report) == self.state

    @staticmethod
    def known(state: State) -> set[str]:
        """Return the names whose keys the list in force revokes."""
        assert state.revocations is not None
        keys = {ReleaseHouse.signer(name).public_key.keyid: name for name in NAMES}
        return {keys[keyid] for keyid in state.revocations.revoked}

    @invariant()
    def nothing_sinks(self) -> None:
        """Root, list, release and time of the client only grow."""
        if not hasattr(self, "state"):
            return
        state = self.state
        seen = state.channels.get("stable")
        marks = (
            0 if state.root is None else state.root.version,
            (0, 0)
            if state.revocations is None
            else (state.revocations.epoch, state.revocations.number),
            (0, 0) if seen is None else seen.order,
            0.0 if state.time is None else state.time.timestamp(),
        )
        assert all(now >= then for now, then in zip(marks, self.marks, strict=True))
        self.marks = marks


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
)
