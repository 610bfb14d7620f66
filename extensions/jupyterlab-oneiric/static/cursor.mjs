/* What stands at the cursor, as what `explain` takes: `domain:key`, or the path of a value. */

const DOMAINS = "adapter|service|task|event|workflow|action|flag";
const COMPONENT = new RegExp(`\\b(?:${DOMAINS}):[\\w.-]+`, "g");
const PATH = /[A-Za-z_][\w-]*(?:\.[\w-]+)*/g;
const HEADER = /^\s*\[\[?\s*([\w.-]+)\s*\]?\]/;
const KEY = /^\s*([\w.-]+)\s*=/;

const at = (pattern, line, column) => {
  for (const found of line.matchAll(pattern)) if (found.index <= column && column <= found.index + found[0].length) return found[0];
  return null;
};

/** What a line of a TOML file says, with the table that it stands in; of a profile, its own path. */
const tomlPath = (lines, line) => {
  const header = HEADER.exec(lines[line]);
  const key = KEY.exec(lines[line]);
  if (!header && !key) return null;
  let table = "";
  for (let up = line; up >= 0 && !table; up--) table = HEADER.exec(lines[up])?.[1] ?? "";
  const path = header ? table : [table, key[1]].filter(Boolean).join(".");
  return path.replace(/^profiles\.[\w-]+\.(?=.)/, "");
};

/** The target at a place of a text, or null. Lines and columns count from 0. */
export const targetAt = (text, line, column, { toml = false } = {}) => {
  const lines = text.split("\n");
  const own = lines[line] ?? "";
  return at(COMPONENT, own, column) ?? (toml ? tomlPath(lines, line) : null) ?? at(PATH, own, column);
};
