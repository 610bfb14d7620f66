import { BUSY, el, toned } from "./kit.mjs";
import { counts, decode, judge, merge, order, said } from "./columns.mjs";
import { Held, View, button, foundOf, keeping, widget } from "./frame.mjs";
import { pyArguments } from "./python.mjs";
import { Rows, search } from "./rows.mjs";

/* The explorer's grid of all candidates; what travels is told in _columns.py, beside this folder. */

const BARS = 12;
const LABELS = { stack_level: "level", source_name: "source name" };
const WIDE = { component: 190, provider: 130, version: 80, state: 112, reason: 220, capabilities: 150, source: 92, source_name: 130, code: 92 };
const TONES = { active: "ok", rejected: "bad", quarantined: "bad", unhealthy: "bad", degraded: "warn", paused: "warn", healthy: "ok" };
const MARKS = ["", "● ", "+ "];

const label = (name) => LABELS[name] ?? name;

/** The rows, and what the last change did to them. */
class Sheet extends Held {
  columns;
  count;
  total;
  number;
  generation;
  marks;

  constructor(model) {
    super(model);
    this.take();
  }

  /** All rows, or the first of `total` until all are there. */
  take() {
    const sheet = this.model.get("sheet");
    if (!sheet) return this.ask();
    const { columns, cells, count } = sheet;
    this.news = "";
    this.asked = false;
    Object.assign(this, sheet, { total: sheet.total, columns: decode(columns, cells, count), marks: new Uint8Array(count) });
    this.tell({ rows: true });
  }

  told({ delta, explained }, buffers) {
    if (delta && this.columns && delta.number > this.number) {
      if (delta.number > this.number + 1) return this.ask();
      const found = merge(this.columns, this.count, decode(delta.columns, buffers[0], delta.count), delta.count, delta.components);
      Object.assign(this, found, { count: found.marks.length, number: delta.number });
      const [, changed, fresh] = [0, 1, 2].map((mark) => found.marks.filter((one) => one === mark).length);
      const words = [[changed, "changed"], [fresh, "new"], [found.gone, "gone"]].filter(([n]) => n).map(([n, word]) => `${n} ${word}`);
      if (delta.generation !== this.generation) this.news = `generation ${delta.generation}: ${words.join(", ") || "no candidate differs"}`;
      this.generation = delta.generation;
      this.tell({ rows: true });
    }
    this.tell({ explained });
  }
}

class Explorer extends View {
  /**
   * @param {Model} model
   * @param {HTMLElement} root
   * @param {Sheet} sheet
   */
  constructor(model, root, sheet) {
    super(model, root, "explorer");
    this.sheet = sheet;
    this.heads = new Map();
    this.build();
    this.given();
    this.on("change:asked", () => {
      if (JSON.stringify(model.get("asked")) === JSON.stringify(this.asked)) return;
      this.given();
      this.settle();
    });
    const heard = ({ rows, explained }) => {
      if (rows) this.take();
      if (explained) this.answered();
      if (explained && this.status.textContent === BUSY) this.settle();
    };
    sheet.views.add(heard);
    this.ends.push(() => sheet.views.delete(heard), () => this.rows.close(), () => clearTimeout(this.saving));
    this.take();
  }

  build() {
    /** @type {Rows} */
    this.rows = new Rows({
      role: "grid", label: "candidates", heads: [],
      cells: (row) => this.cells(row), kind: (row) => (this.sheet.marks[row] ? "ol-new" : ""), open: (row) => this.explain(row),
      key: (key) => {
        if (key === "/") this.filter.focus();
        else if (key === "Escape") this.shut();
        else return false;
        return true;
      },
    });
    this.filter = search(this.rows, (text) => this.want({ text }));
    this.chips = el("span", { class: "ol-chips" });
    this.root.append(el("header", {}, this.filter, this.chips, this.status, this.copy), this.rows.frame, this.code.node);
  }

  // --- what is asked --------------------------------------------------------------------

  given() {
    const { text = "", where, sort = null } = this.model.get("asked") ?? {};
    this.asked = { text, where: { ...where }, sort };
    this.filter.value = text;
  }

  want(change) {
    this.asked = { ...this.asked, ...change };
    this.filter.value = this.asked.text;
    this.model.set("asked", this.asked);
    // Told to the kernel when the typing has ended: nothing here waits for it.
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.model.save_changes(), 300);
    this.rows.node.scrollTop = this.rows.at = 0;
    this.settle();
  }

  wantOf(name, wanted) {
    const where = { ...this.asked.where };
    if (wanted?.length || wanted?.range) where[name] = wanted;
    else delete where[name];
    this.want({ where });
  }

  asCode() {
    const { text, where, sort } = this.asked;
    const named = Object.fromEntries(Object.entries(where).map(([name, wanted]) => [name, wanted.range ? { code: `(${wanted.range.join(", ")})` } : wanted]));
    if (sort) named.sort = sort;
    const inner = pyArguments(named, ...(text ? [text] : []));
    return inner ? `lab.candidates().where(${inner})` : "lab.candidates()";
  }

  /** New rows are there. */
  take() {
    const { sheet, rows } = this;
    if (!sheet.columns) return void (this.status.textContent = "loading…");
    const plain = (column) => column.values.every((value) => value == null || value === "");
    this.columns = sheet.columns.filter((column) => !plain(column));
    if (!this.columns.length) this.columns = sheet.columns.slice(0, 6);
    rows.names = this.columns.map(({ name }) => name);
    const wide = rows.names.map((name) => WIDE[name] ?? 76);
    rows.node.style.setProperty("--columns", wide.map((one) => `minmax(${one}px, ${one}fr)`).join(" "));
    rows.node.style.setProperty("--least", `${wide.reduce((sum, one) => sum + one, 0)}px`);
    rows.node.setAttribute("aria-colcount", wide.length);
    keeping(this.root, () => {
      rows.head.replaceChildren(...this.columns.map((column, at) => this.headOf(column, at).node));
      this.settle();
    }, rows.node);
  }

  /** Filter, sort and draw: no question to the kernel. */
  settle() {
    const { sheet, onlyNews } = this;
    if (!sheet.columns) return;
    const { text, where, sort } = this.asked;
    this.fails = judge(sheet.columns, sheet.count, text, where);
    if (onlyNews) sheet.marks.forEach((mark, row) => { if (!mark) this.fails[row] |= 1; });
    const by = sort?.replace(/^-/, "");
    this.order = order(this.fails, by && sheet.columns.find(({ name }) => name === by), sort?.startsWith("-"));
    const found = this.order.length;
    const total = sheet.total ?? sheet.count;
    this.status.textContent = [foundOf(found === sheet.count ? total : found, total, "candidate"), sheet.news].filter(Boolean).join(" · ");
    const chip = (text, act, pressed) => button(text, act, { class: "ol-chip", "aria-pressed": pressed });
    const chips = Object.entries(where).map(([name, wanted]) =>
      chip(`${label(name)}: ${wanted.range ? wanted.range.join(" to ") : wanted.map((one) => said(one) || "none").join(", ")} ✕`, () => this.wantOf(name, null)));
    const news = sheet.marks.filter(Boolean).length;
    if (news || onlyNews) {
      chips.push(chip(`● ${news} changed`, () => {
        this.onlyNews = !onlyNews;
        this.settle();
      }, Boolean(onlyNews)));
    }
    this.chips.replaceChildren(...chips);
    const clear = () => {
      this.onlyNews = false;
      this.want({ text: "", where: {} });
    };
    this.rows.show(this.order, undefined, ...(sheet.count ? ["No candidate holds all of this. ", ...(found ? [] : [button("Clear filters", clear)])]
      : ["Nothing is declared here: a plugin, plugins.packages or @lab.component brings candidates."]));
    this.recode();
    this.bars();
  }

  cells(row) {
    return this.columns.map(({ name, values, codes }, field) => {
      const value = said(values[codes[row]]);
      const mark = field ? "" : MARKS[this.sheet.marks[row]];
      if (name !== "state" && name !== "health") return mark ? el("span", { title: value }, mark + value) : value;
      return toned(TONES[value] ?? "quiet", value);
    });
  }

  /** Ask for the explanation, which stands below. */
  explain(row) {
    const { values, codes } = this.sheet.columns[0];
    this.ask({ do: "explain", target: values[codes[row]] });
  }

  shut() {
    this.model.send({ do: "close" });
    this.code.node.hidden = true;
  }

  // --- the head: a name that sorts, and bars that filter --------------------------------

  /** What stands above a column: made once, so that the focus may stay in it. */
  headOf(column, at) {
    const { name } = column;
    let head = this.heads.get(name);
    if (!head) {
      const sort = button(label(name), () => {
        const now = this.asked.sort;
        this.want({ sort: now === name ? `-${name}` : now === `-${name}` ? null : name });
      }, { class: "ol-sort", "data-ol": name });
      const bars = el("div", {
        class: "ol-bars", role: "group", "aria-label": `${label(name)}: filter`, onkeydown: (event) => this.barKey(event),
        onfocusin: ({ target }) => { for (const bar of bars.querySelectorAll("button")) bar.tabIndex = bar === target ? 0 : -1; },
      });
      head = { sort, bars, node: el("div", { role: "columnheader", class: `ol-c-${name}` }, sort, bars) };
      this.heads.set(name, head);
    }
    head.node.setAttribute("aria-colindex", at + 1);
    head.column = column;
    head.groups = this.groups(column);
    head.bars.replaceChildren(...head.groups.map((group, n) =>
      button(el("i"), () => this.press(column, group), { tabindex: n ? -1 : 0, "data-ol": `${name} ${group.text}` })));
    return head;
  }

  /** What the bars of a column stand for: its domains, values, tags, ranges of numbers, or the most frequent. */
  groups({ name, kind, values, codes }) {
    if (name === "component") {
      const found = new Map();
      values.forEach((value, code) => {
        const domain = value.split(":", 1)[0];
        if (!found.has(domain)) found.set(domain, []);
        found.get(domain).push(code);
      });
      return [...found].map(([domain, codes]) => ({ text: domain, codes, word: `${domain}:` }));
    }
    if (kind === "number" && values.length > BARS) {
      const numbers = values.filter((value) => value != null);
      const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
      const step = Math.ceil((high - low + 1) / BARS);
      const out = [];
      for (let from = low; from <= high; from += step) {
        const range = [from, Math.min(from + step - 1, high)];
        out.push({ text: range.join(" to "), range, codes: [] });
      }
      values.forEach((value, code) => { if (value != null) out[Math.floor((value - low) / step)].codes.push(code); });
      return out;
    }
    const tags = kind === "tags" ? [...new Set(values.flat())].slice(0, 200) : [];
    const groups = kind === "tags" ? tags.map((tag) => ({ text: tag, value: tag, codes: values.flatMap((value, code) => (value.includes(tag) ? [code] : [])) }))
      : values.map((value, code) => ({ text: said(value) || "none", value, codes: [code] }));
    if (groups.length <= BARS) return groups;
    const all = new Uint32Array(values.length);
    for (const code of codes) all[code]++;
    const size = new Map(groups.map((group) => [group, group.codes.reduce((sum, code) => sum + all[code], 0)]));
    return groups.sort((a, b) => size.get(b) - size.get(a)).slice(0, BARS);
  }

  bars() {
    const { text, where, sort: by } = this.asked;
    const names = Object.keys(where);
    const words = text.split(/\s+/);
    for (const { name } of this.columns) {
      const { column, bars, sort, groups } = this.heads.get(name);
      const at = names.indexOf(name);
      const found = counts(column, this.fails, at < 0 ? 0 : 2 << at, this.order);
      const sizes = groups.map(({ codes }) => codes.reduce((sum, code) => sum + found[code], 0));
      const most = Math.max(1, ...sizes);
      groups.forEach((group, n) => {
        const bar = bars.children[n];
        bar.setAttribute("aria-pressed", group.word ? words.includes(group.word) : this.isWanted(name, group));
        bar.title = `${group.text}: ${sizes[n].toLocaleString("en")}`;
        bar.setAttribute("aria-label", `${label(name)} ${bar.title}`);
        bar.firstChild.style.height = `${sizes[n] ? Math.max(8, (100 * sizes[n]) / most) : 0}%`;
      });
      const way = by === name ? "ascending" : by === `-${name}` ? "descending" : "none";
      sort.parentNode.setAttribute("aria-sort", way);
      sort.textContent = label(name) + { ascending: " ▲", descending: " ▼", none: "" }[way];
    }
  }

  isWanted(name, { range, value }) {
    const wanted = this.asked.where[name];
    return range ? String(wanted?.range) === String(range) : Boolean(wanted?.includes?.(value));
  }

  press({ name }, group) {
    const on = this.isWanted(name, group);
    const wanted = this.asked.where[name];
    if (group.word) {
      const words = this.asked.text.split(/\s+/).filter(Boolean);
      const left = words.filter((word) => !word.endsWith(":"));
      this.want({ text: [...left, ...(words.includes(group.word) ? [] : [group.word])].join(" ") });
    } else if (group.range) this.wantOf(name, on ? null : { range: group.range });
    else if (on) this.wantOf(name, wanted.filter((one) => one !== group.value));
    else this.wantOf(name, [...(Array.isArray(wanted) ? wanted : []), group.value]);
  }

  barKey(event) {
    const { key, target } = event;
    if (key !== "Escape") event.stopPropagation();
    const next = key === "ArrowLeft" ? target.previousSibling : key === "ArrowRight" && target.nextSibling;
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

export default widget(Explorer, Sheet);
