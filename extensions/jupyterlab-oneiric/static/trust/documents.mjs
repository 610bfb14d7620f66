import { publicKey } from "./keys.mjs";
import { Members, bytesOf, decode, isDigest, isName, sha256, timeOf } from "./strict.mjs";

/* What stands in a bundle: envelopes, roots, a revocation list, a statement. A document that was
   read is only what somebody says; `inspect.mjs` finds out what it is worth. */

const ENVELOPE_BYTES = 256 * 1024;
const BUNDLE_BYTES = 64 * 1024 * 1024;
const MANIFEST_BYTES = 64 * 1024 * 1024;
const REVOKED = 100_000;
const SIGNATURES = 64;
const SIGNERS = 256;
const ROOTS = 256;

const STATEMENT_TYPE = "application/vnd.in-toto+json";
const ROOT_TYPE = "application/vnd.oneiric.root+json";
const REVOCATIONS_TYPE = "application/vnd.oneiric.revocations+json";
const ROLES = ["root", "release", "revocation", "log", "witness"];
const STEPS = ["off", "accept", "require"];
const REASONS = ["unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn"];
const GLOB = /^(?:[A-Za-z0-9_.*-]+:[A-Za-z0-9_.*-]+|\*)$/;

const document = (bytes, what, most = ENVELOPE_BYTES, depth = 16) => {
  try {
    return new Members(decode(bytes, most, depth), what);
  } catch (error) {
    if (!error.message.startsWith("not ")) error.message = `not ${what}: ${error.message}`;
    throw error;
  }
};

const envelope = async (tree, most = ENVELOPE_BYTES) => {
  const [payload, type] = [tree.base64("payload"), tree.text("payloadType")];
  if (payload.length > most) tree.fail(`${payload.length} bytes where at most ${most} are read`, "payload");
  const signatures = tree.objects("signatures", SIGNATURES).map((one) => {
    const found = { keyid: one.sha256("keyid"), sig: one.base64("sig") };
    one.done();
    return found;
  });
  tree.done();
  return { payload, type, signatures, sha256: await sha256(payload) };
};

/** What signatures are of: type and payload, so that no kind of document passes for another. */
export const signedBytes = ({ type, payload }) => {
  const text = new TextEncoder();
  const kind = text.encode(type);
  const lead = text.encode(`DSSEv1 ${kind.length} ${type} ${payload.length} `);
  const out = new Uint8Array(lead.length + payload.length);
  out.set(lead);
  out.set(payload, lead.length);
  return out;
};

export const readBundle = async (bytes) => {
  const tree = document(bytes, "a bundle", BUNDLE_BYTES);
  tree.constant("type", "oneiric-bundle/v1");
  const listed = tree.optionalObject("revocations");
  tree.must("tlog_proof", "a text or null", (value) => value === null || typeof value === "string");
  for (const token of tree.items("timestamps", 16)) if (!bytesOf(token)) tree.fail("expected base64", "timestamps");
  const found = { envelope: await envelope(tree.object("envelope")), roots: [] };
  for (const one of tree.objects("roots", ROOTS)) found.roots.push(await envelope(one));
  found.revocations = listed && (await envelope(listed, 4096 + 256 * REVOKED));
  tree.done();
  return found;
};

const signersOf = async (tree) => {
  const [out, owner] = [new Map(), new Map()];
  for (const name of tree.keys(SIGNERS)) {
    if (!isName(name)) tree.fail("expected a signer's name", name);
    const keys = [];
    for (const item of tree.objects(name, SIGNERS)) {
      const [said, spki] = [item.sha256("keyid"), item.base64("public")];
      item.done();
      const key = await publicKey(spki);
      if (key.keyid !== said) tree.fail(`a key says it is ${said.slice(0, 16)}…, and is ${key.keyid.slice(0, 16)}…`, name);
      if (owner.has(said)) tree.fail(`key ${said.slice(0, 16)}… is ${owner.get(said)}'s already`, name);
      owner.set(said, name);
      keys.push(key);
    }
    if (!keys.length) tree.fail("a signer without a key", name);
    out.set(name, keys);
  }
  return out;
};

const rolesOf = (tree, signers) => {
  const out = new Map();
  const present = new Set(tree.keys());
  for (const name of ROLES) {
    if (!present.has(name) && name !== "root" && name !== "release") continue;
    const item = tree.object(name);
    const [threshold, named] = [item.integer("threshold", 1), item.object("signers")];
    item.done();
    const globs = new Map();
    for (const signer of named.keys()) {
      if (!signers.has(signer)) named.fail(`no signer is called '${signer}'`);
      const scope = named.items(signer, 1024);
      if (!scope.every((glob) => typeof glob === "string" && GLOB.test(glob))) named.fail("expected globs such as adapter:* or *", signer);
      globs.set(signer, scope);
    }
    if (threshold > globs.size) tree.fail(`${threshold} signers are needed and ${globs.size} are named`, name);
    out.set(name, { threshold, globs });
  }
  tree.done();
  return out;
};

const RANK = {
  threshold: Number, expiry: Number, digests: Number, log: Number, witnesses: Number, provenance: Number,
  lifetime_days: (days) => (days === null ? -Infinity : -days),
  post_quantum: (step) => STEPS.indexOf(step),
};

const rowOf = (tree) => {
  const row = { threshold: tree.integer("threshold", 1), expiry: tree.boolean("expiry") };
  row.lifetime_days = tree.must("lifetime_days", "days of at least 1, or null", (days) => days === null || (Number.isInteger(days) && days >= 1));
  row.post_quantum = tree.must("post_quantum", "off, accept or require", (step) => STEPS.includes(step));
  for (const name of ["digests", "log", "provenance"]) row[name] = tree.boolean(name);
  row.witnesses = tree.integer("witnesses", 0);
  tree.done();
  return row;
};

const tableOf = (tree) => {
  const rows = tree.keys().map((text) => {
    if (!/^[1-9][0-9]{0,3}$/.test(text)) tree.fail("expected a schema's number", text);
    return [Number(text), rowOf(tree.object(text))];
  }).sort(([a], [b]) => a - b);
  if (!rows.length) tree.fail("it asks nothing of any schema");
  rows.slice(1).forEach(([schema, row], at) => {
    const before = rows[at][1];
    if (Object.entries(RANK).some(([name, rank]) => rank(row[name]) < rank(before[name]))) tree.fail(`schema ${schema} asks less than schema ${rows[at][0]}`);
  });
  return rows;
};

/** The row for a schema: that of the highest schema up to it. */
export const rowFor = (rows, schema) => rows.filter(([step]) => step <= schema).at(-1)?.[1] ?? null;

const contradiction = ({ issuedAt, notBefore, expiresAt }) => {
  if (notBefore < issuedAt) return "it holds before it was issued";
  return expiresAt !== null && expiresAt <= notBefore ? "it expires before it holds" : null;
};

export const versionOf = (found) => document(found.payload, "a root").integer("version", 1);

export const readRoot = async (found) => {
  const tree = document(found.payload, "a root");
  if (found.type !== ROOT_TYPE) tree.fail(`an envelope of ${found.type}`);
  tree.constant("type", "oneiric-root/v1");
  const issuedAt = tree.time("issued_at");
  const times = { issuedAt, notBefore: issuedAt, expiresAt: tree.optionalTime("expires_at") };
  const signers = await signersOf(tree.object("signers"));
  const root = { envelope: found, sha256: found.sha256, times, signers,
    project: tree.name("project"), version: tree.integer("version", 1), epoch: tree.integer("epoch", 1), minSchema: tree.integer("min_schema", 1),
    roles: rolesOf(tree.object("roles"), signers), rows: tableOf(tree.object("requirements")) };
  tree.done();
  const wrong = contradiction(times);
  if (wrong) tree.fail(wrong);
  const { globs } = root.roles.get("release");
  for (const [schema, row] of root.rows) if (row.threshold > globs.size) tree.fail(`schema ${schema} asks for ${row.threshold} signers of releases, and there are ${globs.size}`);
  if (!rowFor(root.rows, root.minSchema)) tree.fail(`no row says what schema ${root.minSchema} must bring`);
  return root;
};

/** Key id to signer and key, of all who act in a role. */
export const keysOf = (root, role) => new Map([...(root.roles.get(role)?.globs.keys() ?? [])].flatMap((signer) => root.signers.get(signer).map((key) => [key.keyid, { signer, key }])));

export const readRevocations = (found) => {
  const tree = document(found.payload, "a revocation list", 4096 + 256 * REVOKED, 8);
  if (found.type !== REVOCATIONS_TYPE) tree.fail(`an envelope of ${found.type}`);
  tree.constant("type", "oneiric-revocations/v1");
  const listed = { issuedAt: tree.time("issued_at"), due: tree.time("next_update"), project: tree.name("project"),
    epoch: tree.integer("epoch", 1), number: tree.integer("number", 1), revoked: new Map(), envelope: found };
  const said = tree.object("revoked");
  for (const keyid of said.keys(REVOKED)) {
    const row = said.take(keyid);
    if (!isDigest(keyid)) said.fail("expected a key id of 64 hex digits", keyid);
    const [reason, revokedAt, invalidFrom] = Array.isArray(row) && row.length === 3 ? row : said.fail("expected reason, revoked_at and invalid_from", keyid);
    if (!REASONS.includes(reason) || timeOf(revokedAt) === null || timeOf(invalidFrom) === null) said.fail("expected reason, revoked_at and invalid_from", keyid);
    if (invalidFrom > revokedAt) said.fail("the key is invalid only after it was revoked", keyid);
    listed.revoked.set(keyid, { reason, revokedAt, invalidFrom });
  }
  tree.done();
  if (listed.due <= listed.issuedAt) tree.fail("the next one is due before this one was issued");
  return listed;
};

export const readStatement = (found) => {
  const tree = document(found.payload, "a statement");
  if (found.type !== STATEMENT_TYPE) tree.fail(`an envelope of ${found.type}`);
  tree.constant("_type", "https://in-toto.io/Statement/v1");
  tree.constant("predicateType", "urn:oneiric-lab:release:v1");
  const [subject] = tree.objects("subject", 1);
  if (!subject) tree.fail("it has no subject", "subject");
  subject.constant("name", "manifest.oneiric.json");
  const [digest, notes] = [subject.object("digest"), subject.object("annotations")];
  const out = { sha256: digest.sha256("sha256"), size: notes.integer("size", 0) };
  const said = tree.object("predicate");
  const before = said.optionalObject("previous");
  out.previous = before && { version: before.integer("version", 1), sha256: before.sha256("sha256") };
  before?.done();
  for (const key of ["project", "channel"]) out[key] = said.name(key);
  for (const key of ["schema", "version", "epoch"]) out[key] = said.integer(key, 1);
  out.times = { issuedAt: said.time("issued_at"), notBefore: said.time("not_before"), expiresAt: said.optionalTime("expires_at") };
  for (const part of [digest, notes, subject, said, tree]) part.done();
  const wrong = contradiction(out.times);
  if (wrong) said.fail(wrong);
  if (out.previous && out.previous.version >= out.version) said.fail(`it follows version ${out.previous.version}, which is not before it`);
  return out;
};

/** What is read of a manifest: whose it is, and the component of each entry. */
export const readManifest = (bytes) => {
  const tree = document(bytes, "a manifest", MANIFEST_BYTES, 64);
  const schema = tree.integer("schema", 3);
  const head = { schema, project: tree.name("project"), channel: tree.name("channel"), version: tree.integer("version", 1) };
  head.entries = tree.items("entries", Infinity);
  const is = (entry) => entry !== null && typeof entry === "object" && !Array.isArray(entry) && typeof entry.domain === "string" && typeof entry.key === "string";
  head.entries.forEach((entry, at) => is(entry) || tree.fail("expected an entry with domain and key", `entries/${at}`));
  return head;
};
