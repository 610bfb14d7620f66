import { GLYPHS, codeLine, el, many } from "./kit.mjs";
import { decode, judge } from "./columns.mjs";
import { pyArguments } from "./python.mjs";
import { Rows, lead, search } from "./rows.mjs";

/* Two manifests by meaning, the gravest first; what travels is told in _diff.py, beside this folder. */

const SECTIONS = { risk: "risks", winner: "what changes for this workspace", header: "manifest", entry: "entries", kept: "unchanged" };

class Diff {
  constructor(model, root) {
    Object.assign(this, { model, root, open: new Map([["kept", false]]), text: "", domain: "", risk: "", unified: model.get("style") === "unified" });
    root.classList.add("ol-widget", "ol-diff");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "diff");
    this.build();
    const told = ({ whole }, buffers) => whole && this.take(whole, buffers[0]);
    model.on("msg:custom", told);
    this.close = () => {
      model.off("msg:custom", told);
      this.rows.close();
    };
    const sheet = model.get("sheet");
    if (sheet) this.take(sheet, sheet.cells);
    else {
      this.status.textContent = "loading…";
      model.send({ do: "whole" });
    }
  }

  build() {
    const pick = (label, act) => el("select", { "aria-label": label, onchange: (event) => { act(event.target.value); this.settle(); } });
    const button = (text, act, label) => el("button", { type: "button", onclick: act, "aria-label": label }, text);
    this.summary = el("p", { class: "ol-summary" });
    this.status = el("span", { role: "status", class: "ol-quiet" });
    this.domains = pick("domain", (value) => { this.domain = value; });
    this.risks = pick("risk", (value) => { this.risk = value; });
    this.style = pick("style", (value) => { this.unified = value === "unified"; });
    this.style.append(el("option", { value: "side" }, "side by side"), el("option", { value: "unified" }, "unified"));
    this.style.value = this.unified ? "unified" : "side";
    this.rows = new Rows({
      role: "treegrid", label: "what differs", heads: ["what", "before", "after"],
      cells: (item) => this.cells(item), kind: ({ kind = "section", side }) => `ol-${kind}${side ? ` ol-${side}` : ""}${["section", "entry", "kept"].includes(kind) ? " ol-wide" : ""}`, moved: (item) => this.detail(item),
      open: (item) => (item.children ? this.rows.side(item, 0) : this.jump(item)), key: (key) => this.key(key),
      toggle: (item) => { this.open.set(item.id, !item.open); this.settle(); },
    });
    this.filter = search(this.rows, (text) => { this.text = text; this.settle(); });
    this.details = el("div", { class: "ol-detail", role: "region", "aria-label": "in full", "aria-live": "polite" });
    this.empty = el("p", { class: "ol-empty", hidden: true });
    this.code = codeLine();
    this.root.append(this.summary, el("header", {}, this.filter, this.domains, this.risks, this.style,
      button("↑ p", () => this.step(-1), "previous difference"), button("↓ n", () => this.step(1), "next difference"),
      button("Copy as code", () => this.code.show(this.asCode())), this.status), this.rows.node, this.empty, this.code.node, this.details);
  }

  take(sheet, cells) {
    this.sheet = sheet;
    this.columns = decode(sheet.columns, cells, sheet.count);
    this.by = Object.fromEntries(this.columns.map((column) => [column.name, column]));
    const option = (value, text = value) => el("option", { value }, text);
    this.domains.replaceChildren(option("", "all domains"), ...sheet.domains.map((name) => option(name)));
    this.risks.replaceChildren(option("", "with and without risk"), option("*", "with a risk"), ...Object.keys(sheet.asks).map((code) => option(code)));
    this.summary.replaceChildren(el("strong", { class: `ol-${sheet.tone}` }, (GLYPHS[sheet.tone] ?? "") + sheet.summary));
    this.settle();
  }

  at(name, row) {
    const { values, codes } = this.by[name];
    return values[codes[row]];
  }

  /** Filter and flatten: no question to the kernel. */
  settle() {
    const { sheet, by } = this;
    if (!sheet) return;
    const where = {};
    if (this.domain) where.domain = [this.domain];
    if (this.risk) where.risks = this.risk === "*" ? Object.keys(sheet.asks) : [this.risk];
    const fails = judge(this.columns, sheet.count, this.text, where);
    // Words may stand in a value of an entry: then all of it is shown.
    const texts = new Uint8Array(sheet.count);
    const { values: kinds, codes } = by.kind;
    let owner = 0;
    for (let row = 0; row < sheet.count; row++) {
      if (kinds[codes[row]] !== "field") owner = row;
      if (!(fails[row] & 1)) texts[owner] = 1;
    }
    const filtered = Boolean(this.text || this.domain || this.risk);
    const sections = {};
    let entry;
    let differs = 0;
    for (let row = 0; row < sheet.count; row++) {
      const kind = kinds[codes[row]];
      if (kind === "field") {
        if (entry) entry.children.push({ row, kind, depth: 3 });
        continue;
      }
      entry = null;
      if (!texts[row] || fails[row] & ~1) continue;
      const item = { row, kind, depth: 2, id: row };
      if (kind === "entry") {
        item.children = [];
        entry = item;
      }
      if (kind !== "kept") differs += 1;
      (sections[kind] ??= []).push(item);
    }
    const list = [];
    const kept = this.rows.item;
    this.stops = [];
    for (const [kind, title] of Object.entries(SECTIONS)) {
      const items = sections[kind];
      if (!items) continue;
      const open = this.open.get(kind) !== false;
      list.push({ id: kind, title: `${title} (${items.length.toLocaleString("en")})`, depth: 1, children: items, open });
      if (!open) continue;
      for (const item of items) {
        if (item.children) item.open = this.open.get(item.id) !== false;
        if (kind !== "kept") this.stops.push(list.length);
        list.push(item);
        if (item.children && item.open) for (const child of item.children) list.push(...this.lines(child));
      }
    }
    const total = many(sheet.differs, "difference");
    this.status.textContent = filtered ? `${differs.toLocaleString("en")} of ${total}` : total;
    this.rows.node.classList.toggle("ol-unified", this.unified);
    this.rows.head.children[1].textContent = this.unified ? "before and after" : "before";
    this.rows.show(list, kept && list.find(({ id }) => id !== undefined && id === kept.id));
    this.empty.hidden = list.length > 0;
    this.empty.textContent = sheet.count ? "Nothing that differs fits all of this." : "Nothing differs.";
    if (!this.code.node.hidden) this.code.show(this.asCode());
    this.detail(this.rows.item);
  }

  /** A value that differs as one row, or as the lines of a unified diff. */
  lines(item) {
    if (!this.unified) return [item];
    return ["old", "new"].filter((side) => this.at(side, item.row) != null).map((side) => ({ ...item, side }));
  }

  cells(item) {
    const { row, kind, side } = item;
    if (!kind) return [[...lead(item), item.title], "", ""];
    const [name, old, now, tone] = ["name", "old", "new", "tone"].map((column) => this.at(column, row));
    if (side) return [[...lead(item), name], el("span", { class: side === "old" ? "ol-bad" : "ol-ok" }, side === "old" ? `- ${old}` : `+ ${now}`), ""];
    const risks = kind === "entry" ? this.at("risks", row) : [];
    const mark = risks.length ? [" ", el("small", { class: "ol-warn", title: risks.join(", ") }, `${GLYPHS.warn}${risks.length}`)] : [];
    const label = el("span", { class: `ol-${tone}`, title: name }, (kind === "entry" ? "" : (GLYPHS[tone] ?? "")) + name);
    const was = old == null ? "" : el(kind === "risk" ? "span" : "s", { title: old }, old);
    const is = now == null ? "" : el("span", { title: now }, now);
    const both = this.unified && kind !== "risk" ? [[was, old == null || now == null ? "" : " → ", is], ""] : [was, is];
    return [[...lead(item), label, ...mark], ...both];
  }

  // --- moving ---------------------------------------------------------------------------

  step(way) {
    const { at } = this.rows;
    const to = way > 0 ? this.stops.find((one) => one > at) : this.stops.findLast((one) => one < at);
    if (to !== undefined) this.rows.go(to);
  }

  /** From a risk or a winner to its entry. */
  jump(item) {
    const entry = this.at("entry", item.row);
    const at = entry == null ? -1 : this.rows.list.findIndex((one) => one.kind === "entry" && this.at("entry", one.row) === entry);
    if (at >= 0) this.rows.go(at);
  }

  key(key) {
    if (key === "n" || key === "p") this.step(key === "n" ? 1 : -1);
    else if (key === "/") this.filter.focus();
    else return false;
    return true;
  }

  /** All of the row that is chosen: a row has one line. */
  detail(item) {
    if (!item?.kind) return void this.details.replaceChildren(el("span", { class: "ol-quiet" }, this.rows.list.length ? "n and p go from one difference to the next, Enter from a risk to its entry" : ""));
    const [name, old, now] = ["name", "old", "new"].map((column) => this.at(column, item.row));
    const part = (word, text) => (text == null ? [] : [el("div", {}, el("span", { class: "ol-quiet" }, `${word} `), el("code", {}, text))]);
    const ask = item.kind === "risk" ? this.at("risks", item.row).map((code) => this.sheet.asks[code]) : [];
    const words = item.kind === "risk" ? ["what", "where"] : ["before", "after"];
    this.details.replaceChildren(el("strong", {}, name), ...part(words[0], old), ...part(words[1], now), ...ask.map((text) => el("div", {}, text)));
  }

  asCode() {
    const { code } = this.sheet;
    if (this.risk && this.risk !== "*") return `[risk for risk in ${code}.risks if risk.code == ${JSON.stringify(this.risk)}]`;
    const named = { ...(this.risk ? { risky: true } : {}), ...(this.domain ? { domain: this.domain } : {}) };
    const only = Object.keys(named).length ? `.only(${pyArguments(named)})` : "";
    return `${code}${only}${this.unified ? '.styled("unified")' : ""}`;
  }
}

export default () => ({
  render({ model, el: root }) {
    const view = new Diff(model, root);
    return () => view.close();
  },
});
