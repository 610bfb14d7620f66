import { el, toned } from "./kit.mjs";
import { View, button, foundOf, offer, pick, widget } from "./frame.mjs";
import { py } from "./python.mjs";
import { Rows, lead, search } from "./rows.mjs";
import { viewNode } from "./view.mjs";

/* Effective values as a tree, and how they change; what travels is told in _configuration.py, beside this folder. */

const SHOWS = { all: "all values", said: "what a layer says", many: "said by several layers", faults: "with faults", edited: "planned" };

/** Words that open a file at a line where there is a JupyterLab, which listens for them. */
const place = (text, file, line) =>
  file == null ? text
    : el("a", { href: "#", tabindex: -1, onclick: (event) => event.preventDefault(),
      "data-commandlinker-command": "rendermime:handle-local-link",
      "data-commandlinker-args": JSON.stringify({ path: file, id: `#line=${Math.max(0, (line ?? 1) - 1)}` }) }, text);

class Configuration extends View {
  constructor(model, root) {
    super(model, root, "configuration");
    /** @type {Map<string, boolean | "asked">} */
    this.open = new Map();
    /** @type {Map<string, string | null>} */
    this.edits = new Map();
    this.said = new Map();
    this.text = this.layer = "";
    this.only = "all";
    this.build();
    this.on("change:sheet", () => this.take());
    this.on("msg:custom", (message) => this.told(message));
    this.ends.push(() => this.rows.close());
    this.take();
  }

  build() {
    const settling = (name) => (value) => { this[name] = value; this.settle(); };
    this.layers = pick("layer", settling("layer"));
    this.shows = pick("show", settling("only"), ...Object.entries(SHOWS));
    this.profiles = pick("profiles", (value) => this.ask({ do: "profiles", profiles: value === "" ? null : value.split("+") }));
    this.other = pick("compare with", (value, select) => {
      select.value = "";
      if (value) this.ask({ do: "compare", left: this.profiles.value ? `profile:${this.profiles.value}` : "now", right: value });
    });
    this.faults = el("ul", { class: "ol-faults", "aria-label": "faults" });
    /** @type {Rows} */
    this.rows = new Rows({
      role: "treegrid", label: "effective values", heads: ["value", "is", "layer", "said at"],
      cells: (item) => this.cells(item), kind: (item) => this.kind(item),
      open: (item, key) => (item.group === undefined ? this.edit(item.at, key) : key && this.rows.side(item, 0)),
      toggle: ({ group, id, open }) => { this.open.set(group ?? id, !open); this.settle(); }, key: (key, item) => this.key(key, item),
    });
    this.filter = search(this.rows, (text) => settling("text")(text.toLowerCase()));
    this.path = el("input", { name: "path", "aria-label": "path", spellcheck: "false", placeholder: "path" });
    this.value = el("input", { name: "value", "aria-label": "value", spellcheck: "false", autocomplete: "off" });
    this.target = pick("layer to write to", () => this.plan());
    this.about = el("p", { class: "ol-about" });
    this.form = el("form", {
      hidden: true, "aria-label": "change a value",
      onsubmit: (event) => { event.preventDefault(); this.change(this.value.value); },
      onkeydown: (event) => {
        event.stopPropagation();
        if (event.key === "Escape") this.rows.node.focus();
      },
    }, el("div", { class: "ol-bar" }, this.path, el("span", { "aria-hidden": "true" }, "="), this.value,
      el("button", { type: "submit" }, "Plan"), button("Remove from layer", () => this.change(null))), this.about);
    this.planned = el("div", { class: "ol-bar ol-edits", role: "group", "aria-label": "planned changes" });
    this.applying = button("Apply", () => this.apply());
    this.progress = el("ul", { class: "ol-progress", "aria-label": "progress", "aria-live": "polite" });
    this.out = el("div", { class: "ol-out", "aria-live": "polite" });
    const asking = (text, word) => button(text, () => this.ask({ do: word }));
    this.root.append(
      el("header", {}, this.filter, this.layers, this.shows, this.profiles, this.other, this.status), this.faults, this.rows.frame, this.form,
      el("div", { class: "ol-bar" }, el("label", {}, "write to ", this.target), button("New value", () => this.fill("", "", true)),
        asking("Undo", "undo"), asking("History", "history"), asking("Reload files", "reload"), this.copy),
      this.code.node, this.planned, this.progress, this.out);
  }

  // --- the kernel's side ----------------------------------------------------------------

  take() {
    const sheet = this.model.get("sheet");
    if (!sheet) {
      this.status.textContent = "loading…";
      return void this.model.send({ do: "whole" });
    }
    const first = !this.sheet;
    this.sheet = sheet;
    this.said.clear();
    for (const [name, open] of this.open) if (open === "asked") this.open.set(name, true);
    const { profiles, writable, faults } = sheet;
    offer(this.layers, ["", "all layers"], ...sheet.layers).value = sheet.layers.includes(this.layer) ? this.layer : (this.layer = "");
    const active = profiles.active.join(" + ") || "no profile";
    offer(this.profiles, ["", `in force: ${active}`], ...profiles.known.map((name) => [name, `as under ${name}`])).value = (profiles.shown ?? []).join("+");
    offer(this.other, ["", "compare with…"], "now", ...profiles.known.map((name) => [`profile:${name}`, name]));
    const target = this.target.value;
    offer(this.target, ...writable).value = writable.includes(target) ? target : writable[0];
    this.faults.replaceChildren(...faults.slice(0, 5).map(({ tone, text, where, file, line }) =>
      el("li", {}, toned(tone, text), " ", where ? place(where, file, line) : "")),
    ...(faults.length > 5 ? [el("li", {}, `and ${faults.length - 5} more`)] : []));
    this.faults.hidden = !faults.length;
    this.lower = sheet.path.map((path, at) => `${path} ${sheet.value[at]}`.toLowerCase());
    const marks = new Map(faults.map(({ tone, where, line }) => [`${where?.split(":", 1)[0]}:${line}`, tone]));
    this.marks = sheet.path.map((_, at) => marks.get(`${sheet.files[sheet.file[at]]?.[0]}:${sheet.line[at]}`));
    if (first) this.closed();
    this.settle();
  }

  /** Tables of which no layer says anything are closed in the beginning. */
  closed() {
    const { path, layer } = this.sheet;
    const told = new Set();
    path.forEach((one, at) => { if (layer[at]) told.add(this.steps(one)[0]); });
    for (const one of path) {
      const [top] = this.steps(one);
      if (!told.has(top)) this.open.set(top, false);
    }
  }

  told({ explained, planned, progress, applied, shown, failed }) {
    this.answered();
    this.settle();
    if (explained) {
      this.said.set(explained.path, explained);
      if (this.edited === explained.path) this.tell(explained);
      this.settle();
    }
    if (progress) this.progress.replaceChildren(...progress.map(([target, tone, text]) => toned(tone, `${target}: ${text}`, "li")));
    const answer = planned ?? applied ?? shown ?? (failed && { view: failed });
    if (!answer) return;
    if (answer.code) this.last = answer.code;
    if (planned) {
      this.ready = planned.ok;
      this.pending = false;
      this.progress.replaceChildren();
    }
    if (applied) {
      if (applied.ok && !applied.undo) this.edits.clear();
      this.pending = this.ready = false;
    }
    if (failed) this.pending = this.ready = false;
    this.chips();
    this.out.replaceChildren(viewNode(answer.view));
    this.settle();
    this.recode();
  }

  // --- the tree -------------------------------------------------------------------------

  steps(path) {
    return path.match(/"(?:[^"\\]|\\.)*"|[^.]+/g) ?? [path];
  }

  fits(at) {
    const { sheet, only } = this;
    if (this.text && !this.text.split(/\s+/).every((word) => this.lower[at].includes(word))) return false;
    if (this.layer && sheet.layers[sheet.layer[at]] !== this.layer) return false;
    return { all: true, said: sheet.layer[at] > 0, many: sheet.many[at] > 1, faults: this.marks[at], edited: this.edits.has(sheet.path[at]) }[only];
  }

  /** Filter and flatten: no question to the kernel. */
  settle() {
    const { sheet } = this;
    if (!sheet) return;
    const kept = this.rows.item?.id;
    const list = [];
    const filtered = Boolean(this.text || this.layer || this.only !== "all");
    let before = [];
    let found = 0;
    let hidden;
    sheet.path.forEach((path, at) => {
      if (!this.fits(at)) return;
      found += 1;
      const steps = this.steps(path);
      let alike = 0;
      while (alike < before.length && before[alike] === steps[alike]) alike += 1;
      before = steps.slice(0, -1);
      for (let depth = 1; depth < steps.length; depth++) {
        const group = steps.slice(0, depth).join(".");
        if (hidden !== undefined && depth > hidden) break;
        const open = filtered || this.open.get(group) !== false;
        if (depth > alike) list.push({ id: group, group, depth, open });
        hidden = open ? undefined : depth;
        if (!open) break;
      }
      if (hidden !== undefined && steps.length > hidden) return;
      hidden = undefined;
      const open = this.open.get(`=${path}`);
      list.push({ id: `=${path}`, at, depth: steps.length, open: Boolean(open), name: steps.at(-1) });
      if (!open) return;
      const stack = this.said.get(path)?.stack;
      if (!stack) list.push({ id: `=${path}?`, at, depth: steps.length + 1, waits: true });
      else for (const [n, layer] of stack.entries()) list.push({ id: `=${path}#${n}`, at, depth: steps.length + 1, layer });
      if (!stack && open !== "asked") {
        this.open.set(`=${path}`, "asked");
        this.ask({ do: "explain", path });
      }
    });
    const { shown } = sheet.profiles;
    this.status.textContent = [foundOf(found, sheet.path.length, "value"), ...(shown ? [`as it would be under ${shown.join(" + ")}`] : [])].join(" · ");
    this.rows.show(list, kept && list.find(({ id }) => id === kept),
      sheet.path.length ? "No value fits all of this." : "Nothing says a value here: oneiric.toml is where a project says them.");
  }

  kind({ group, layer, name, at }) {
    return group !== undefined ? "ol-group" : layer ? "ol-said" : name !== undefined && this.edits.has(this.sheet.path[at]) ? "ol-edited" : "";
  }

  cells(item) {
    const { sheet } = this;
    if (item.group !== undefined) return [[...lead(item), this.steps(item.group).at(-1)], "", "", ""];
    if (item.waits) return [[...lead(item), "…"], "", "", ""];
    if (item.layer) {
      const { layer, value, state, where, file, line } = item.layer;
      const lost = state === "shadowed" || state === "unset";
      return [[...lead(item), toned("quiet", state)], lost ? toned("quiet", value, "s", { title: value }) : value, layer, place(where, file, line)];
    }
    const { at } = item;
    const [path, value] = [sheet.path[at], sheet.value[at]];
    const tone = this.marks[at];
    const text = this.edits.get(path);
    const now = text === undefined ? value : [el("strong", {}, text === null ? "→ removed " : `→ ${text} `), toned("quiet", value, "s")];
    const count = sheet.many[at] > 1 ? [" ", toned("quiet", `+${sheet.many[at] - 1}`, "small", { title: `${sheet.many[at]} layers say it` })] : [];
    return [[...lead(item), tone ? toned(tone, "") : "", item.name], now, [sheet.layers[sheet.layer[at]], ...count], this.where(at)];
  }

  /** Where a value is said. */
  where(at) {
    const { files, file, line, names, name } = this.sheet;
    const [shown, path] = files[file[at]] ?? [];
    return shown ? place(`${shown}:${line[at]}`, path, line[at]) : names[name[at]] ?? "";
  }

  key(key, item) {
    if (key === "/") this.filter.focus();
    else if (key === "e" && item?.at !== undefined) this.edit(item.at, true);
    else if (key === "o") this.rows.body.querySelector("[aria-selected=true]")?.querySelector("a")?.click();
    else if (key === "Escape" && !this.form.hidden) this.form.hidden = true;
    else return false;
    return true;
  }

  // --- a change -------------------------------------------------------------------------

  edit(at, focus) {
    const path = this.sheet.path[at];
    const known = this.said.get(path);
    this.edited = path;
    this.fill(path, this.edits.get(path) ?? known?.text ?? "", focus);
    this.about.textContent = "…";
    if (known) this.tell(known);
    else this.ask({ do: "explain", path });
  }

  fill(path, text, focus) {
    this.form.hidden = false;
    this.path.value = path;
    this.value.value = text;
    this.about.textContent = "";
    if (!path) this.edited = null;
    this.free(true);
    if (focus) (path ? this.value : this.path).focus();
  }

  free(is) {
    /** @type {NodeListOf<HTMLInputElement>} */
    const nodes = this.form.querySelectorAll("input, button");
    for (const node of nodes) node.disabled = !is;
  }

  /** What the kernel explains of the value in the form. */
  tell({ path, text, secret, decided, notes }) {
    this.free(!secret);
    if (!secret && text !== null && !this.edits.has(path) && !this.value.value) this.value.value = text;
    this.value.placeholder = text === null ? "too long, or not all of it can be shown" : "";
    // A narrow page has no room for where it is said in its row.
    this.about.replaceChildren(el("span", {}, `decided by: ${decided} · said at `), this.where(this.sheet.path.indexOf(path)), ...notes.map((note) => toned("quiet", ` · ${note}`)));
    if (!this.last) this.last = `lab.explain(${py(path)})`;
  }

  change(text) {
    const path = this.path.value.trim();
    if (!path) return void this.path.focus();
    this.edits.set(path, text);
    this.plan();
    this.settle();
  }

  asked() {
    const set = [...this.edits].filter(([, text]) => text !== null).map(([path, text]) => `${path}=${text}`);
    const unset = [...this.edits].filter(([, text]) => text === null).map(([path]) => path);
    return { changes: set, unset, layer: this.target.value };
  }

  plan() {
    this.ready = false;
    this.chips();
    if (!this.edits.size) return;
    this.pending = true;
    this.out.replaceChildren(el("p", {}, "planning…"));
    this.ask({ do: "plan", ...this.asked() });
  }

  apply() {
    if (!this.ready || this.pending) return;
    this.pending = true;
    this.chips();
    this.ask({ do: "apply" });
  }

  chips() {
    const drop = ([path, text]) => button(`${path} ${text === null ? "removed" : `= ${text}`} ✕`, () => {
      this.edits.delete(path);
      this.plan();
      this.settle();
      if (!this.edits.size) this.out.replaceChildren();
    }, { class: "ol-chip", title: "leave it out" });
    this.applying.disabled = !this.ready || this.pending;
    this.planned.replaceChildren(...(this.edits.size ? ["planned:", ...[...this.edits].map(drop), this.applying] : []));
    this.recode();
  }

  asCode() {
    if (!this.edits.size) return this.last ?? "lab.snapshot.paths()";
    const { changes, unset, layer } = this.asked();
    return `lab.plan(${[py(changes), ...(unset.length ? [`unset=${py(unset)}`] : []), `layer=${py(layer)}`].join(", ")})${this.ready ? ".apply()" : ""}`;
  }
}

export default widget(Configuration);
