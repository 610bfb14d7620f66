"""Shapes of what the verbs of releases, remotes and loads print by `--json`.

Each stands here once, in a notation as short as the shape itself. The JSON Schemas of
`reference/schemas` are made of it: a test holds the files against it, and real answers against
the files. Keys may be added, so that no shape is closed.
"""

from __future__ import annotations

import json
from typing import Any

Schema = dict[str, Any]

ANY: Schema = {}
TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
HEX: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
DIGEST: Schema = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
CODE: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"}
TIME: Schema = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}


def maybe(schema: Schema) -> Schema:
    """Return *schema*, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and len(schema) == 1:
        return {"type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """Return a list of *schema*."""
    return {"type": "array", "items": schema}


def named(schema: Schema) -> Schema:
    """Return an object whose names anybody chooses."""
    return {"type": "object", "additionalProperties": schema}


def one_of(*values: str) -> Schema:
    """Return one of *values*."""
    return {"enum": list(values)}


def thing(**members: Schema) -> Schema:
    """Return an object that has all of *members*; a name may end with `_` to be no keyword."""
    own = {name.removesuffix("_"): schema for name, schema in members.items()}
    return {"type": "object", "required": list(own), "properties": own}


def with_more(base: Schema, **members: Schema) -> Schema:
    """Return *base* with *members* besides."""
    return thing(**base["properties"], **members)


# --- parts --------------------------------------------------------------------------------

ORIGIN = thing(layer=TEXT, file=maybe(TEXT), line=maybe(INTEGER), column=maybe(INTEGER))
FAULT = thing(
    code=CODE,
    message=TEXT,
    where=many(ORIGIN),
    why=maybe(TEXT),
    fix=maybe(TEXT),
    severity=one_of("error", "warning", "note"),
)
ENVELOPE = thing(payload=TEXT, payloadType=TEXT, signatures=many(thing(keyid=HEX, sig=TEXT)))
CHECK = thing(code=CODE, state=one_of("passed", "failed", "skipped"), message=TEXT, fix=maybe(TEXT))
RELEASE = thing(
    project=TEXT,
    channel=TEXT,
    schema=INTEGER,
    version=INTEGER,
    epoch=INTEGER,
    sha256=HEX,
    size=INTEGER,
    issued_at=maybe(TIME),
    expires_at=maybe(TIME),
)
REPORT = thing(
    ok=FLAG,
    checks=many(CHECK),
    signers=many(TEXT),
    release=maybe(RELEASE),
    signatures=many(
        thing(
            keyid=TEXT,
            signer=maybe(TEXT),
            state=one_of("good", "invalid", "unknown", "duplicate", "unsupported", "revoked"),
            why=TEXT,
        )
    ),
    equivocations=many(thing(type=TEXT, kind=TEXT, place=TEXT, first=ENVELOPE, second=ENVELOPE)),
    warnings=many(TEXT),
)
DOCUMENT = thing(sha256=HEX, size=INTEGER, words=TEXT)
PROPOSAL = thing(
    proposal=HEX,
    project=TEXT,
    channel=TEXT,
    schema=INTEGER,
    version=INTEGER,
    epoch=INTEGER,
    manifest=DOCUMENT,
    issued_at=TIME,
    not_before=TIME,
    expires_at=maybe(TIME),
    previous=maybe(thing(version=INTEGER, sha256=HEX)),
    root=thing(version=INTEGER, sha256=HEX, words=TEXT),
    threshold=INTEGER,
    signers=named(many(TEXT)),
)
SIDE = thing(
    file=maybe(TEXT), project=TEXT, channel=TEXT, version=INTEGER, digest=DIGEST, entries=INTEGER
)
PLACE = thing(pointer=TEXT, file=maybe(TEXT), line=maybe(INTEGER), column=maybe(INTEGER))
FIELD = {
    "type": "object",
    "required": ["path", "kind"],
    "properties": {
        "path": many({"type": ["string", "integer"]}),
        "kind": one_of("value", "set", "order"),
        "old": ANY,
        "new": ANY,
        "at": INTEGER,
    },
}
CANDIDATE = {"type": "object"}
DIFF = thing(
    same=FLAG,
    old=SIDE,
    new=SIDE,
    counts=thing(
        added=INTEGER, removed=INTEGER, moved=INTEGER, changed=INTEGER, kept=INTEGER, risks=INTEGER
    ),
    left_out=many(TEXT),
    risks=many(
        thing(
            code=CODE,
            tone=one_of("bad", "warn"),
            target=maybe(TEXT),
            entry=maybe(TEXT),
            message=TEXT,
            old=maybe(PLACE),
            new=maybe(PLACE),
        )
    ),
    impact=maybe(
        thing(
            winners=many(
                thing(
                    target=TEXT,
                    old=maybe(CANDIDATE),
                    new=maybe(CANDIDATE),
                    old_rule=maybe(TEXT),
                    new_rule=maybe(TEXT),
                )
            ),
            problems=many(FAULT),
            solved=many(FAULT),
            refused=many({"type": "object"}),
        )
    ),
    header=many(FIELD),
    entries=many(
        thing(
            kind=one_of("added", "removed", "moved", "changed"),
            target=TEXT,
            provider=TEXT,
            old_version=maybe(TEXT),
            new_version=maybe(TEXT),
            step=maybe(TEXT),
            old_index=maybe(INTEGER),
            new_index=maybe(INTEGER),
            fields=many(FIELD),
        )
    ),
    order=maybe(many(INTEGER)),
)
QUORUM = thing(of=TEXT, threshold=INTEGER, signed=many(TEXT), missing=many(TEXT), complete=FLAG)
DEMANDS = thing(
    threshold=INTEGER,
    expiry=FLAG,
    lifetime_days=maybe(INTEGER),
    digests=FLAG,
    log=FLAG,
    witnesses=INTEGER,
    provenance=FLAG,
    post_quantum=one_of("off", "accept", "require"),
)
KEY = thing(file=TEXT, public_file=maybe(TEXT), keyid=HEX, algorithm=TEXT, words=TEXT, public=TEXT)
VALUE = thing(name=TEXT, value=ANY, origin=TEXT, root=ANY, policy=ANY, tightens=FLAG)
ENTRY = thing(domain=TEXT, key=TEXT, provider=TEXT, factory=TEXT)
MANIFEST = thing(schema=INTEGER, project=TEXT, channel=TEXT, version=INTEGER, entries=many(ENTRY))

SHAPES: dict[str, Schema] = {
    # --- trust
    "key": KEY,
    "keys": thing(
        folder=TEXT,
        keys=many(
            thing(
                file=TEXT,
                kind=TEXT,
                keyid=maybe(HEX),
                algorithm=maybe(TEXT),
                words=maybe(TEXT),
                fault=maybe(ANY),
            )
        ),
    ),
    "written": thing(file=TEXT, text=TEXT, next=TEXT),
    "root": thing(
        file=maybe(TEXT),
        root=thing(
            project=TEXT,
            version=INTEGER,
            epoch=INTEGER,
            sha256=HEX,
            issued_at=TIME,
            expires_at=maybe(TIME),
            min_schema=INTEGER,
            signers=named(many(thing(keyid=HEX, algorithm=TEXT, words=TEXT, public=TEXT))),
            roles=named(thing(threshold=INTEGER, signers=named(many(TEXT)))),
            requirements=named(DEMANDS),
        ),
        complete=FLAG,
        signatures=many(QUORUM),
        changes=many(thing(text=TEXT, loosens=FLAG)),
        warnings=many(FAULT),
    ),
    "root-toml": thing(file=TEXT, text=TEXT),
    "root-report": thing(
        ok=FLAG,
        checks=many(CHECK),
        steps=many(thing(version=INTEGER, sha256=HEX, found=TEXT)),
        root=maybe({"type": "object"}),
    ),
    "policy": thing(policy=maybe(TEXT), root=maybe(HEX), values=many(VALUE)),
    "policy-value": with_more(VALUE, rule=TEXT),
    "policy-lint": thing(policy=maybe(TEXT), ok=FLAG, faults=many(FAULT)),
    "revocations": thing(
        file=maybe(TEXT),
        list=thing(
            project=TEXT,
            epoch=INTEGER,
            number=INTEGER,
            sha256=HEX,
            issued_at=TIME,
            next_update=TIME,
            revoked=many(thing(keyid=HEX, reason=TEXT, revoked_at=TIME, invalid_from=TIME)),
        ),
        complete=FLAG,
        signatures=QUORUM,
        new=many(HEX),
        warnings=many(FAULT),
    ),
    "state": thing(
        state=thing(
            type=TEXT,
            anchor=maybe(HEX),
            root=maybe(ENVELOPE),
            channels=named(ENVELOPE),
            revocations=maybe(ENVELOPE),
            time=maybe(TIME),
            checkpoint=ANY,
            legacy={"type": "object"},
        ),
        warnings=many(ANY),
        forgotten=many(TEXT),
    ),
    # --- manifest and bundle
    "manifest-pack": thing(
        file=maybe(TEXT),
        project=TEXT,
        channel=TEXT,
        version=INTEGER,
        entries=INTEGER,
        artifacts=INTEGER,
        digest=DIGEST,
        size=INTEGER,
        changed=FLAG,
        warnings=many(FAULT),
    ),
    "manifest-export": thing(out=maybe(TEXT), document=MANIFEST, left_out=many(ANY)),
    "manifest-validate": thing(
        file=TEXT, ok=FLAG, schema=maybe(INTEGER), entries=INTEGER, faults=many(FAULT)
    ),
    "manifest-migrate": thing(
        file=TEXT,
        from_=INTEGER,
        to=INTEGER,
        out=maybe(TEXT),
        decisions=INTEGER,
        steps=many(
            thing(
                kind=TEXT,
                path=TEXT,
                text=TEXT,
                why=maybe(TEXT),
                fix=maybe(TEXT),
                where=maybe(ORIGIN),
            )
        ),
        document=MANIFEST,
    ),
    "manifest-diff": DIFF,
    "manifest-lines": thing(file=TEXT, lines=many(TEXT), faults=many(TEXT)),
    "manifest-explain": thing(
        target=TEXT,
        manifest=thing(project=TEXT, channel=TEXT, version=INTEGER, digest=DIGEST),
        entries=many(ENTRY),
        before=maybe({"type": "object"}),
        after=maybe({"type": "object"}),
    ),
    "acknowledged": thing(
        file=TEXT,
        left=INTEGER,
        risks=many(
            thing(
                code=TEXT,
                target=TEXT,
                who=TEXT,
                message=TEXT,
                read_by=maybe(TEXT),
                read_at=maybe(TEXT),
            )
        ),
    ),
    "report": REPORT,
    "proposed": with_more(
        PROPOSAL,
        changes=maybe(DIFF),
        manifest_file=maybe(TEXT),
        file=maybe(TEXT),
        warnings=many(FAULT),
    ),
    "cosigned": thing(
        signer=maybe(TEXT),
        keyid=maybe(HEX),
        outside=many(TEXT),
        file=maybe(TEXT),
        signed=PROPOSAL,
        changes=maybe(DIFF),
        root_compared=FLAG,
    ),
    "assembly": thing(
        complete=FLAG,
        signers=many(TEXT),
        needed=INTEGER,
        waiting=many(TEXT),
        missing=TEXT,
        answers=many(
            thing(
                name=TEXT,
                signer=maybe(TEXT),
                state=one_of("counted", "known", "refused"),
                why=TEXT,
            )
        ),
        file=maybe(TEXT),
        release=PROPOSAL,
    ),
    "bundle-make": thing(file=maybe(TEXT), root=HEX, report=REPORT),
    "bundle-show": thing(
        type=TEXT,
        envelope=ENVELOPE,
        roots=many(ENVELOPE),
        revocations=maybe(ENVELOPE),
        tlog_proof=maybe(TEXT),
        timestamps=many(TEXT),
    ),
    # --- remote
    "sync": thing(
        ok=FLAG,
        dry_run=FLAG,
        sources=many(
            thing(
                source=TEXT,
                outcome=TEXT,
                release=maybe(TEXT),
                generation=maybe(INTEGER),
                artifacts=INTEGER,
                age_seconds=maybe(NUMBER),
                faults=many(FAULT),
            )
        ),
    ),
    "remote-status": thing(
        enabled=FLAG,
        sources=many(
            thing(
                source=TEXT,
                url=TEXT,
                state=one_of("fresh", "stale", "failing", "never"),
                release=maybe({"type": "object"}),
                age_seconds=maybe(NUMBER),
                fetched_at=maybe(TIME),
                checked_at=maybe(TIME),
                fresh_until=maybe(TIME),
                attempts=many(thing(at=TIME, outcome=TEXT, code=maybe(TEXT), message=maybe(TEXT))),
            )
        ),
    ),
    # --- load
    "load-scenarios": thing(
        scenarios=many(
            thing(
                name=TEXT,
                summary=TEXT,
                params={"type": "object"},
                users=maybe(INTEGER),
                invariants=named(TEXT),
            )
        )
    ),
    "load-run": thing(
        id=TEXT,
        started=TEXT,
        versions=named(maybe(TEXT)),
        revision=maybe(TEXT),
        label=TEXT,
        plan={"type": "object"},
        machine={"type": "object"},
        offered=INTEGER,
        wall_s=NUMBER,
        cpu_s=NUMBER,
        floor_ns=maybe(NUMBER),
        valid=FLAG,
        partial=FLAG,
        operations=many({"type": "object", "required": ["op", "phase", "ended", "ok", "error"]}),
        errors=many(ANY),
        objectives=many(
            thing(objective=TEXT, met=maybe(FLAG), measured=maybe(NUMBER), shown=TEXT, reason=TEXT)
        ),
        invariants=many(thing(name=TEXT, wrong=maybe(TEXT))),
        exit_code={"enum": [0, 1, 3, 4, 130]},
    ),
    "load-runs": thing(
        folder=TEXT,
        runs=many(
            thing(
                id=TEXT,
                path=TEXT,
                started=TEXT,
                scenario=TEXT,
                load=TEXT,
                verdict=TEXT,
                label=TEXT,
                exit_code=maybe(INTEGER),
                wrong=TEXT,
            )
        ),
        more=INTEGER,
    ),
    "load-compare": thing(
        verdict=one_of("faster", "slower", "same", "inconclusive"),
        base=thing(name=TEXT, runs=many(ANY)),
        other=thing(name=TEXT, runs=many(ANY)),
        changed=many(ANY),
        band=NUMBER,
        seed=INTEGER,
        metrics=many({"type": "object"}),
        left_out=many(thing(side=TEXT, run=TEXT, reason=TEXT, broken=FLAG)),
        warnings=many(TEXT),
        exit_code=INTEGER,
    ),
}


def text(name: str) -> str:
    """Return the file of the shape *name*."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name}
    return json.dumps(head | SHAPES[name], indent=2) + "\n"
