import { keysOf, readBundle, readManifest, readRevocations, readRoot, readStatement, rowFor, signedBytes, versionOf } from "./documents.mjs";
import { Refused, isDigest, sha256, timeText } from "./strict.mjs";

/* What a bundle and a manifest are worth, as far as a browser can tell: the same checks under the
   same codes as oneiric_lab/trust/_verify.py, without the state and the policy of a workspace.
   Whatever comes of it, a browser alone never says that a release is verified. */

const SKEW = 5 * 60_000;
const DAY = 86_400_000;
const SHOWN = 5;

/** The checks that need what a browser has not: what was trusted before, and the local policy. */
export const NOT_HERE = "rollback, another release of the same version, an older revocation list, and your own policy";

const short = (digest) => `${digest.slice(0, 16)}…`;
const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** Whether a glob of `domain:key` fits, without going back: a glob of many stars takes no longer. */
export const fits = (glob, text) => {
  let [at, star, mark] = [0, -1, 0];
  for (let n = 0; n < text.length; ) {
    if (glob[at] === "*") [star, mark, at] = [at, n, at + 1];
    else if (glob[at] === text[n]) at++, n++;
    else if (star >= 0) [at, n] = [star + 1, ++mark];
    else return false;
  }
  while (glob[at] === "*") at++;
  return at === glob.length;
};

/** A verdict for each signature of an envelope; only `good` counts, and of each key once. */
const judge = async (envelope, keys, revoked = (_) => null) => {
  const [signed, seen, out] = [signedBytes(envelope), new Set(), []];
  for (const { keyid, sig } of envelope.signatures) {
    const known = keys.get(keyid);
    const say = (state, why = "") => void out.push({ keyid, signer: known?.signer ?? null, state, why });
    if (!known) say("unknown", "the root names no such key for this");
    else if (seen.has(keyid)) say("duplicate", "the key has signed already, and counts once");
    else if (known.key.algorithm === "unsupported") say("unsupported", "its algorithm cannot be checked here");
    else if (!(await known.key.verify(sig, signed))) say("invalid", "it is not by this key, or not of these bytes");
    else {
      seen.add(keyid);
      const why = revoked(keyid);
      say(why ? "revoked" : "good", why ?? "");
    }
  }
  return out;
};
const signersOf = (verdicts) => [...new Set(verdicts.filter(({ state }) => state === "good").map(({ signer }) => signer))].sort();

const checkSigned = async (envelope, by, version) => {
  const { threshold } = by.roles.get("root");
  const signers = signersOf(await judge(envelope, keysOf(by, "root")));
  if (signers.length < threshold) throw new Refused(`root ${version} is signed by ${signers.join(", ") || "nobody"} of the signers that root ${by.version} names; ${threshold} are needed`);
};

/** The newest root to which envelopes lead from one where trust begins. */
const extend = async (first, envelopes) => {
  await checkSigned(first.envelope, first, first.version);
  let current = first;
  for (const envelope of envelopes) {
    const version = versionOf(envelope);
    if (version < first.version) continue;
    if (version === first.version && current === first) {
      if (envelope.sha256 !== first.sha256) throw new Refused(`two roots of version ${version}`);
      continue;
    }
    if (version !== current.version + 1) throw new Refused(`root ${version} stands behind root ${current.version}: each is one more`);
    await checkSigned(envelope, current, version);
    const root = await readRoot(envelope);
    if (root.project !== current.project) throw new Refused(`root ${version} is of ${root.project}, not of ${current.project}`);
    if (root.epoch < current.epoch) throw new Refused(`root ${version} goes back from epoch ${current.epoch} to ${root.epoch}`);
    if (root.epoch === current.epoch && root.minSchema < current.minSchema) throw new Refused(`root ${version} takes schema ${root.minSchema} again`);
    await checkSigned(envelope, root, version);
    current = root;
  }
  return current;
};

class Inspection {
  constructor(now, pins) {
    this.now = now;
    this.pins = pins;
    this.checks = [];
    this.signatures = [];
    this.trusted = false;
    this.anchor = null;
  }

  note(code, state, message) {
    this.checks.push({ code, state, message });
    return state === "passed";
  }

  say(code, is, good, bad) {
    return this.note(code, is ? "passed" : "failed", is ? good : bad);
  }

  /** What `read` returns, or nothing where it refuses, which is noted. */
  async attempt(code, read, good) {
    try {
      const found = await read();
      this.note(code, "passed", good(found));
      return found;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.note(code, "failed", error.message);
      return null;
    }
  }

  async run(bundleBytes, manifestBytes) {
    const bundle = bundleBytes
      ? await this.attempt("bundle", () => readBundle(bundleBytes), ({ envelope }) => count(envelope.signatures.length, "signature"))
      : (this.note("bundle", "failed", "a manifest alone: no bundle beside it says who has signed it"), null);
    const root = bundle && (await this.root(bundle));
    if (root) this.age("root-expiry", root.times, `root ${root.version}`, "root-chain");
    const listed = root && (await this.revocations(root, bundle));
    const statement = bundle && (await this.attempt("statement", () => readStatement(bundle.envelope), (s) => `${s.project} ${s.channel} ${s.version}`));
    const head = await this.manifest(manifestBytes, statement);
    if (statement && head) this.claims(head, statement);
    if (statement && root) await this.release(statement, head, root, bundle, listed);
    if (statement) this.times(statement, root && rowFor(root.rows, statement.schema));
    return { root, listed, statement, head };
  }

  async root(bundle) {
    const pinned = bundle.roots.find(({ sha256 }) => this.pins.includes(sha256));
    const first = pinned ?? bundle.roots[0];
    if (!first) return void this.note("root-anchor", "failed", "the bundle has no root");
    const anchor = await this.attempt("root-anchor", () => readRoot(first), ({ version }) => (pinned ? `root ${version} is pinned in your settings` : `root ${version}, which is not pinned here`));
    if (!anchor) return null;
    this.trusted = Boolean(pinned);
    if (!pinned) this.checks.at(-1).state = "untrusted";
    this.anchor = anchor;
    return this.attempt("root-chain", () => extend(anchor, bundle.roots), ({ version }) => `root ${version}, signed by its own threshold and by the one before`);
  }

  age(code, times, what, ahead) {
    if (times.issuedAt > this.now + SKEW) this.note(ahead, "failed", `${what} was issued at ${timeText(times.issuedAt)}, which is in the future`);
    if (times.expiresAt === null) this.note(code, "passed", `${what} never expires`);
    else this.say(code, this.now < times.expiresAt, `until ${timeText(times.expiresAt)}`, `${what} expired at ${timeText(times.expiresAt)}`);
  }

  async revocations(root, bundle) {
    const role = root.roles.get("revocation");
    if (!role) return void this.note("revocations", "skipped", "the root names nobody who may revoke");
    if (!bundle.revocations) return void this.note("revocations", "failed", "the bundle has no revocation list, and the root names who publishes it");
    return this.attempt("revocations", async () => {
      const listed = readRevocations(bundle.revocations);
      const own = (keyid) => (listed.revoked.has(keyid) ? "a key that was revoked signs no list" : null);
      const signers = signersOf(await judge(listed.envelope, keysOf(root, "revocation"), own));
      if (signers.length < role.threshold) throw new Refused(`list ${listed.number} is signed by ${signers.join(", ") || "nobody"} of its role; ${role.threshold} are needed`);
      if (listed.project !== root.project || listed.epoch !== root.epoch) throw new Refused(`a list of ${listed.project}, epoch ${listed.epoch}`);
      if (listed.issuedAt > this.now + SKEW) throw new Refused(`list ${listed.number} was issued at ${timeText(listed.issuedAt)}, which is in the future`);
      this.say("revocations-age", this.now < listed.due, `the next one is due at ${timeText(listed.due)}`, `the list after ${listed.number} was due at ${timeText(listed.due)}`);
      return listed;
    }, ({ number, revoked }) => `list ${number}: ${count(revoked.size, "key")}`);
  }

  async manifest(bytes, statement) {
    if (!bytes) return void this.note("manifest-digest", "failed", "a bundle without its manifest: it only says which bytes were meant");
    if (statement) {
      const digest = await sha256(bytes);
      if (bytes.length !== statement.size) return void this.note("manifest-digest", "failed", `the manifest has ${bytes.length.toLocaleString("en")} bytes, signed are ${statement.size.toLocaleString("en")}`);
      if (!this.say("manifest-digest", digest === statement.sha256, `sha256:${short(digest)}, ${count(bytes.length, "byte")}`, `the manifest is sha256:${short(digest)}, signed is ${short(statement.sha256)}`)) return null;
    }
    return this.attempt("manifest-form", () => readManifest(bytes), ({ entries }) => count(entries.length, "entry", "entries"));
  }

  claims(head, statement) {
    const differs = ["project", "schema", "channel", "version"].find((name) => head[name] !== statement[name]);
    this.say("claims", !differs, "manifest and statement say the same", `the manifest says ${differs} ${head[differs]}, the statement ${statement[differs]}`);
  }

  async release(statement, head, root, bundle, listed) {
    this.say("project", statement.project === root.project, root.project, `a release of ${statement.project}, the root is of ${root.project}`);
    this.say("epoch", statement.epoch === root.epoch, String(root.epoch), `signed for epoch ${statement.epoch}, the root is of epoch ${root.epoch}`);
    this.say("schema", statement.schema >= root.minSchema, String(statement.schema), `schema ${statement.schema}; ${root.minSchema} is the least`);
    const row = rowFor(root.rows, statement.schema);
    if (!row) return void this.note("schema", "failed", `the root does not say what schema ${statement.schema} must bring`);
    const role = root.roles.get("release");
    const needed = Math.max(row.threshold, role.threshold);
    const revoked = (keyid) => {
      const found = listed?.revoked.get(keyid);
      return found ? `revoked (${found.reason}), invalid from ${found.invalidFrom}` : null;
    };
    this.signatures = await judge(bundle.envelope, keysOf(root, "release"), revoked);
    const signers = (this.signers = signersOf(this.signatures));
    const said = `${signers.length} of ${count(role.globs.size, "signer")}: ${signers.join(", ") || "nobody"}; ${needed} ${needed === 1 ? "is" : "are"} needed`;
    if (this.say("threshold", signers.length >= needed, said, said) && head) this.scope(head, role, signers, needed);
    if (head) this.demands(row, head);
  }

  scope(head, role, signers, needed) {
    const targets = [...new Set(head.entries.map(({ domain, key }) => `${domain}:${key}`))];
    const may = (signer, target) => role.globs.get(signer).some((glob) => glob === "*" || glob === "*:*" || fits(glob, target));
    const lacking = targets.filter((target) => signers.filter((signer) => may(signer, target)).length < needed).sort();
    const more = lacking.length > SHOWN ? ` and ${lacking.length - SHOWN} more` : "";
    this.say("scope", !lacking.length, `${count(targets.length, "component")} within the signers' scopes`, `fewer than ${needed} of the signers may sign for ${lacking.slice(0, SHOWN).join(", ")}${more}`);
  }

  times({ times }, row) {
    this.say("issued", times.issuedAt <= this.now + SKEW, timeText(times.issuedAt), `issued at ${timeText(times.issuedAt)}, which is in the future`);
    this.say("not-before", times.notBefore <= this.now + SKEW, timeText(times.notBefore), `it holds from ${timeText(times.notBefore)}`);
    if (times.expiresAt === null) this.note("expiry", "skipped", "it never expires");
    else this.say("expiry", this.now < times.expiresAt, `until ${timeText(times.expiresAt)}`, `expired at ${timeText(times.expiresAt)}`);
    if (!row) return;
    const [lifetime, days] = [times.expiresAt === null ? null : times.expiresAt - times.issuedAt, row.lifetime_days];
    if (lifetime === null && (row.expiry || days !== null)) this.note("lifetime", "failed", "it does not say until when it holds, and its schema asks for it");
    else if (lifetime === null || days === null) this.note("lifetime", "skipped", "the root asks for none");
    else this.say("lifetime", lifetime <= days * DAY, `${lifetime / DAY} of ${days} days`, `it holds ${lifetime / DAY} days; ${days} are the most`);
  }

  demands(row, head) {
    if (row.digests) {
      const whole = ({ artifact }) => artifact == null || (isDigest(artifact.sha256) && Number.isInteger(artifact.size) && artifact.size >= 0);
      this.say("digests", head.entries.every(whole), "every artifact has a SHA-256 and a size", "an artifact without SHA-256 or size");
    }
    const asked = { log: row.log, witnesses: row.witnesses, provenance: row.provenance, "post-quantum": row.post_quantum === "require" };
    for (const [code, wanted] of Object.entries(asked)) if (wanted) this.note(code, "failed", "the root asks for it, and it cannot be checked here");
  }
}

/** The one sentence on top, in its tone: what holds, against which root, and what it does not say. */
const verdict = ({ checks, trusted, anchor }) => {
  const failed = checks.filter(({ state }) => state === "failed");
  if (failed.length) {
    const first = failed[0];
    return ["bad", `not in order: ${first.message}${failed.length > 1 ? `, and ${count(failed.length - 1, "check")} more failed` : ""}`];
  }
  if (!trusted) return ["warn", "signatures match the root inside this file, which is not trusted here"];
  return ["ok", `signatures match root ${short(anchor.sha256)}, which is pinned in your settings`];
};

/** What is said where a page has no WebCrypto: nothing was checked, and why. */
export const UNCHECKED = "not checked here: this page has no secure context (https, or localhost), and a browser gives no cryptography without one";

/** Inspect a release. `pins` are digests of roots, `now` is in milliseconds. */
export const inspect = async ({ bundle, manifest, pins = [], now = Date.now() }) => {
  if (!globalThis.crypto?.subtle) return { tone: "warn", verdict: UNCHECKED, checks: [], signatures: [], checked: false, head: headOf(manifest) };
  const made = new Inspection(now, pins.map((pin) => pin.trim().replace(/^sha256:/, "").toLowerCase()));
  const found = await made.run(bundle, manifest);
  const [tone, said] = verdict(made);
  return { tone, verdict: said, checks: made.checks, signatures: made.signatures, root: found.root?.sha256 ?? null, anchor: made.anchor?.sha256 ?? null,
    trusted: made.trusted, statement: found.statement, head: found.head ?? headOf(manifest), checked: true };
};

/** A manifest as it can be read, whatever it is worth; null where it cannot. */
export const headOf = (bytes) => {
  try {
    return bytes ? readManifest(bytes) : null;
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
};
