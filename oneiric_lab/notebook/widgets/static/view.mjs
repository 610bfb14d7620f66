import { GLYPHS, el } from "./kit.mjs";

/* A view of the kernel as nodes. */

const CELL_GLYPHS = { ...GLYPHS, lost: "" };

/** A cell of a view: a text, or one with a tone. */
const viewCell = (cell) => {
  if (typeof cell === "string") return cell;
  const node = el(cell.tone === "lost" ? "s" : "span", { class: `ol-${cell.tone ?? "plain"}` });
  node.append((CELL_GLYPHS[cell.tone] ?? "") + cell.text);
  return node;
};

const viewBlock = (block) => {
  if (block.type === "note") return el("p", { class: `ol-note ol-${block.tone}` }, (GLYPHS[block.tone] ?? "") + block.text);
  if (block.type === "code") return el("pre", {}, block.caption ? `${block.caption}\n` : "", el("code", {}, block.text));
  if (block.type === "text") return el("p", {}, block.text);
  if (block.type !== "table") return el("p", { class: "ol-quiet" }, `(${block.type}: see it in a cell)`);
  const rows = block.rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, viewCell(cell)))));
  const heads = block.columns.map(({ name }) => el("th", { scope: "col" }, name));
  const more = block.more ? [el("p", { class: "ol-quiet" }, `and ${block.more} more`)] : [];
  return el("div", { class: "ol-scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)), ...more);
};

/** A view of the kernel as nodes, as its HTML would show it. */
export const viewNode = (view) =>
  el("section", { class: `ol-view ol-tone-${view.tone}` }, el("strong", {}, view.title), " ",
    el("span", { class: "ol-quiet" }, view.facts.join(" · ")), ...view.blocks.map(viewBlock));
