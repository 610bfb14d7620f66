"""JSON that tells whether it was altered."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.files import is_sealed, seal

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class TestSeal:
    @given(st.dictionaries(st.text().filter(lambda key: key != "digest"), values, min_size=1))
    def test_keeps_what_it_was_given(self, content: dict[str, object]) -> None:
        """
        The JSON says the same, and the digest beside it.
        """
        data = seal(content)

        assert is_sealed(data)
        found = json.loads(data)
        assert found.pop("digest").startswith("sha256:")
        assert json.loads(json.dumps(content)) == found

    def test_every_changed_byte_is_seen(self) -> None:
        """
        Wherever one byte becomes another, the seal is broken; ends of lines may turn.
        """
        data = seal({"schema": 1, "values": {"a": [1, 2.5, None, "ü"]}})
        end = len(data.rstrip())

        for at in range(end):
            assert not is_sealed(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert not is_sealed(data[:at])
        assert is_sealed(data.replace(b"\n", b"\r\n"))
        assert not is_sealed(b"")
