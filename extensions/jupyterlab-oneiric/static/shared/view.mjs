import { GLYPHS, el } from "./kit.mjs";

/* A view of the kernel as nodes. */

const CELL_GLYPHS = { ...GLYPHS, lost: "" };

/** A cell of a view: a text, or one with a tone. A path names its file for who can open it. */
const viewCell = (cell) => {
  if (typeof cell === "string") return cell;
  const { text, tone, link } = cell;
  const words = (CELL_GLYPHS[tone] ?? "") + text;
  if (/^https?:\/\//.test(link)) return el("a", { href: link, target: "_blank", rel: "noreferrer" }, words);
  return el(tone === "lost" ? "s" : "span", { class: `ol-${tone ?? "plain"}`, "data-ol-file": link }, words);
};

const viewNodeOfTree = ({ label, cells, children, open }) => {
  const line = [viewCell(label), ...cells.flatMap((cell) => [" ", el("code", {}, viewCell(cell))])];
  if (!children.length) return el("div", {}, ...line);
  return el("details", { open }, el("summary", {}, ...line), el("blockquote", {}, ...children.map(viewNodeOfTree)));
};

const viewTable = (rows, ...head) => el("table", {}, ...head, el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells))));

const viewBlock = (block) => {
  const { type, text, tone, caption, columns, rows } = block;
  const more = block.more ? [el("p", { class: "ol-quiet" }, `and ${block.more} more`)] : [];
  const scroll = (...children) => el("div", { class: "ol-scroll" }, ...children, ...more);
  if (type === "note") return el(text.includes("\n") ? "pre" : "p", { class: `ol-note ol-${tone}` }, (GLYPHS[tone] ?? "") + text);
  if (type === "code") return el("pre", {}, caption ? `${caption}\n` : "", el("code", {}, text));
  if (type === "text") return el("p", {}, text);
  if (type === "tree") return scroll(...block.roots.map(viewNodeOfTree));
  if (type === "fields") return scroll(viewTable(block.items.map(([name, cell]) => [el("th", { scope: "row" }, name), el("td", {}, viewCell(cell))])));
  if (type !== "table") return el("p", { class: "ol-quiet" }, `(${type})`);
  const side = (at) => ({ class: columns[at]?.align === "right" && "ol-right" });
  const heads = columns.map(({ name }, at) => el("th", { scope: "col", ...side(at) }, name));
  const cells = rows.map((row) => row.map((cell, at) => el("td", side(at), viewCell(cell))));
  return scroll(viewTable(cells, ...(caption ? [el("caption", {}, caption)] : []), el("thead", {}, el("tr", {}, ...heads))));
};

/** A view of the kernel as nodes, as its HTML would show it. */
export const viewNode = ({ title, facts, tone, blocks }) =>
  el("section", { class: `ol-view ol-tone-${tone}` }, el("strong", { class: `ol-${tone}` }, (GLYPHS[tone] ?? "") + title), " ",
    el("span", { class: "ol-quiet" }, facts.join(" · ")), ...blocks.map(viewBlock));
