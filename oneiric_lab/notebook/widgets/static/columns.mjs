/* A big table as columns of codes: decoded, filtered, sorted and counted without a DOM.
   What travels is told in _columns.py, beside this folder. */

const WIDTHS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** The columns that a message holds: for each its values, in their order, and a code for each row. */
export const decode = (columns, view, count) =>
  columns.map(({ name, kind, values, add, width, at }) => {
    // A dictionary of one value needs no codes.
    const codes = !width ? new Uint8Array(count) : new WIDTHS[width](view.buffer.slice(view.byteOffset + at, view.byteOffset + at + count * width));
    return { name, kind, values, add, codes };
  });

/** The text of a value, as it is shown and searched. */
export const said = (value) => (value == null ? "" : Array.isArray(value) ? value.join(" ") : String(value));

const lowered = (column) => (column.lower ??= column.values.map((value) => said(value).toLowerCase()));

/** For each code of a column, 1 where its value is wanted: one of a list, or within a pair of numbers. */
const fits = (column, wanted) => {
  const range = wanted.range;
  return Uint8Array.from(column.values, (value) => {
    if (range) return value != null && range[0] <= value && value <= range[1];
    return Array.isArray(value) ? value.some((one) => wanted.includes(one)) : wanted.includes(value);
  });
};

/** For each row a bit for each filter that it fails: the first for the text, then one for each column of `where`. */
export const judge = (columns, count, text, where) => {
  const fails = new Uint32Array(count);
  for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const found = new Uint8Array(count);
    for (const column of columns) {
      if (column.kind === "number") continue;
      const hits = Uint8Array.from(lowered(column), (value) => value.includes(word));
      if (!hits.includes(1)) continue;
      const { codes } = column;
      for (let row = 0; row < count; row++) found[row] |= hits[codes[row]];
    }
    for (let row = 0; row < count; row++) fails[row] |= 1 - found[row];
  }
  Object.entries(where).forEach(([name, wanted], at) => {
    const column = columns.find((each) => each.name === name);
    if (!column) return;
    const good = fits(column, wanted);
    const { codes } = column;
    const bit = 2 << at;
    for (let row = 0; row < count; row++) if (!good[codes[row]]) fails[row] |= bit;
  });
  return fails;
};

/** How many rows each code of a column has, of those that no filter but its own keeps out;
    `rows` are those that none keeps out. */
export const counts = (column, fails, own, rows) => {
  const out = new Uint32Array(column.values.length);
  const others = ~own;
  const { codes } = column;
  if (!own) {
    for (let at = 0; at < rows.length; at++) out[codes[rows[at]]]++;
    return out;
  }
  for (let row = 0; row < fails.length; row++) if (!(fails[row] & others)) out[codes[row]]++;
  return out;
};

/** The rows that pass, in the order of a column or in their own; equal ones keep their own. */
export const order = (fails, column, down) => {
  let many = 0;
  for (let row = 0; row < fails.length; row++) many += +(fails[row] === 0);
  const out = new Uint32Array(many);
  if (!column) {
    for (let row = 0, at = 0; row < fails.length; row++) if (!fails[row]) out[at++] = row;
    return out;
  }
  // Codes are in the order of their values, so that to sort is to count.
  const { codes, values } = column;
  const starts = new Uint32Array(values.length + 1);
  const slot = (row) => (down ? values.length - 1 - codes[row] : codes[row]);
  for (let row = 0; row < fails.length; row++) if (!fails[row]) starts[slot(row) + 1]++;
  for (let code = 0; code < values.length; code++) starts[code + 1] += starts[code];
  for (let row = 0; row < fails.length; row++) if (!fails[row]) out[starts[slot(row)]++] = row;
  return out;
};

/** Take the rows of some components out, put others in; returns the new columns and a mark for each row:
    0 as it was, 1 changed, 2 new. */
export const merge = (columns, count, fresh, more, gone) => {
  const by = (list, name) => list.find((each) => each.name === name);
  const keys = ["component", "provider", "version", "source_name"];
  const text = (list, row, names) => JSON.stringify(names.map((name) => by(list, name).values[by(list, name).codes[row]]));
  const names = columns.map((column) => column.name).filter((name) => !["leases", "health"].includes(name));
  const drop = new Set(gone);
  const out = Uint8Array.from(by(columns, "component").values, (value) => +drop.has(value));
  const kept = [];
  const was = new Map();
  const component = by(columns, "component").codes;
  for (let row = 0; row < count; row++) {
    if (out[component[row]]) was.set(text(columns, row, keys), text(columns, row, names));
    else kept.push(row);
  }
  const joined = columns.map((column) => {
    const { codes: theirs, add } = by(fresh, column.name);
    const values = column.values.slice();
    for (const [at, value] of add) values.splice(at, 0, value);
    // Where the old codes are now: each new value moves those behind it.
    const moved = new Uint32Array(column.values.length);
    const places = new Set(add.map(([at]) => at));
    for (let at = 0, old = 0; at < values.length; at++) if (!places.has(at)) moved[old++] = at;
    const codes = new Uint32Array(kept.length + more);
    kept.forEach((row, at) => { codes[at] = moved[column.codes[row]]; });
    codes.set(theirs, kept.length);
    return { name: column.name, kind: column.kind, values, codes };
  });
  const marks = new Uint8Array(kept.length + more);
  for (let row = kept.length; row < marks.length; row++) {
    const before = was.get(text(joined, row, keys));
    marks[row] = before === undefined ? 2 : before === text(joined, row, names) ? 0 : 1;
    was.delete(text(joined, row, keys));
  }
  const rows = order(new Uint32Array(marks.length), by(joined, "component"), false);
  for (const column of joined) column.codes = rows.map((row) => column.codes[row]);
  return { columns: joined, marks: Uint8Array.from(rows, (row) => marks[row]), gone: was.size };
};
