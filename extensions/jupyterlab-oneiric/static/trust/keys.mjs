import { Refused, hex, refuse, sha256 } from "./strict.mjs";

/* Public keys: which are taken, and what their signatures are worth. The rules are those of
   oneiric_lab/trust/_keys.py, where the reasons stand. */

const ED25519 = "302a300506032b6570032100";
const P256 = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
const OURS = ["06032b6570", "06082a8648ce3d030107"];
const MOST_BYTES = 8192;

// RFC 8032 §5.1: the field, the curve's d, and the y of the points whose order divides eight.
const P = 2n ** 255n - 19n;
const power = (base, exponent) => {
  let [out, square] = [1n, ((base % P) + P) % P];
  for (let left = exponent; left; left >>= 1n) {
    if (left & 1n) out = (out * square) % P;
    square = (square * square) % P;
  }
  return out;
};
const D = (-121665n * power(121666n, P - 2n)) % P;
const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const LOW_ORDER = new Set([0n, 1n, P - 1n, Y8, P - Y8]);

const guardEd25519 = (raw) => {
  const y = BigInt(`0x${hex(raw.slice().reverse())}`) & (2n ** 255n - 1n);
  if (y >= P) refuse("the Ed25519 key is not in canonical form");
  if (LOW_ORDER.has(y)) refuse("the Ed25519 key is a point of low order");
  const [u, v] = [y * y - 1n, D * y * y + 1n];
  if (power(u * v, (P - 1n) / 2n) !== 1n) refuse("the Ed25519 key is no point of the curve");
};

/** Start and end of the content of the DER element `tag` at `at`, where it fits there. */
const tlv = (data, at, tag) => {
  if (data[at] !== tag || data.length < at + 2) return null;
  let [size, start] = [data[at + 1], at + 2];
  if (size & 0x80) {
    const digits = data.slice(start, start + (size & 0x7f));
    start += size & 0x7f;
    size = digits.reduce((sum, byte) => sum * 256 + byte, 0);
  }
  return start + size <= data.length ? [start, start + size] : null;
};

/** The AlgorithmIdentifier of DER that looks like an SPKI, in hex. */
const head = (spki) => {
  if (spki.length > MOST_BYTES) return null;
  const outer = tlv(spki, 0, 0x30);
  if (outer?.[1] !== spki.length) return null;
  const inner = tlv(spki, outer[0], 0x30);
  const bits = inner && tlv(spki, inner[1], 0x03);
  if (!bits || bits[1] !== spki.length || bits[0] === bits[1]) return null;
  const found = hex(spki.slice(...inner));
  return found.startsWith("06") ? found : null;
};

/** A number of ECDSA in DER as 32 bytes, and where it ends; null where it is not its one encoding. */
const integer = (der, at) => {
  const place = tlv(der, at, 0x02);
  if (!place || der[at + 1] & 0x80) return null;
  let digits = der.slice(...place);
  if (!digits.length || digits[0] & 0x80 || (digits[0] === 0 && !(digits[1] & 0x80))) return null;
  if (digits[0] === 0) digits = digits.slice(1);
  if (digits.length > 32) return null;
  const out = new Uint8Array(32);
  out.set(digits, 32 - digits.length);
  return [out, place[1]];
};

/** A signature of P-256 as WebCrypto takes it, of its DER. */
export const rawOf = (der) => {
  const body = tlv(der, 0, 0x30);
  if (body?.[0] !== 2 || body[1] !== der.length) return null;
  const r = integer(der, 2);
  const s = r && integer(der, r[1]);
  if (!s || s[1] !== der.length) return null;
  return new Uint8Array([...r[0], ...s[0]]);
};

const known = new Map();

/** A key of its SPKI: its id, its algorithm, and whether a signature of data is by it. */
export const publicKey = async (spki) => {
  const keyid = await sha256(spki);
  if (!known.has(keyid)) known.set(keyid, await load(spki, keyid));
  const found = known.get(keyid);
  if (found instanceof Refused) throw found;
  return found;
};

const load = async (spki, keyid) => {
  const text = hex(spki);
  try {
    if (text.startsWith(ED25519) && spki.length === 44) {
      const raw = spki.slice(12);
      guardEd25519(raw);
      const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
      return { keyid, algorithm: "ed25519", verify: (sig, data) => crypto.subtle.verify("Ed25519", key, sig, data) };
    }
    if (text.startsWith(P256) && spki.length === 91) {
      const curve = { name: "ECDSA", namedCurve: "P-256" };
      const key = await crypto.subtle.importKey("spki", spki, curve, false, ["verify"]).catch(() => refuse("the P-256 point is not on the curve"));
      const verify = async (der, data) => {
        const raw = rawOf(der);
        return raw !== null && crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, raw, data);
      };
      return { keyid, algorithm: "p256", verify };
    }
    const found = head(spki);
    if (!found) refuse("expected a DER SubjectPublicKeyInfo");
    if (OURS.some((one) => found.includes(one))) refuse("the key is not encoded in the one form of its algorithm");
    return { keyid, algorithm: "unsupported", verify: async () => false };
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
};
