/* Two manifests entry by entry, as plainly as a page can: what came, left and changed. Which risks
   that brings is judged by `oneiric-lab manifest diff` alone. */

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const identity = ({ domain, key, provider, version }) => JSON.stringify([domain, key, provider, version]);
const place = ({ domain, key, provider }) => JSON.stringify([domain, key, provider]);

/** Names of two objects whose values differ, each with both values. */
const fields = (a, b) =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().filter((name) => !same(a[name], b[name])).map((name) => [name, a[name], b[name]]);

/** Take pairs with one mark out of two lists. */
const pair = (olds, news, mark, found) => {
  const waiting = new Map();
  for (const one of olds) {
    const key = mark(one);
    waiting.set(key, [...(waiting.get(key) ?? []), one]);
  }
  const left = news.filter((one) => {
    const before = waiting.get(mark(one))?.shift();
    if (before) found.push([before, one]);
    return !before;
  });
  return [[...waiting.values()].flat(), left];
};

export const compare = (old, now) => {
  const pairs = [];
  let [olds, news] = pair(old.entries, now.entries, identity, pairs);
  [olds, news] = pair(olds, news, place, pairs);
  const row = (kind, entry, changes = []) => ({ kind, target: `${entry.domain}:${entry.key}`, who: `${entry.provider ?? ""} ${entry.version ?? ""}`.trim(), changes });
  const changed = pairs.map(([before, after]) => row("changed", after, fields(before, after))).filter(({ changes }) => changes.length);
  const header = ["project", "channel", "schema", "version"].filter((name) => old[name] !== now[name]).map((name) => [name, old[name], now[name]]);
  return {
    header,
    rows: [...news.map((one) => row("added", one)), ...olds.map((one) => row("removed", one)), ...changed],
    kept: pairs.length - changed.length,
  };
};
