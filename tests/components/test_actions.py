"""The actions that ship with us: each takes JSON data and returns JSON data."""

from __future__ import annotations

import asyncio
import base64
import bz2
import contextlib
import gzip
import hashlib
import hmac
import json
import logging
import lzma
import subprocess
import sys
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from oneiric_lab.components import actions
from oneiric_lab.components.actions import (
    Compression,
    CompressionSettings,
    Console,
    ConsoleSettings,
    Dispatch,
    DispatchSettings,
    Fetch,
    FetchSettings,
    Hash,
    HashSettings,
    Notify,
    NotifySettings,
    Sanitize,
    SanitizeSettings,
    Schedule,
    ScheduleSettings,
    Schema,
    SchemaSettings,
    Serialization,
    SerializationSettings,
    Transform,
    TransformSettings,
)
from oneiric_lab.config import Secret, SecretRef
from oneiric_lab.errors import ActionError, FetchError, NoCandidateError, UsageError
from oneiric_lab.registry import load_factory
from oneiric_lab.remote import Buffer, Request, SafeFetcher
from oneiric_lab.testing import Answer, FaultServer, LoopbackServer, Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACKAGE = '[plugins]\npackages = ["oneiric_lab.components.actions"]\nauto_load = false\n'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def b64(data: bytes) -> str:
    """Return *data* in base64."""
    return base64.b64encode(data).decode()


class Program:
    """A program around an action, which writes down what is asked of it."""

    def __init__(self, *answers: object) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers = list(answers)

    async def emit(
        self, topic: str, payload: Any, headers: Mapping[str, Any], *, wait: bool
    ) -> dict[str, Any]:
        """Take an event."""
        self.asked.append((topic, payload, dict(headers), wait))
        return {"ok": True}

    async def schedule(self, task: str, payload: dict[str, Any], delay: float) -> dict[str, Any]:
        """Take a task."""
        self.asked.append((task, payload, delay))
        return {"task": task, "run_id": "r1", "delay": delay}

    async def notify(self, adapter: str, message: str, facts: Mapping[str, Any]) -> bool:
        """Take a message, with the next answer."""
        self.asked.append((adapter, message, dict(facts)))
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)


class TestDescriptor:
    """The static facts, as a workspace reads them."""

    def test_a_workspace_takes_them_by_name(self, tmp_path: Path) -> None:
        """All are there and sound, with a settings model that takes no unknown key."""
        lab = Workspace(tmp_path).project(PACKAGE).open()
        found = list(lab.registry.current.candidates())

        assert lab.check().ok
        assert len(found) == 13
        for candidate in found:
            assert load_factory(candidate).__name__ in actions.__all__
            module, _, name = str(candidate.settings_model).partition(":")
            model = getattr(import_module(module), name)
            assert issubclass(model, BaseModel)
            assert model.model_config["extra"] == "forbid"
            assert candidate.summary

    def test_who_hashes_fetches_nothing(self) -> None:
        """Each is imported when it is used: neither httpx nor fastjsonschema nor yaml before."""
        code = (
            "import sys; from oneiric_lab.components.actions import Hash; Hash()({'text': 'a'});"
            "print([n for n in ('httpx', 'fastjsonschema', 'yaml', 'jsonschema', 'tomlkit')"
            " if n in sys.modules])"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

        assert out.stdout.strip() == b"[]"

    @pytest.mark.parametrize(
        "action", [Compression, Hash, Serialization, Schema, Transform, Sanitize]
    )
    @given(payload=JSON)
    def test_whatever_is_given_is_answered_or_refused(self, action: Any, payload: Any) -> None:
        """A payload of any shape is an answer or an error of ours."""
        with contextlib.suppress(UsageError, ActionError):
            json.dumps(action()(payload))


class TestPayloads:
    """What an action is given."""

    def test_all_faults_are_told_at_once(self) -> None:
        """By their paths, with the nearest name; values are not shown."""
        with pytest.raises(UsageError) as caught:
            Compression()({"text": 7, "operat": "s3cret", "algorithm": "zip"})

        text = str(caught.value)
        assert len(caught.value.faults) == 3
        assert "did you mean `operation`" in text
        assert "payload.algorithm" in text
        assert "s3cret" not in text

    @pytest.mark.parametrize(
        "payload",
        [
            None,
            {},
            [],
            "text",
            {"text": "a", "base64": "YQ=="},
            {"base64": "%"},
            {"text": "\ud800"},
        ],
    )
    def test_bytes_are_said_once(self, payload: object) -> None:
        """One of text and base64, and what it says it is."""
        with pytest.raises(UsageError) as caught:
            Hash()(payload)

        assert caught.value.code == "payload"


class TestCompression:
    """Packs, and unpacks within a bound."""

    @pytest.mark.parametrize("algorithm", ["gzip", "zlib", "bz2", "xz"])
    @given(data=st.binary(max_size=500))
    def test_unpacked_is_what_was_packed(self, algorithm: str, data: bytes) -> None:
        """And packing twice is the same."""
        turn = Compression()
        packed = turn({"base64": b64(data), "algorithm": algorithm})
        again = turn({"base64": b64(data), "algorithm": algorithm})
        back = turn({"base64": packed["base64"], "algorithm": algorithm, "operation": "decompress"})

        assert packed == again
        assert base64.b64decode(back["base64"]) == data

    @pytest.mark.parametrize(
        ("algorithm", "pack"),
        [
            ("gzip", gzip.compress),
            ("zlib", zlib.compress),
            ("bz2", bz2.compress),
            ("xz", lzma.compress),
        ],
    )
    def test_a_bomb_is_refused(self, algorithm: str, pack: Any) -> None:
        """A few bytes that would fill the memory are told; at the bound they are taken."""
        bomb = {"base64": b64(pack(bytes(300_000))), "operation": "decompress"}
        small = CompressionSettings(algorithm=algorithm, max_bytes=299_999)  # type: ignore[arg-type]  # one of them
        fits = CompressionSettings(algorithm=algorithm, max_bytes=300_000)  # type: ignore[arg-type]  # one of them

        with pytest.raises(ActionError) as caught:
            Compression(small)(bomb)

        assert caught.value.code == "action-too-large"
        assert Compression(fits)(bomb)["bytes"] == 300_000

    def test_the_memory_stays_small(self) -> None:
        """A gigabyte that is packed into a megabyte takes no more than the bound."""
        import tracemalloc

        one = gzip.compress(bytes(1 << 20))
        bomb = {"base64": b64(one * 200), "operation": "decompress"}
        tracemalloc.start()
        with pytest.raises(ActionError):
            Compression(CompressionSettings(max_bytes=1 << 20))(bomb)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert peak < 16 << 20

    @pytest.mark.parametrize("algorithm", ["gzip", "zlib", "bz2", "xz"])
    def test_what_is_not_packed_so_is_refused(self, algorithm: str) -> None:
        """Other bytes, torn and damaged ones, and none at all."""
        packed = base64.b64decode(
            Compression()({"text": "boat" * 100, "algorithm": algorithm})["base64"]
        )
        damaged = packed[: len(packed) // 2] + b"\xff\xff\xff" + packed[len(packed) // 2 + 3 :]
        for data in (b"boat", b"", packed[:-5], damaged):
            with pytest.raises(ActionError) as caught:
                Compression()(
                    {"base64": b64(data), "algorithm": algorithm, "operation": "decompress"}
                )
            assert caught.value.code == "action-data"

    def test_several_members_are_one(self) -> None:
        """As gzip itself has it; and packing beyond the bound is refused too."""
        two = b64(gzip.compress(b"paper ") + gzip.compress(b"boat"))

        assert Compression()({"base64": two, "operation": "decompress"})["text"] == "paper boat"
        with pytest.raises(ActionError):
            Compression(CompressionSettings(max_bytes=5))({"text": "boat"})


class TestHash:
    """Names bytes and JSON data."""

    def test_it_is_what_hashlib_says(self) -> None:
        """Of texts and bytes, in each algorithm."""
        for name in ("sha256", "sha512", "sha3_256", "blake2b"):
            said = Hash()({"text": "boat", "algorithm": name})
            assert said["hex"] == hashlib.new(name, b"boat").hexdigest()
        assert Hash()({"base64": b64(b"boat")}) == Hash()({"text": "boat"})

    @given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
    def test_the_order_of_names_does_not_count(self, data: dict[str, Any]) -> None:
        """JSON is hashed by its canonical form; null is JSON too."""
        turned = dict(reversed(list(data.items())))

        assert Hash()({"json": data}) == Hash()({"json": turned})
        assert Hash()({"json": None})["hex"] == hashlib.sha256(b"null").hexdigest()

    def test_a_key_makes_an_hmac(self) -> None:
        """The secret is read for each call, and never shown."""
        key: Secret[str] = Secret(SecretRef("k", lambda: "s3cret"))
        said = Hash(HashSettings(key=key))({"text": "boat"})

        assert said["hex"] == hmac.new(b"s3cret", b"boat", "sha256").hexdigest()
        assert said["algorithm"] == "hmac-sha256"


class TestSerialization:
    """JSON, TOML and YAML; never pickle."""

    @pytest.mark.parametrize("format", ["json", "yaml"])
    @given(value=JSON)
    def test_a_value_survives_its_text(self, format: str, value: Any) -> None:
        """What is read is what was written."""
        turn = Serialization()
        text = turn({"value": value, "format": format})["text"]

        assert turn({"text": text, "format": format})["value"] == value

    def test_toml_is_read_and_written(self) -> None:
        """Dates become texts, as JSON has them."""
        turn = Serialization(SerializationSettings(format="toml"))

        assert turn({"text": "a = 2026-01-31\n[b]\nc = [1]"})["value"] == {
            "a": "2026-01-31",
            "b": {"c": [1]},
        }
        assert turn({"value": {"b": {"c": [1]}}})["text"] == "[b]\nc = [1]\n"
        assert turn({"value": [1], "format": "json", "indent": 2})["text"] == "[\n  1\n]"

    @pytest.mark.parametrize(
        ("format", "text"),
        [
            ("json", "{"),
            ("json", "NaN"),
            ("json", "[" * 100_000),
            ("toml", "a ="),
            ("toml", "a = " + "[" * 5000 + "]" * 5000),
            ("yaml", "a: [1"),
            ("yaml", "!!python/object/apply:os.system ['echo no']"),
            ("yaml", "!!python/name:os.system"),
        ],
    )
    def test_hostile_text_is_refused(self, format: str, text: str) -> None:
        """Upstream's decodes pickles; here no text runs anything."""
        with pytest.raises(ActionError) as caught:
            Serialization()({"text": text, "format": format})

        assert caught.value.code == "action-data"

    @pytest.mark.parametrize("format", ["pickle", "cloudpickle", "msgpack"])
    def test_there_is_no_other_format(self, format: str) -> None:
        """Least of all pickle."""
        with pytest.raises(UsageError):
            Serialization()({"text": "gASV", "format": format})

    def test_sizes_are_bounded(self) -> None:
        """In and out."""
        turn = Serialization(SerializationSettings(max_bytes=10))
        for payload in ({"text": "[" + "1," * 20 + "1]"}, {"value": "x" * 20}):
            with pytest.raises(ActionError) as caught:
                turn(payload)
            assert caught.value.code == "action-too-large"

    @pytest.mark.parametrize(
        ("format", "value"), [("toml", [1]), ("toml", None), ("toml", {"a": None})]
    )
    def test_what_a_format_lacks_is_told(self, format: str, value: Any) -> None:
        """TOML has a table at its top, and no null."""
        with pytest.raises(ActionError):
            Serialization()({"value": value, "format": format})

    def test_either_a_value_or_a_text(self) -> None:
        """Both or neither is a fault."""
        for payload in ({}, {"text": "1", "value": 1}):
            with pytest.raises(UsageError, match="either value"):
                Serialization()(payload)


class TestSchema:
    """JSON Schema, draft 4 to 7."""

    SCHEMA: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {"age": {"type": "integer", "minimum": 0}, "name": {"type": "string"}},
        "required": ["name"],
    }

    def test_every_error_is_told_by_its_path(self) -> None:
        """With the rule that was broken; no default is filled in."""
        check = Schema(SchemaSettings(schemas={"person": self.SCHEMA}))

        assert check({"data": {"name": "ada", "age": 7}})["ok"]
        said = check({"data": {"age": -1}, "name": "person"})
        assert not said["ok"]
        assert {(one["path"], one["rule"]) for one in said["errors"]} == {
            ("", "required"),
            ("age", "minimum"),
        }

    def test_a_schema_is_named(self) -> None:
        """The only one need not be; an unknown one is told with the nearest."""
        check = Schema(SchemaSettings(schemas={"person": True, "order": False}))

        assert check({"data": 1, "name": "person"})["ok"]
        assert not check({"data": 1, "name": "order"})["ok"]
        with pytest.raises(ActionError, match="did you mean `person`"):
            check({"data": 1, "name": "persn"})
        with pytest.raises(ActionError, match="names no schema"):
            check({"data": 1})
        with pytest.raises(ActionError, match="none is configured"):
            Schema()({"data": 1, "name": "x"})

    def test_a_payload_brings_one_only_where_that_is_allowed(self) -> None:
        """Code is made of a schema."""
        payload = {"data": 1, "schema": {"type": "string"}}

        with pytest.raises(ActionError) as caught:
            Schema()(payload)
        assert caught.value.code == "action-refused"
        assert not Schema(SchemaSettings(inline=True))(payload)["ok"]
        with pytest.raises(UsageError):
            Schema(SchemaSettings(inline=True))({**payload, "name": "x"})

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": "whole"},
            {"type": 7},
            {"$ref": "http://127.0.0.1:9/schema.json"},
            {"$ref": "file:///etc/passwd"},
            {"$ref": "//x/y"},
            {"$ref": "#/nowhere"},
            {"$schema": "https://json-schema.org/draft/2020-12/schema"},
            {"properties": 7},
            {"minimum": "1"},
        ],
    )
    def test_what_is_no_schema_is_refused_at_activation(self, schema: dict[str, Any]) -> None:
        """Nothing is fetched for a reference that leads elsewhere, and nothing read."""
        with pytest.raises(ActionError) as caught:
            Schema(SchemaSettings(schemas={"x": schema}))

        assert caught.value.code == "action-schema"

    @pytest.mark.parametrize(
        "text", ['"); import os; os.abort(); ("', "\\'''+__import__('os').abort()+'''", "{__x__}"]
    )
    def test_texts_in_a_schema_run_nothing(self, text: str) -> None:
        """Whatever stands in names, values and patterns of a schema is only data."""
        schema = {
            "title": text,
            "properties": {text: {"const": text, "description": text}},
            "enum": [text, {text: text}],
            "required": [text],
            "definitions": {text: {"type": "string"}},
        }
        check = Schema(SchemaSettings(schemas={"x": schema}))

        assert check({"data": {text: text}})["ok"]
        assert not check({"data": {text: 1}})["ok"]

    def test_depth_is_an_answer(self) -> None:
        """Data that are nested too deep are told so, and not more errors than asked for."""
        deep: Any = 1
        for _ in range(3000):
            deep = {"a": deep}
        check = Schema(SchemaSettings(schemas={"x": {"properties": {"a": {"$ref": "#"}}}}))
        many = Schema(SchemaSettings(schemas={"x": {"items": False}}, max_errors=3))

        assert check({"data": deep})["errors"][0]["rule"] in {"depth", ""}
        assert len(many({"data": [1] * 9})["errors"]) <= 3


class TestTransform:
    """Rows in another shape, by named steps."""

    ROWS: ClassVar[list[dict[str, Any]]] = [
        {"sku": "boat", "price": {"net": 3}, "stock": 2},
        {"sku": "kite", "price": {"net": 1}, "stock": None},
        {"sku": "ship", "price": {"net": 2}, "stock": 9},
    ]

    @pytest.mark.parametrize(
        ("steps", "result"),
        [
            ({"select": ["price.net"], "limit": 1}, [{"net": 3}]),
            ({"select": ["nothing.there"], "limit": 1}, [{}]),
            ({"where": [{"path": "stock", "equals": 9}], "select": ["sku"]}, [{"sku": "ship"}]),
            ({"sort": "-stock", "select": ["sku"]}, [{"sku": s} for s in ("ship", "boat", "kite")]),
            ({"sort": "stock", "select": ["sku"]}, [{"sku": s} for s in ("boat", "ship", "kite")]),
            ({"rename": {"sku": "id"}, "remove": ["price", "stock"], "limit": 1}, [{"id": "boat"}]),
            (
                {"defaults": {"stock": 0}, "set": {"x": 1}, "select": ["stock", "x"]},
                [{"stock": 2, "x": 1}, {"stock": 0, "x": 1}, {"stock": 9, "x": 1}],
            ),
        ],
    )
    def test_steps(self, steps: dict[str, Any], result: list[dict[str, Any]]) -> None:
        """Each does one thing, and the data that were given stay as they are."""
        before = json.dumps(self.ROWS)

        assert Transform()({"data": self.ROWS, **steps}) == {"data": result, "count": len(result)}
        assert json.dumps(self.ROWS) == before

    def test_one_row_is_one_row(self) -> None:
        """An object gives an object, or nothing where it is filtered out."""
        turn = Transform(TransformSettings(steps={"where": [{"path": "a", "exists": True}]}))

        assert turn({"data": {"a": 1}}) == {"data": {"a": 1}, "count": 1}
        assert turn({"data": {"b": 1}}) == {"data": None, "count": 0}
        assert turn({"data": {"b": 1}, "where": []}) == {"data": {"b": 1}, "count": 1}

    @pytest.mark.parametrize("data", [7, "x", [1], None])
    def test_what_is_no_row_is_refused(self, data: Any) -> None:
        """Objects only."""
        with pytest.raises(ActionError, match="list of objects"):
            Transform()({"data": data})

    def test_what_cannot_be_sorted_is_told(self) -> None:
        """Numbers and texts have no common order; wrong steps are told at activation."""
        with pytest.raises(ActionError, match="cannot be compared"):
            Transform()({"data": [{"a": 1}, {"a": "x"}], "sort": "a"})
        with pytest.raises(UsageError, match="did you mean `select`"):
            Transform(TransformSettings(steps={"selected": []}))


class TestSanitize:
    """Without what is secret by its name."""

    def test_names_count_whatever_their_spelling(self) -> None:
        """At any depth; what is removed is gone, and all of it is counted."""
        said = Sanitize(SanitizeSettings(remove=("internal",)))(
            {
                "data": [{"Api-Key": "x", "db_PASSWORD": {"a": 1}, "internal": 1, "ok": 1}],
                "mask": ["o k"],
            }
        )

        assert said == {
            "data": [{"Api-Key": "***", "db_PASSWORD": "***", "ok": "***"}],
            "masked": 3,
            "removed": 1,
            "cut": 0,
        }

    def test_texts_are_cleaned_and_cut(self) -> None:
        """Control characters steer terminals; line ends and tabs stay."""
        said = Sanitize(SanitizeSettings(max_text=8, max_depth=1))(
            {"data": {"a": "\x1b[31mred\n", "b": "x" * 20, "c": [[1]]}}
        )

        assert said["data"] == {"a": "[31mred", "b": "x" * 8, "c": [None]}
        assert said["cut"] == 3

    @given(JSON, st.text(st.characters(codec="ascii"), min_size=12, max_size=20))
    def test_a_secret_never_comes_through(self, data: Any, secret: str) -> None:
        """Wherever a value stands below a name that is masked."""
        said = Sanitize()({"data": {"rows": [data, {"user_token": secret}]}})

        assert said["data"]["rows"][1] == {"user_token": "***"}


class TestFetch:
    """What stands at an address of a named origin."""

    def test_bodies_come_as_what_they_are(self) -> None:
        """JSON, a text, bytes; or as it is asked for. Nothing is asked again by its etag."""
        answers = {
            "/j": Answer(body=b'{"a": 1}', headers={"ETag": '"v1"'}),
            "/t": Answer(body=b"boat"),
            "/b": Answer(body=b"\xff\xfe"),
            "/n": Answer(304, b"", headers={"ETag": '"v1"'}),
        }
        with LoopbackServer(answers) as server:
            fetch = Fetch(FetchSettings(origins=(server.url,)))

            def get(path: str, **more: Any) -> dict[str, Any]:
                return asyncio.run(fetch({"url": server.url + path, **more}))

            found = get("j")
            assert (found["json"], found["bytes"], found["attempts"]) == ({"a": 1}, 8, 1)
            assert found["etag"] == '"v1"'
            assert get("t")["text"] == "boat"
            assert get("b")["base64"] == "//4="
            assert get("t", **{"as": "base64"})["base64"] == "Ym9hdA=="
            assert get("n", etag='"v1"')["unchanged"]
            for path, kind in (("t", "json"), ("b", "text")):
                with pytest.raises(ActionError):
                    get(path, **{"as": kind})

    def test_nothing_is_allowed_by_default(self) -> None:
        """A payload must not lead to whatever this machine can reach."""
        with LoopbackServer() as server:
            with pytest.raises(FetchError) as caught:
                asyncio.run(Fetch()({"url": server.url}))
            assert server.connections == 0

        assert caught.value.code == "fetch-origin"

    @pytest.mark.parametrize("origin", ["*", "example.com", "https://", "ftp://a.b", "https://a/b"])
    def test_what_is_no_origin_is_refused(self, origin: str) -> None:
        """It would allow nothing, and say nothing of it."""
        with pytest.raises(ValidationError, match="is no origin"):
            FetchSettings(origins=(origin,))

    def test_a_redirect_elsewhere_is_refused(self) -> None:
        """The origins hold for each hop."""
        with LoopbackServer() as other:
            answers = {"/": Answer(302, headers={"Location": other.url})}
            with LoopbackServer(answers) as server, pytest.raises(FetchError) as caught:
                asyncio.run(Fetch(FetchSettings(origins=(server.url,)))({"url": server.url}))
            assert other.connections == 0

        assert caught.value.code == "fetch-origin"
        assert "sent us there" in str(caught.value)

    def test_limits_hold(self) -> None:
        """A body that is too large is refused, and credentials go to the first origin only."""
        token: Secret[str] = Secret(SecretRef("t", lambda: "Bearer s3cret"))
        with LoopbackServer({"/": Answer(body=b"x" * 100)}) as server:
            small = FetchSettings(origins=(server.url,), max_bytes=99, attempts=1)
            with pytest.raises(FetchError):
                asyncio.run(Fetch(small)({"url": server.url}))
            one = FetchSettings(origins=(server.url,), token=token)
            asyncio.run(Fetch(one)({"url": server.url}))
            assert b"Bearer s3cret" in server.requests[-1]
            other = FetchSettings(origins=("https://a.example", server.url), token=token)
            asyncio.run(Fetch(other)({"url": server.url}))
            assert b"s3cret" not in server.requests[-1]


class TestFetchMethods:
    """What changes something elsewhere: by name, once, and to one origin."""

    def ask(self, server: Any, settings: Mapping[str, Any], **said: Any) -> dict[str, Any]:
        """Ask the server's root as the settings allow."""
        allowed = {"origins": (server.url,), "methods": ("GET", "HEAD", "POST", "PUT", "DELETE")}
        fetch = Fetch(FetchSettings(**{**allowed, **settings}))
        return asyncio.run(fetch({"url": server.url, **said}))

    @pytest.mark.parametrize(
        ("said", "kind", "body"),
        [
            ({"json": {"a": [1, None]}}, "application/json", b'{"a": [1, null]}'),
            ({"json": None}, "application/json", b"null"),
            ({"text": "boat"}, "text/plain; charset=utf-8", b"boat"),
            ({"base64": "//4="}, "application/octet-stream", b"\xff\xfe"),
            ({"text": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", b"<a/>"),
        ],
    )
    def test_a_body_is_sent_with_its_type(
        self, said: dict[str, Any], kind: str, body: bytes
    ) -> None:
        """Status and a few headers come back, and what the server made of it."""
        made = Answer(201, b'{"id": 7}', headers={"Location": "/7", "Set-Cookie": "who=me"})
        with FaultServer({"/": [made]}) as server:
            found = self.ask(server, {}, method="POST", **said)

            assert (found["status"], found["json"]) == (201, {"id": 7})
            assert found["headers"] == {"location": "/7"}
            head, _, sent = server.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST / HTTP/1.1")
        assert f"content-type: {kind}".encode() in head.lower()
        assert sent == body

    def test_methods_that_answer_nothing(self) -> None:
        """HEAD has a length and no bytes; 204 has neither."""
        answers = {"/": [Answer(200, b"", headers={"ETag": '"v"'}), Answer(204, b"")]}
        with FaultServer(answers) as server:
            head = self.ask(server, {}, method="HEAD", headers={"X-Tenant": "eu"})
            gone = self.ask(server, {}, method="DELETE")
            assert b"X-Tenant: eu" in server.requests[0]
            assert server.requests[1].startswith(b"DELETE ")

        assert (head["etag"], head["bytes"]) == ('"v"', 0)
        assert gone["status"] == 204
        assert not {"text", "json", "base64"} & (head.keys() | gone.keys())

    def test_only_what_the_settings_name_is_asked(self) -> None:
        """Reading alone by default; nothing goes out."""
        with FaultServer({"/": [Answer()]}) as server:
            with pytest.raises(ActionError, match="POST is not allowed: GET, HEAD"):
                self.ask(server, {"methods": ("GET", "HEAD")}, method="POST")
            with pytest.raises(ActionError, match="a body of 5 bytes; at most 4 are sent"):
                self.ask(server, {"max_bytes": 4}, method="PUT", text="boats")
            assert server.requests == []

    @pytest.mark.parametrize("name", ["Authorization", "cookie", "X-Key", "x-key"])
    def test_a_payload_never_says_who_we_are(self, name: str) -> None:
        """The settings do, for their first origin."""
        with FaultServer({"/": [Answer()]}) as server:
            with pytest.raises(ActionError, match="credentials are for the settings"):
                self.ask(server, {"header_name": "X-Key"}, headers={name: "s3cret"})
            assert server.requests == []

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"method": "TRACE"}, "method"),
            ({"method": "GET", "text": "a"}, "no body is sent by GET"),
            ({"method": "POST", "text": "a", "json": 1}, "exclude each other"),
            ({"method": "POST", "json": float("nan")}, "payload.json"),
            ({"method": "POST", "base64": "?"}, "payload.base64"),
            ({"headers": {"Host": "evil.example"}}, "a payload does not say Host"),
            ({"headers": {"X-A": "a\r\nX-B: b"}}, "is no header"),
            ({"headers": {"X A": "a"}}, "is no header"),
        ],
    )
    def test_what_is_no_request_is_told(self, said: dict[str, Any], why: str) -> None:
        """Before anything goes out."""
        with FaultServer({"/": [Answer()]}) as server:
            with pytest.raises(UsageError, match=why):
                self.ask(server, {}, **said)
            assert server.requests == []

    def test_what_may_not_be_done_twice_is_asked_once(self) -> None:
        """POST is told as it ended; PUT is the same twice, and tried again."""
        answers = [Answer(503, headers={"Retry-After": "0"}), Answer(200)]
        with FaultServer({"/": list(answers)}) as server:
            with pytest.raises(FetchError, match="POST is asked once") as caught:
                self.ask(server, {}, method="POST", text="a")
            assert len(server.requests) == 1
            assert caught.value.code == "fetch-status"
        with FaultServer({"/": list(answers)}) as server:
            assert self.ask(server, {}, method="PUT", text="a")["attempts"] == 2

    @pytest.mark.parametrize(
        ("status", "method", "then", "sent"),
        [
            (301, "POST", b"GET", b""),
            (303, "PUT", b"GET", b""),
            (302, "PUT", b"PUT", b"a"),
            (307, "POST", b"POST", b"a"),
            (308, "DELETE", b"DELETE", b"a"),
        ],
    )
    def test_redirects_keep_or_drop_the_body(
        self, status: int, method: str, then: bytes, sent: bytes
    ) -> None:
        """As RFC 9110 says, at the same origin."""
        answers = {"/": [Answer(status, b"", headers={"Location": "/b"})], "/b": [Answer()]}
        with FaultServer(answers) as server:
            self.ask(server, {}, method=method, text="a", headers={"X-Tenant": "eu"})
            head, _, body = server.requests[1].partition(b"\r\n\r\n")

        assert head.startswith(then + b" /b")
        assert b"X-Tenant: eu" in head
        assert (body, b"content-type" in head.lower()) == (sent, bool(sent))

    def test_headers_and_bodies_stay_at_their_origin(self) -> None:
        """A redirect elsewhere, though that is an origin too, gets neither; and one that would
        bring the body there is refused.
        """
        with FaultServer({"/": [Answer()]}) as other:
            for status in (303, 307):
                answer = Answer(status, b"", headers={"Location": other.url})
                with FaultServer({"/": [answer]}) as server:
                    both = {"origins": (server.url, other.url)}
                    said = {"method": "POST", "text": "s3cret", "headers": {"X-Tenant": "eu"}}
                    if status == 303:
                        self.ask(server, both, **said)
                    else:
                        with pytest.raises(FetchError, match="POST is for http") as caught:
                            self.ask(server, both, **said)
                        assert caught.value.code == "fetch-redirect"
            assert len(other.requests) == 1
            assert other.requests[0].startswith(b"GET ")
            assert b"X-Tenant" not in other.requests[0]
            assert b"s3cret" not in other.requests[0]

    def test_a_file_is_read_and_nothing_else(self) -> None:
        """Whatever else is asked for is refused by its name."""
        request = Request("file:///etc/hostname", method="DELETE")

        with pytest.raises(FetchError, match="not asked for DELETE") as caught:
            asyncio.run(SafeFetcher().fetch(request, Buffer()))
        assert caught.value.code == "fetch-method"


class TestConsole:
    """What comes by, in the log."""

    def test_it_is_logged_without_its_secrets(self, caplog: pytest.LogCaptureFixture) -> None:
        """One line of JSON; it is returned as it was written."""
        console = Console(ConsoleSettings(level="WARNING", prefix="seen: ", logger="here"))
        with caplog.at_level(logging.DEBUG, "here"):
            said = console({"user": "ada", "token": "s3cret"})

        assert said == {"logged": {"user": "ada", "token": "***"}}
        assert caplog.messages == ['seen: {"user": "ada", "token": "***"}']


class TestReaching:
    """What only the program around can do."""

    def test_an_event_is_handed_over(self) -> None:
        """With its headers; a dry run says only what would be."""
        program = Program()
        emit = Dispatch(DispatchSettings(topics=("order",)))

        payload = {"topic": "order", "payload": 1, "headers": {"source": "me"}, "wait": False}
        assert asyncio.run(emit(payload, program)) == {"ok": True}
        dry = asyncio.run(emit({"topic": "order", "dry_run": True}, program))
        assert dry["dry_run"]
        assert program.asked == [("order", 1, {"source": "me"}, False)]
        with pytest.raises(ActionError, match="may not be emitted: order"):
            asyncio.run(emit({"topic": "stock"}, program))

    def test_a_task_is_scheduled(self) -> None:
        """Within what is allowed."""
        program = Program()
        schedule = Schedule(ScheduleSettings(tasks=("pack",), max_delay=60))

        said = asyncio.run(schedule({"task": "pack", "payload": {"n": 1}, "delay": 5}, program))
        assert said == {"task": "pack", "run_id": "r1", "delay": 5}
        assert program.asked == [("pack", {"n": 1}, 5)]
        for payload in ({"task": "boil"}, {"task": "pack", "delay": 61}):
            with pytest.raises(ActionError) as caught:
                asyncio.run(schedule(payload, program))
            assert caught.value.code == "action-refused"
        with pytest.raises(UsageError):
            asyncio.run(schedule({"task": "pack", "delay": -1}, program))


class TestNotify:
    """A message by its route."""

    @staticmethod
    def _notify(program: Program, waits: list[float], **payload: Any) -> dict[str, Any]:
        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        routes = {
            "default": {"attempts": 3, "base_delay": 1, "max_delay": 1.5},
            "bare": {"include_context": False, "title": "$$ $what", "target": "ops"},
        }
        settings = NotifySettings.model_validate({"routes": routes})
        said = Notify(settings, sleep=sleep, lot=lambda: 1.0)({"message": "m", **payload}, program)
        return asyncio.run(said)

    def test_it_is_tried_again(self) -> None:
        """A no and an error are repeated, with a wait that grows."""
        waits: list[float] = []
        program = Program(False, OSError("gone"), True)

        assert self._notify(program, waits)["attempts"] == 3
        assert waits == [1, 1.5]

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (False, "the notifier did not take it"),
            (OSError("gone"), "OSError: gone"),
            (FetchError("no way"), "no way"),
        ],
    )
    def test_what_is_never_taken_is_a_no(self, answer: object, why: str) -> None:
        """With the last reason."""
        said = self._notify(Program(answer, answer, answer), [])

        assert (said["ok"], said["why"]) == (False, why)

    def test_titles_and_facts(self) -> None:
        """A title of the route has the context's facts in it; the context may stay at home."""
        program = Program()
        self._notify(program, [], route="bare", context={"what": "it", "n": 1})
        self._notify(program, [], title="Hello", level="error", context={"n": 1})

        assert [facts for _, _, facts in program.asked] == [
            {"level": "info", "title": "$ it", "target": "ops"},
            {"level": "error", "title": "Hello", "context": {"n": 1}},
        ]

    def test_what_no_attempt_can_mend_is_told_at_once(self) -> None:
        """A notifier that is not there, a route that is not there, a title that is none."""
        program = Program(NoCandidateError("no candidate for adapter:x"))
        with pytest.raises(NoCandidateError):
            self._notify(program, [])
        with pytest.raises(ActionError, match="did you mean `default`"):
            self._notify(Program(), [], route="defaults")
        with pytest.raises(ValidationError, match="stands before a name"):
            NotifySettings.model_validate({"routes": {"x": {"title": "50 $"}}})
        with pytest.raises(UsageError):
            self._notify(Program(), [], message="")
