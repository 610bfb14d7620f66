import { codeLine, el } from "./shared/kit.mjs";
import { viewNode } from "./shared/view.mjs";
import { linkFiles } from "./renderer.mjs";

/* The side panel: the components of the notebook in front, and why one is provided by whom. */

const WORDS = {
  away: ["Open a notebook: its components stand here.", null],
  none: ["The notebook has no kernel.", null],
  silent: ["The kernel has not loaded Oneiric Lab.", "%load_ext oneiric_lab"],
  gone: ["The kernel has ended or restarted: run the cells again.", "%load_ext oneiric_lab"],
  empty: ["There is no lab in this notebook yet.", "lab = Lab.open()"],
};
const TONES = { active: "ok", paused: "warn", drained: "warn", closed: "warn" };

const rowsOf = (panel) => panel?.lab?.rows ?? [];

/** The rows that hold all words. */
export const found = (rows, text) => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(([name, provider]) => words.every((word) => `${name} ${provider ?? ""}`.toLowerCase().includes(word)));
};

export class PanelView {
  /** @param tools What a press does: `run(code)`, `reconnect()`, `openFile(path, line)`. */
  constructor(root, tools) {
    this.root = root;
    this.tools = tools;
    this.link = null;
    this.at = 0;
    this.before = new Map();
    this.head = el("div", { class: "ol-head" });
    this.filter = el("input", { type: "search", "aria-label": "filter components", placeholder: "filter", oninput: () => this.list(), onkeydown: (event) => {
      if (event.key === "ArrowDown") this.box.focus();
    } });
    this.said = el("p", { role: "status", class: "ol-quiet" });
    this.fix = codeLine();
    this.box = el("ul", { role: "listbox", tabindex: 0, "aria-label": "components", onkeydown: (event) => this.key(event), onfocus: () => this.mark(), onblur: () => this.mark() });
    this.code = codeLine();
    this.answer = el("div", { class: "ol-answer", "aria-live": "polite" });
    this.again = el("button", { type: "button", onclick: () => tools.reconnect() }, "Ask the kernel");
    this.explore = el("button", { type: "button", onclick: () => tools.run("%oneiric ui explorer") }, "Explorer");
    this.bar = el("div", { class: "ol-bar" }, this.filter, this.explore);
    root.classList.add("ol-widget", "ol-panel");
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "Oneiric: components");
    root.replaceChildren(this.head, this.said, this.fix.node, this.again, this.bar, this.box, this.code.node, this.answer);
    this.hear = () => this.draw();
    this.draw();
  }

  /** Show another notebook, or none. */
  show(link, name) {
    this.link?.hears.delete(this.hear);
    if (link !== this.link) this.forget(), this.before.clear();
    this.link = link;
    this.name = name;
    link?.hears.add(this.hear);
    this.draw();
  }

  draw() {
    const state = this.link?.state ?? "away";
    this.root.dataset.state = state;
    const { lab } = this.link?.panel ?? {};
    const live = state === "live";
    const title = live ? lab.name : "Oneiric";
    const facts = live ? [lab.profiles.join(" + "), `${lab.provided} of ${lab.components} provided`, `generation ${lab.generation}`] : [];
    this.head.replaceChildren(el("strong", {}, title), " ", el("span", { class: "ol-quiet" }, [...facts, this.name].filter(Boolean).join(" · ")));
    const [words, fix] = WORDS[state] ?? ["", null];
    this.said.textContent = words;
    this.fix.show(fix ?? "");
    this.fix.node.hidden = !fix;
    this.again.hidden = state !== "silent" && state !== "gone";
    this.bar.hidden = this.box.hidden = !live;
    this.list();
    if (!live) this.forget();
    else if (this.target && this.generation !== lab.generation) void this.explain(this.target);
    this.generation = lab?.generation;
  }

  forget() {
    this.target = null;
    this.code.node.hidden = true;
    this.answer.replaceChildren();
  }

  list() {
    const all = rowsOf(this.link?.panel);
    const { lab } = this.link?.panel ?? {};
    this.rows = found(all, this.filter.value);
    this.at = Math.max(0, Math.min(this.at, this.rows.length - 1));
    const groups = new Map();
    this.rows.forEach((row, at) => {
      const [domain, key] = row[0].split(/:(.*)/s);
      if (!groups.has(domain)) groups.set(domain, []);
      groups.get(domain).push(this.option(row, key, at));
    });
    this.box.replaceChildren(...[...groups].map(([domain, options]) =>
      el("li", { role: "group", "aria-label": domain }, el("span", { class: "ol-quiet", "aria-hidden": "true" }, domain), el("ul", { role: "presentation" }, ...options))));
    if (lab) {
      const more = lab.components - all.length;
      const none = this.rows.length ? "" : all.length ? "No component holds all of this." : "Nothing is declared here.";
      this.said.textContent = [none, more > 0 && `${more.toLocaleString("en")} more: see the explorer`].filter(Boolean).join(" ");
    }
    this.before = new Map(all.map(([name, provider]) => [name, provider]));
    this.mark();
  }

  option([name, provider, candidates, state], key, at) {
    const fresh = this.before.size && this.before.get(name) !== provider;
    const how = state ? [" ", el("span", { class: `ol-${TONES[state] ?? "quiet"}` }, state)] : [];
    return el("li", { role: "option", id: `ol-panel-${at}`, "data-ol-target": name, onclick: () => {
      this.at = at;
      this.mark();
      void this.explain(name);
    } }, el("b", {}, (fresh ? "● " : "") + key), " ",
    el("span", { class: provider ? "" : "ol-bad" }, provider ?? "✗ nobody"),
    el("span", { class: "ol-quiet" }, candidates > 1 ? ` of ${candidates}` : ""), ...how);
  }

  mark() {
    const options = [...this.box.querySelectorAll('[role="option"]')];
    const focused = document.activeElement === this.box;
    options.forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === this.at));
      option.toggleAttribute("data-ol", focused && at === this.at);
    });
    if (options.length) this.box.setAttribute("aria-activedescendant", options[this.at].id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const last = this.rows.length - 1;
    const to = { ArrowUp: this.at - 1, ArrowDown: this.at + 1, Home: 0, End: last }[event.key];
    if (event.key === "Enter" && this.rows[this.at]) void this.explain(this.rows[this.at][0]);
    else if (event.key === "/") this.filter.focus();
    else if (to !== undefined) this.at = Math.min(Math.max(to, 0), Math.max(last, 0));
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.mark();
    this.box.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** Ask the kernel why a component, or a value, is what it is. */
  async explain(target) {
    this.code.show(`lab.explain(${JSON.stringify(target)})`);
    const is = this.target === target;
    this.target = target;
    const asked = el("p", { class: "ol-quiet" }, "asked; a kernel that is busy answers when its cell ends");
    if (!is) this.answer.replaceChildren(asked);
    try {
      if (!this.link) throw new Error("no notebook is open");
      const { view } = await this.link.explain(target);
      if (this.target === target) this.answer.replaceChildren(linkFiles(viewNode(view), this.tools.openFile));
    } catch (error) {
      this.answer.replaceChildren(el("p", { class: "ol-bad" }, `✗ ${error.message}`));
    }
  }
}

/** The panel as a widget of JupyterLab. */
export const makePanel = async (shared, tools) => {
  const { Widget } = await shared("@lumino/widgets");
  const widget = new Widget();
  widget.id = "oneiric-panel";
  widget.title.label = "Oneiric";
  widget.title.caption = "Oneiric: components of the notebook in front";
  return { widget, view: new PanelView(widget.node, tools) };
};
