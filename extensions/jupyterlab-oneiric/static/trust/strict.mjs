/* Reading signed JSON: canonical bytes or nothing, and every member taken once. The rules are those
   of oneiric_lab/canonical and oneiric_lab/trust/_tree.py; tests hold both to the same verdicts. */

export class Refused extends Error {}

export const refuse = (why) => {
  throw new Refused(why);
};

const LONE = /\p{Surrogate}/u;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const HEX = /^[0-9a-f]{64}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The canonical form (RFC 8785) of a value that JSON has. */
const encode = (value, left) => {
  if (typeof value === "string") {
    if (LONE.test(value)) refuse("half a surrogate pair");
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) refuse("an integer beyond 2^53 - 1");
    return JSON.stringify(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (!left) refuse("nested too deep");
  if (Array.isArray(value)) return `[${value.map((one) => encode(one, left - 1)).join(",")}]`;
  return `{${Object.keys(value).sort().map((key) => `${encode(key, left)}:${encode(value[key], left - 1)}`).join(",")}}`;
};

/** The value in bytes, which must be its canonical form. */
export const decode = (bytes, most, depth) => {
  if (bytes.length > most) refuse(`${bytes.length.toLocaleString("en")} bytes; at most ${most.toLocaleString("en")} are read`);
  let text, value;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    refuse(error instanceof RangeError ? "nested too deep" : `no JSON: ${error.message}`);
  }
  if (encode(value, depth) !== text) refuse("not in canonical form: it could be read in two ways");
  return value;
};

/** The members of one object; each is taken once, and `done` refuses the rest. */
export class Members {
  constructor(tree, what, at = "") {
    this.what = what;
    this.at = at;
    if (tree === null || typeof tree !== "object" || Array.isArray(tree)) this.fail("expected an object");
    this.left = new Map(Object.entries(tree));
  }

  fail(why, key) {
    const place = key === undefined ? this.at : `${this.at}/${key}`;
    return refuse(`not ${this.what}: ${why}${place ? ` (at ${place})` : ""}`);
  }

  take(key) {
    if (!this.left.has(key)) this.fail(`the member '${key}' is missing`);
    const value = this.left.get(key);
    this.left.delete(key);
    return value;
  }

  must(key, expected, is) {
    const value = this.take(key);
    return is(value) ? value : this.fail(`expected ${expected}`, key);
  }

  constant(key, wanted) {
    return this.must(key, `'${wanted}'`, (value) => value === wanted);
  }

  text(key) {
    return this.must(key, "a text", (value) => typeof value === "string");
  }

  name(key) {
    return this.must(key, "a name of letters, digits, `_`, `.` and `-`", isName);
  }

  integer(key, least) {
    return this.must(key, `an integer of at least ${least}`, (value) => Number.isInteger(value) && value >= least);
  }

  boolean(key) {
    return this.must(key, "true or false", (value) => typeof value === "boolean");
  }

  sha256(key) {
    return this.must(key, "a SHA-256 in hex", isDigest);
  }

  base64(key) {
    const bytes = bytesOf(this.take(key));
    return bytes ?? this.fail("expected base64", key);
  }

  /** A time as milliseconds since 1970. */
  time(key) {
    const value = timeOf(this.take(key));
    return value ?? this.fail("expected a time such as 2026-01-31T12:00:00Z", key);
  }

  isNull(key) {
    return this.left.get(key) === null && this.left.delete(key);
  }

  optionalTime(key) {
    return this.isNull(key) ? null : this.time(key);
  }

  object(key) {
    return new Members(this.take(key), this.what, `${this.at}/${key}`);
  }

  optionalObject(key) {
    return this.isNull(key) ? null : this.object(key);
  }

  items(key, most) {
    const value = this.must(key, "a list", Array.isArray);
    return value.length > most ? this.fail(`${value.length} items where at most ${most} are read`, key) : value;
  }

  objects(key, most) {
    return this.items(key, most).map((item, at) => new Members(item, this.what, `${this.at}/${key}/${at}`));
  }

  keys(most = Infinity) {
    return this.left.size > most ? this.fail(`${this.left.size} members where at most ${most} are read`) : [...this.left.keys()];
  }

  done() {
    for (const key of this.left.keys()) this.fail(`the member '${key}' is not known here`);
  }
}

export const isName = (value) => typeof value === "string" && NAME.test(value);
export const isDigest = (value) => typeof value === "string" && HEX.test(value);

/** The bytes that a text says in base64, which has one spelling; null where it says none. */
export const bytesOf = (text) => {
  if (typeof text !== "string") return null;
  try {
    const found = atob(text);
    return btoa(found) === text ? Uint8Array.from(found, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
};

/** Milliseconds since 1970 of a time of the one form, else null. */
export const timeOf = (text) => {
  if (typeof text !== "string" || !TIME.test(text)) return null;
  const found = Date.parse(text);
  return Number.isNaN(found) || timeText(found) !== text ? null : found;
};

export const timeText = (time) => new Date(time).toISOString().replace(".000Z", "Z");

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const sha256 = async (bytes) => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
