"""Whatever is handed in, the answer is a report: no input ends in another error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneiric_lab import canonical
from oneiric_lab.errors import CanonicalError, OneiricError
from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.trust import Bundle, Envelope, Revocations, Root, State, advance, verify
from oneiric_lab.trust._revocation import REVOCATIONS_TYPE
from oneiric_lab.trust._root import ROOT_TYPE
from oneiric_lab.trust._statement import STATEMENT_TYPE, statement_of

HOUSE = ReleaseHouse()
HOUSE.rotate()
HOUSE.revoke("carol")
RELEASE = HOUSE.release({"adapter:cache": "redis"})
REPORT = verify(RELEASE.bundle, RELEASE.manifest, policy=HOUSE.policy, state=State(), now=HOUSE.now)
STATE = advance(State(), REPORT)

ODD: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["2026-01-01T00:00:00Z", "0" * 64, "alice", "*", "e30=", "sha256"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in *tree*."""
    out = [path]
    if isinstance(tree, dict):
        for key, value in tree.items():
            out += places(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            out += places(value, (*path, index))
    return out


@st.composite
def changed(draw: Any, tree: Any) -> Any:
    """Return *tree* with one part replaced, removed, or put in with another name."""
    tree = json.loads(json.dumps(tree))
    path = draw(st.sampled_from(places(tree)[1:]))
    node = tree
    for part in path[:-1]:
        node = node[part]
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "replace":
        node[path[-1]] = draw(ODD)
    elif how == "remove":
        del node[path[-1]]
    elif isinstance(node, dict):
        node[draw(st.text(max_size=5))] = draw(ODD)
    else:
        node.append(draw(ODD))
    return tree


def encoded(tree: Any) -> bytes:
    """Return the canonical bytes of *tree*, or no bytes where it has none."""
    try:
        return canonical.encode(tree)
    except CanonicalError:
        return b""


FAST = settings(max_examples=150, suppress_health_check=list(HealthCheck))
PAYLOADS = {
    ROOT_TYPE: (HOUSE.root.envelope.payload, Root.parse),
    REVOCATIONS_TYPE: (HOUSE.revocations.envelope.payload, Revocations.parse),
    STATEMENT_TYPE: (RELEASE.bundle.envelope.payload, statement_of),
}


class TestFuzz:
    """One part of a good document is another."""

    @FAST
    @given(changed(json.loads(RELEASE.bundle.encode())))
    def test_bundles(self, tree: Any) -> None:
        """
        A bundle with another part is verified to a report, and holds only if nothing changed.
        """
        data = encoded(tree)
        report = verify(data, RELEASE.manifest, policy=HOUSE.policy, state=STATE, now=HOUSE.now)

        # A signature more on an old root, or an old root less, is no change of the verdict.
        if report.ok:
            assert Bundle.parse(data).envelope.payload == RELEASE.bundle.envelope.payload
        assert report.to_text()
        assert report.to_json()

    @FAST
    @given(st.data())
    def test_payloads(self, data: st.DataObject) -> None:
        """
        A root, list or statement with another part is read or refused, though it is signed.
        """
        kind = data.draw(st.sampled_from(sorted(PAYLOADS)))
        payload, read = PAYLOADS[kind]
        tree = data.draw(changed(json.loads(payload)))
        envelope = Envelope(encoded(tree), kind)
        try:
            found = read(envelope)
        except OneiricError as error:
            assert error.faults[0].message  # noqa: PT017 - a refusal says why
            return
        assert repr(found)

    @FAST
    @given(changed(json.loads(STATE.encode())))
    def test_states(self, tree: Any) -> None:
        """
        A state with another part is read or refused.
        """
        try:
            state = State.parse(encoded(tree))
        except OneiricError:
            return
        assert State.parse(state.encode()) == state
        verify(RELEASE.bundle, RELEASE.manifest, policy=HOUSE.policy, state=state, now=HOUSE.now)
        assert state.to_text()

    @FAST
    @given(changed(json.loads(RELEASE.manifest)))
    def test_manifests(self, tree: Any) -> None:
        """
        A signed manifest with another part is verified to a report.
        """
        import hashlib
        from dataclasses import replace

        data = encoded(tree)
        statement = replace(
            RELEASE.statement, sha256=hashlib.sha256(data).hexdigest(), size=len(data)
        )
        bundle = HOUSE.bundle(statement, ["alice", "bob"])
        report = verify(bundle, data, policy=HOUSE.policy, state=State(), now=HOUSE.now)

        assert report.to_html()
