import { el, toned } from "./kit.mjs";
import { decode, judge } from "./columns.mjs";
import { View, button, foundOf, offer, pick, widget } from "./frame.mjs";
import { pyArguments } from "./python.mjs";
import { Rows, lead, search } from "./rows.mjs";

/* Two manifests by meaning, the gravest first; what travels is told in _diff.py, beside this folder. */

const SECTIONS = { risk: "risks", winner: "what changes for this workspace", header: "manifest", entry: "entries", kept: "unchanged" };
const WIDE = new Set(["section", "entry", "kept"]); // rows of one cell

class Diff extends View {
  constructor(model, root) {
    super(model, root, "diff");
    /** @type {Map<string | number, boolean>} */
    this.open = new Map([["kept", false]]);
    this.text = this.domain = this.risk = "";
    this.unified = model.get("look") === "unified";
    this.build();
    this.on("msg:custom", ({ whole }, buffers) => whole && this.take(whole, buffers[0]));
    this.ends.push(() => this.rows.close());
    const sheet = model.get("sheet");
    if (sheet) return void this.take(sheet, sheet.cells);
    this.status.textContent = "loading…";
    model.send({ do: "whole" });
  }

  build() {
    const settling = (name) => (value) => { this[name] = value; this.settle(); };
    this.summary = el("p", { class: "ol-summary" });
    this.domains = pick("domain", settling("domain"));
    this.risks = pick("risk", settling("risk"));
    this.style = pick("style", (value) => settling("unified")(value === "unified"), ["side", "side by side"], "unified");
    this.style.value = this.unified ? "unified" : "side";
    /** @type {Rows} */
    this.rows = new Rows({
      role: "treegrid", label: "what differs", heads: ["what", "before", "after"],
      cells: (item) => this.cells(item), kind: ({ kind = "section", side = "plain", told }) => `ol-${kind} ol-${side}${WIDE.has(kind) ? " ol-wide" : told ? " ol-told" : ""}`, moved: (item) => this.detail(item),
      open: (item) => (item.children ? this.rows.side(item, 0) : this.jump(item)), key: (key) => this.key(key),
      toggle: (item) => { this.open.set(item.id, !item.open); this.settle(); },
    });
    this.filter = search(this.rows, settling("text"));
    this.details = el("div", { class: "ol-detail", role: "region", "aria-label": "in full", "aria-live": "polite" });
    this.root.append(this.summary, el("header", {}, this.filter, this.domains, this.risks, this.style,
      button("↑ p", () => this.step(-1), { "aria-label": "previous difference" }), button("↓ n", () => this.step(1), { "aria-label": "next difference" }),
      this.copy, this.status), this.rows.frame, this.code.node, this.details);
  }

  take(sheet, cells) {
    this.sheet = sheet;
    if (sheet.begun) this.model.send({ do: "whole" });
    this.columns = decode(sheet.columns, cells, sheet.count);
    this.by = Object.fromEntries(this.columns.map((column) => [column.name, column]));
    offer(this.domains, ["", "all domains"], ...sheet.domains);
    offer(this.risks, ["", "with and without risk"], ["*", "with a risk"], ...Object.keys(sheet.asks));
    this.summary.replaceChildren(toned(sheet.tone, sheet.summary, "strong"));
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
      const item = { row, kind, depth: 2, id: row, told: kind === "risk" || (kind === "winner" && !this.at("domain", row)) };
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
    this.status.textContent = foundOf(differs, sheet.differs, "difference");
    this.rows.node.classList.toggle("ol-unified", this.unified);
    this.rows.head.children[1].textContent = this.unified ? "before and after" : "before";
    this.rows.show(list, kept && list.find(({ id }) => id !== undefined && id === kept.id), sheet.count ? "Nothing that differs fits all of this." : "Nothing differs.");
    this.recode();
    this.detail(this.rows.item);
  }

  /** A value that differs as one row, or as the lines of a unified diff. */
  lines(item) {
    if (!this.unified) return [item];
    return ["old", "new"].filter((side) => this.at(side, item.row) != null).map((side) => ({ ...item, side }));
  }

  cells(item) {
    const { row, kind, side, told } = item;
    if (!kind) return [[...lead(item), item.title], "", ""];
    const [name, old, now, tone] = ["name", "old", "new", "tone"].map((column) => this.at(column, row));
    if (side) return [[...lead(item), name], el("span", { class: side === "old" ? "ol-bad" : "ol-ok" }, side === "old" ? `- ${old}` : `+ ${now}`), ""];
    const risks = this.at("risks", row);
    if (kind === "risk") return [[...lead(item), toned(tone, risks)], el("span", { title: name }, name), [el("span", { title: old }, old), " ", toned("quiet", now)]];
    const mark = kind === "entry" && risks.length ? [" ", toned("warn", risks.length, "small", { title: risks.join(", ") })] : [];
    const label = kind === "entry" ? el("span", { class: `ol-${tone}`, title: name }, name) : toned(tone, name, "span", { title: name });
    const [was, is] = [["s", old], ["span", now]].map(([tag, text]) => (text == null ? "" : el(tag, { title: text }, text)));
    const both = told ? [is, ""] : this.unified ? [[was, was && is && " → ", is], ""] : [was, is];
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
    if (!item?.kind) return void this.details.replaceChildren(toned("quiet", this.rows.list.length ? "n and p go from one difference to the next, Enter from a risk to its entry" : ""));
    const [name, old, now] = ["name", "old", "new"].map((column) => this.at(column, item.row));
    const part = (word, text) => (text == null ? [] : [el("div", {}, toned("quiet", `${word} `), el("code", {}, text))]);
    const codes = item.kind === "risk" ? this.at("risks", item.row) : [];
    const words = codes.length ? ["what", "where"] : ["before", item.told ? "such as" : "after"];
    this.details.replaceChildren(el("strong", {}, [...codes, name].join(" ")), ...part(words[0], old), ...part(words[1], now), ...codes.map((code) => el("div", {}, this.sheet.asks[code])));
  }

  asCode() {
    const { code } = this.sheet;
    if (this.risk && this.risk !== "*") return `[risk for risk in ${code}.risks if risk.code == ${JSON.stringify(this.risk)}]`;
    const named = { ...(this.risk ? { risky: true } : {}), ...(this.domain ? { domain: this.domain } : {}) };
    const only = Object.keys(named).length ? `.only(${pyArguments(named)})` : "";
    return `${code}${only}${this.unified ? '.styled("unified")' : ""}`;
  }
}

export default widget(Diff);
