import { GLYPHS, el, toned } from "./kit.mjs";

/* A view of the kernel as nodes. */

/** A cell of a view: a text, or one with a tone. A path names its file for who can open it. */
const viewCell = (cell) => {
  if (typeof cell === "string") return cell;
  const { text, tone, link } = cell;
  if (/^https?:\/\//.test(link)) return el("a", { href: link, target: "_blank", rel: "noreferrer" }, (GLYPHS[tone] ?? "") + text);
  return toned(tone ?? "plain", text, tone === "lost" ? "s" : "span", { "data-ol-file": link });
};

const viewNodeOfTree = ({ label, cells, children, open }) => {
  const line = [viewCell(label), ...cells.flatMap((cell) => [" ", el("code", {}, viewCell(cell))])];
  if (!children.length) return el("div", {}, ...line);
  return el("details", { open }, el("summary", {}, ...line), el("blockquote", {}, ...children.map(viewNodeOfTree)));
};

const tableRow = (cells) => el("tr", {}, ...cells);

/**
 * A table of cells: of its head, where it has one, and of its rows; what is none yet becomes one.
 *
 * @param {any[] | null} heads
 * @param {any[][]} rows
 * @param {Record<string, any>} more Its caption, and attributes.
 */
export const table = (heads, rows, { caption, ...attributes } = {}) => {
  const cell = (tag, more) => (one) => (one instanceof Element && /^T[DH]$/.test(one.tagName) ? one : el(tag, more, ...[one].flat()));
  return el("table", attributes, ...(caption ? [el("caption", {}, caption)] : []),
    ...(heads ? [el("thead", {}, tableRow(heads.map(cell("th", { scope: "col" }))))] : []),
    el("tbody", {}, ...rows.map((cells) => tableRow(cells.map(cell("td"))))));
};

const viewBlock = (block) => {
  const { type, text, tone, caption, columns, rows } = block;
  const more = block.more ? [toned("quiet", `and ${block.more} more`, "p")] : [];
  const scroll = (...children) => el("div", { class: "ol-scroll" }, ...children, ...more);
  if (type === "note") return el(text.includes("\n") ? "pre" : "p", { class: `ol-note ol-${tone}` }, (GLYPHS[tone] ?? "") + text);
  if (type === "code") return el("pre", {}, caption ? `${caption}\n` : "", el("code", {}, text));
  if (type === "text") return el("p", {}, text);
  if (type === "tree") return scroll(...block.roots.map(viewNodeOfTree));
  if (type === "fields") return scroll(table(null, block.items.map(([name, cell]) => [el("th", { scope: "row" }, name), viewCell(cell)])));
  if (type !== "table") return toned("quiet", `(${type})`, "p");
  const side = (at) => ({ class: columns[at]?.align === "right" && "ol-right" });
  const heads = columns.map(({ name }, at) => el("th", { scope: "col", ...side(at) }, name));
  const cells = rows.map((row) => row.map((cell, at) => el("td", side(at), viewCell(cell))));
  return scroll(table(heads, cells, { caption }));
};

/** A view of the kernel as nodes, as its HTML would show it. */
export const viewNode = ({ title, facts, tone, blocks }) =>
  el("section", { class: `ol-view ol-tone-${tone}` }, toned(tone, title, "strong"), " ",
    toned("quiet", facts.join(" · ")), ...blocks.map(viewBlock));
