import { BUSY, GLYPHS, codeLine, el, many } from "./kit.mjs";
import { counts, decode, judge, merge, order, said } from "./columns.mjs";
import { pyArguments } from "./python.mjs";

/* The explorer's grid of all candidates; what travels is told in _columns.py, beside this folder. */

const ROW = 24; // as in the style sheet
const SPARE = 6; // rows above and below what is seen
const BARS = 12;
const LABELS = { stack_level: "level", source_name: "source name" };
const WIDE = { component: 190, provider: 130, version: 80, state: 112, reason: 220, capabilities: 150, source: 92, source_name: 130, code: 92 };
const TONES = { active: "ok", rejected: "bad", quarantined: "bad", unhealthy: "bad", degraded: "warn", paused: "warn", healthy: "ok" };
let made = 0;

const label = (name) => LABELS[name] ?? name;

/** What one model holds for all its views: the rows, and what the last change did to them. */
class Sheet {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.take();
  }

  /** All rows, or the first of `total` until all are there. */
  take() {
    const sheet = this.model.get("sheet");
    if (!sheet) return this.ask();
    const { columns, cells, count, ...more } = sheet;
    Object.assign(this, more, { count, total: more.total, news: "", asked: false, columns: decode(columns, cells, count), marks: new Uint8Array(count) });
    this.tell();
  }

  told({ delta, ...rest }, buffers) {
    if (delta && this.columns && delta.number > this.number) {
      if (delta.number > this.number + 1) return this.ask();
      const found = merge(this.columns, this.count, decode(delta.columns, buffers[0], delta.count), delta.count, delta.components);
      Object.assign(this, found, { count: found.marks.length, number: delta.number });
      const [, changed, fresh] = [0, 1, 2].map((mark) => found.marks.filter((one) => one === mark).length);
      const words = [[changed, "changed"], [fresh, "new"], [found.gone, "gone"]].filter(([n]) => n).map(([n, word]) => `${n} ${word}`);
      if (delta.generation !== this.generation) this.news = `generation ${delta.generation}: ${words.join(", ") || "no candidate differs"}`;
      this.generation = delta.generation;
      this.tell();
    }
    for (const view of this.views) view.told(rest);
  }

  /** A message came before this module did: have all again. */
  ask() {
    if (!this.asked) this.model.send({ do: "whole" });
    this.asked = true;
  }

  tell() {
    for (const view of this.views) view.rows();
  }
}

class Explorer {
  constructor(model, sheet, root) {
    Object.assign(this, { model, sheet, root, at: 0, field: 0, pool: [], id: `ol-explorer-${++made}` });
    const asked = model.get("asked") ?? {};
    this.asked = { text: asked.text ?? "", where: { ...asked.where }, sort: asked.sort ?? null };
    this.build();
    const again = () => {
      const given = model.get("asked");
      if (JSON.stringify(given) === JSON.stringify(this.asked)) return;
      this.asked = { text: given.text ?? "", where: { ...given.where }, sort: given.sort ?? null };
      this.filter.value = this.asked.text;
      this.settle();
    };
    model.on("change:asked", again);
    sheet.views.add(this);
    const size = new ResizeObserver(() => this.draw());
    size.observe(this.grid);
    this.close = () => {
      sheet.views.delete(this);
      model.off("change:asked", again);
      size.disconnect();
      clearTimeout(this.patience);
      clearTimeout(this.saving);
      cancelAnimationFrame(this.frame);
    };
    this.rows();
  }

  build() {
    this.status = el("span", { role: "status", class: "ol-quiet" });
    this.filter = el("input", {
      type: "search", placeholder: "filter  ( / )", "aria-label": "filter by words", value: this.asked.text,
      oninput: () => this.ask({ text: this.filter.value }),
      onkeydown: (event) => {
        if (event.key === "Escape" && this.filter.value) this.ask({ text: (this.filter.value = "") });
        else if (event.key === "ArrowDown" || event.key === "Enter" || event.key === "Escape") this.grid.focus();
        else return void event.stopPropagation();
        event.preventDefault();
        event.stopPropagation();
      },
    });
    this.chips = el("span", { class: "ol-chips" });
    this.code = codeLine();
    this.copy = el("button", { type: "button", onclick: () => this.code.show(this.asCode()) }, "Copy as code");
    this.head = el("div", { role: "row", class: "ol-head", "aria-rowindex": 1 });
    this.body = el("div", { role: "rowgroup", class: "ol-body" });
    this.grid = el("div", {
      role: "grid", class: "ol-grid", tabindex: 0, "aria-label": "candidates",
      onscroll: () => this.later(), onkeydown: (event) => this.key(event), onfocus: () => this.draw(), onblur: () => this.draw(),
    }, el("div", { role: "rowgroup", class: "ol-top" }, this.head), this.body);
    this.empty = el("p", { class: "ol-empty", hidden: true });
    this.root.classList.add("ol-widget", "ol-explorer");
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "explorer");
    this.root.append(el("header", {}, this.filter, this.chips, this.status, this.copy), this.grid, this.empty, this.code.node);
  }

  // --- what is asked --------------------------------------------------------------------

  ask(change) {
    this.asked = { ...this.asked, ...change };
    this.model.set("asked", this.asked);
    // Told to the kernel when the typing has ended: nothing here waits for it.
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.model.save_changes(), 300);
    this.at = 0;
    this.grid.scrollTop = 0;
    this.settle();
  }

  want(name, wanted) {
    const where = { ...this.asked.where };
    if (wanted?.length || wanted?.range) where[name] = wanted;
    else delete where[name];
    this.ask({ where });
  }

  asCode() {
    const { text, where, sort } = this.asked;
    const named = Object.fromEntries(Object.entries(where).map(([name, wanted]) => [name, wanted.range ? { code: `(${wanted.range.join(", ")})` } : wanted]));
    if (sort) named.sort = sort;
    const inner = pyArguments(named, ...(text ? [text] : []));
    return inner ? `lab.candidates().where(${inner})` : "lab.candidates()";
  }

  /** New rows are there. */
  rows() {
    const { sheet } = this;
    if (!sheet.columns) return void (this.status.textContent = "loading…");
    const plain = (column) => column.values.every((value) => value == null || value === "");
    this.columns = sheet.columns.filter((column) => !plain(column));
    if (!this.columns.length) this.columns = sheet.columns.slice(0, 6);
    const wide = this.columns.map(({ name }) => `minmax(${WIDE[name] ?? 76}px, ${WIDE[name] ?? 76}fr)`).join(" ");
    this.grid.style.setProperty("--columns", wide);
    this.grid.setAttribute("aria-colcount", this.columns.length);
    this.body.replaceChildren();
    this.pool = [];
    this.heads();
    this.settle();
  }

  /** Filter, sort and draw: no question to the kernel. */
  settle() {
    const { sheet } = this;
    if (!sheet.columns) return;
    const { text, where, sort } = this.asked;
    this.fails = judge(sheet.columns, sheet.count, text, where);
    if (this.onlyNews) sheet.marks.forEach((mark, row) => { if (!mark) this.fails[row] |= 1; });
    const by = sort?.replace(/^-/, "");
    this.order = order(this.fails, by && sheet.columns.find(({ name }) => name === by), sort?.startsWith("-"));
    this.at = Math.min(this.at, Math.max(0, this.order.length - 1));
    this.body.style.height = `${this.order.length * ROW}px`;
    this.grid.setAttribute("aria-rowcount", this.order.length + 1);
    const total = many(sheet.total ?? sheet.count, "candidate");
    this.status.textContent = [this.order.length === sheet.count ? total : `${this.order.length.toLocaleString("en")} of ${total}`, sheet.news].filter(Boolean).join(" · ");
    const chip = (text, act, pressed) => el("button", { type: "button", class: "ol-chip", "aria-pressed": pressed, onclick: act }, text);
    const chips = Object.entries(where).map(([name, wanted]) =>
      chip(`${label(name)}: ${wanted.range ? wanted.range.join(" to ") : wanted.map((one) => said(one) || "none").join(", ")} ✕`, () => this.want(name, null)));
    const news = sheet.marks.filter(Boolean).length;
    if (news || this.onlyNews) {
      chips.push(chip(`● ${news} changed`, () => {
        this.onlyNews = !this.onlyNews;
        this.settle();
      }, String(Boolean(this.onlyNews))));
    }
    this.chips.replaceChildren(...chips);
    this.empty.hidden = this.order.length > 0;
    if (!this.order.length) {
      const clear = el("button", { type: "button", onclick: () => {
        this.filter.value = "";
        this.onlyNews = false;
        this.ask({ text: "", where: {} });
      } }, "Clear filters");
      this.empty.replaceChildren(...(sheet.count ? ["No candidate holds all of this. ", clear]
        : ["Nothing is declared here: a plugin, plugins.packages or @lab.component brings candidates."]));
    }
    if (!this.code.node.hidden) this.code.show(this.asCode());
    this.bars();
    this.draw();
  }

  // --- the head: a name that sorts, and bars that filter --------------------------------

  heads() {
    this.histograms = [];
    this.head.replaceChildren(...this.columns.map((column, at) => {
      const { name } = column;
      const bars = el("div", { class: "ol-bars", role: "group", "aria-label": `${label(name)}: filter`, onkeydown: (event) => this.barKey(event) });
      const sort = el("button", { type: "button", class: "ol-sort", onclick: () => {
        const now = this.asked.sort;
        this.ask({ sort: now === name ? `-${name}` : now === `-${name}` ? null : name });
      } }, label(name));
      this.histograms.push({ column, bars, sort, groups: this.groups(column) });
      return el("div", { role: "columnheader", "aria-colindex": at + 1 }, sort, bars);
    }));
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
    if (kind === "tags") {
      const tags = [...new Set(values.flat())].slice(0, 200);
      const out = tags.map((tag) => ({ text: tag, value: tag, codes: values.flatMap((value, code) => (value.includes(tag) ? [code] : [])) }));
      return this.frequent(out, codes);
    }
    return this.frequent(values.map((value, code) => ({ text: said(value) || "none", value, codes: [code] })), codes);
  }

  frequent(groups, codes) {
    if (groups.length <= BARS) return groups;
    const all = new Uint32Array(codes.reduce((most, code) => (code > most ? code : most), 0) + 1);
    for (const code of codes) all[code]++;
    const size = new Map(groups.map((group) => [group, group.codes.reduce((sum, code) => sum + (all[code] ?? 0), 0)]));
    return groups.sort((a, b) => size.get(b) - size.get(a)).slice(0, BARS);
  }

  bars() {
    const names = Object.keys(this.asked.where);
    this.histograms.forEach(({ column, bars, sort, groups }) => {
      const { name } = column;
      const at = names.indexOf(name);
      const found = counts(column, this.fails, at < 0 ? 0 : 2 << at, this.order);
      const wanted = this.asked.where[name];
      const sizes = groups.map(({ codes }) => codes.reduce((sum, code) => sum + found[code], 0));
      const most = Math.max(1, ...sizes);
      while (bars.childElementCount > groups.length) bars.lastChild.remove();
      groups.forEach((group, n) => {
        const bar = bars.children[n] ?? bars.appendChild(el("button", { type: "button", tabindex: n ? -1 : 0, onclick: () => this.pick(column, this.groupOf(column, n)) }, el("i")));
        const on = group.word ? this.asked.text.split(/\s+/).includes(group.word)
          : group.range ? String(wanted?.range) === String(group.range) : Boolean(wanted?.includes?.(group.value));
        bar.setAttribute("aria-pressed", on);
        bar.title = `${group.text}: ${sizes[n].toLocaleString("en")}`;
        bar.setAttribute("aria-label", `${label(name)} ${bar.title}`);
        bar.firstChild.style.height = `${sizes[n] ? Math.max(8, (100 * sizes[n]) / most) : 0}%`;
      });
      const by = this.asked.sort;
      const way = by === name ? "ascending" : by === `-${name}` ? "descending" : "none";
      sort.parentNode.setAttribute("aria-sort", way);
      sort.textContent = label(name) + { ascending: " ▲", descending: " ▼", none: "" }[way];
    });
  }

  groupOf(column, n) {
    return this.histograms.find((each) => each.column === column).groups[n];
  }

  pick({ name }, group) {
    if (group.word) {
      const words = this.asked.text.split(/\s+/).filter(Boolean);
      const left = words.filter((word) => word !== group.word && !word.endsWith(":"));
      this.filter.value = [...left, ...(words.includes(group.word) ? [] : [group.word])].join(" ");
      return this.ask({ text: this.filter.value });
    }
    const now = this.asked.where[name];
    if (group.range) return this.want(name, String(now?.range) === String(group.range) ? null : { range: group.range });
    const list = Array.isArray(now) ? now : [];
    this.want(name, list.includes(group.value) ? list.filter((one) => one !== group.value) : [...list, group.value]);
  }

  barKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key !== "Escape") event.stopPropagation();
    if (!step) return;
    event.preventDefault();
    const next = step < 0 ? event.target.previousSibling : event.target.nextSibling;
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  // --- the rows that are seen -----------------------------------------------------------

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (!this.order) return;
    const { grid, sheet } = this;
    const top = this.head.offsetHeight;
    this.page = Math.max(1, Math.floor((grid.clientHeight - top) / ROW) - 1);
    const from = Math.max(0, Math.floor(grid.scrollTop / ROW) - SPARE);
    const upto = Math.min(this.order.length, Math.ceil((grid.scrollTop + grid.clientHeight) / ROW) + SPARE);
    const focused = document.activeElement === grid || grid.getRootNode().activeElement === grid;
    for (let n = 0; n < Math.max(this.pool.length, upto - from); n++) {
      const at = from + n;
      const line = (this.pool[n] ??= this.line());
      line.hidden = at >= upto;
      if (line.hidden) continue;
      const row = this.order[at];
      const mark = sheet.marks[row];
      line.ol = row;
      line.style.transform = `translateY(${at * ROW}px)`;
      line.setAttribute("aria-rowindex", at + 2);
      line.setAttribute("aria-selected", at === this.at);
      line.className = mark ? "ol-new" : "";
      this.columns.forEach(({ name, values, codes }, field) => {
        const cell = line.children[field];
        const value = said(values[codes[row]]);
        const text = (field || !mark ? "" : mark === 2 ? "+ " : "● ") + (GLYPHS[TONES[value]] ?? "") + value;
        cell.id = `${this.id}-${at}-${field}`;
        if (cell.textContent !== text) {
          cell.textContent = text;
          cell.title = value;
          cell.className = `ol-c-${name} ${name === "state" || name === "health" ? `ol-${TONES[value] ?? "quiet"}` : ""}`;
        }
        cell.toggleAttribute("data-ol", focused && at === this.at && field === this.field);
      });
    }
    if (this.order.length) grid.setAttribute("aria-activedescendant", `${this.id}-${this.at}-${this.field}`);
    else grid.removeAttribute("aria-activedescendant");
  }

  line() {
    const cells = this.columns.map((column, field) => el("div", { role: "gridcell", "aria-colindex": field + 1 }));
    const line = el("div", { role: "row", onclick: () => this.choose(this.order.indexOf(line.ol)), ondblclick: () => this.explain() }, ...cells);
    return this.body.appendChild(line);
  }

  choose(at) {
    this.at = at;
    this.grid.focus({ preventScroll: true });
    this.draw();
    this.explain();
  }

  key(event) {
    if (event.target !== this.grid) {
      if (event.key === "Escape") this.grid.focus();
      return;
    }
    const last = this.order.length - 1;
    const to = { ArrowUp: this.at - 1, ArrowDown: this.at + 1, PageUp: this.at - this.page, PageDown: this.at + this.page, Home: 0, End: last }[event.key];
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (to !== undefined) this.at = Math.min(Math.max(to, 0), Math.max(last, 0));
    else if (side) this.field = Math.min(Math.max(this.field + side, 0), this.columns.length - 1);
    else if (event.key === "Enter") this.explain();
    else if (event.key === "/") this.filter.focus();
    else if (event.key === "Escape" && this.model.send({ do: "close" }) === undefined) this.code.node.hidden = true;
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has uses of its own for these
    const high = this.grid.clientHeight - this.head.offsetHeight;
    const place = this.at * ROW;
    if (place < this.grid.scrollTop) this.grid.scrollTop = place;
    else if (place + ROW > this.grid.scrollTop + high) this.grid.scrollTop = place + ROW - high;
    this.draw();
    if (side) this.body.querySelector("[data-ol]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Ask for the explanation, which stands below. */
  explain() {
    const row = this.order[this.at];
    if (row === undefined) return;
    const { values, codes } = this.sheet.columns[0];
    this.model.send({ do: "explain", target: values[codes[row]] });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => { this.status.textContent = BUSY; }, 1500);
  }

  told({ explained }) {
    if (!explained) return;
    clearTimeout(this.patience);
    if (this.status.textContent === BUSY) this.settle();
  }
}

export default () => {
  let sheet;
  return {
    initialize({ model }) {
      sheet = new Sheet(model);
      const told = (message, buffers) => sheet.told(message, buffers);
      const taken = () => sheet.take();
      model.on("msg:custom", told);
      model.on("change:sheet", taken);
      return () => {
        model.off("msg:custom", told);
        model.off("change:sheet", taken);
      };
    },
    render({ model, el: root }) {
      const view = new Explorer(model, sheet, root);
      return () => view.close();
    },
  };
};
