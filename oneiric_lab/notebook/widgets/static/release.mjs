import { BUSY, GLYPHS, codeLine, el } from "./kit.mjs";
import { viewNode } from "./view.mjs";

/* The steps of a release, as the kernel tells them; what travels is told in _release.py, beside this folder. */

const SIGNS = { done: ["ok", "done"], open: ["info", "next"], later: ["quiet", "later"], failed: ["bad", "failed"] };

class Release {
  constructor(model, root) {
    Object.assign(this, { model, root, shown: new Map(), open: new Map(), typed: {}, states: {} });
    root.classList.add("ol-widget", "ol-release");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "release");
    root.addEventListener("keydown", (event) => event.stopPropagation()); // the notebook has uses of its own for keys
    this.title = el("strong");
    this.status = el("span", { role: "status", class: "ol-quiet" });
    this.list = el("ol");
    this.out = el("div", { class: "ol-out", "aria-live": "polite" });
    root.append(el("header", {}, this.title, this.status), this.list, this.out);
    const changed = () => this.take();
    const told = ({ failed, did }) => {
      this.free();
      this.out.replaceChildren(...(failed ? [viewNode(failed)] : []));
      if (did) this.status.textContent = did;
    };
    model.on("change:steps", changed);
    model.on("msg:custom", told);
    this.close = () => {
      model.off("change:steps", changed);
      model.off("msg:custom", told);
      clearTimeout(this.patience);
    };
    this.take();
  }

  take() {
    const steps = this.model.get("steps") ?? [];
    this.title.textContent = this.model.get("title") ?? "";
    if (!steps.length) this.status.textContent = "loading…";
    else if (this.status.textContent === "loading…") this.status.textContent = "";
    // Only what changed is made anew: who types goes on typing.
    steps.forEach((step, at) => {
      const text = JSON.stringify(step);
      if (this.shown.get(step.name) === text) return;
      this.shown.set(step.name, text);
      const focused = this.root.getRootNode().activeElement?.dataset.ol;
      const node = this.step(step, at);
      if (this.list.children[at]) this.list.children[at].replaceWith(node);
      else this.list.append(node);
      if (focused?.startsWith(`${step.name}.`)) node.querySelector(`[data-ol="${CSS.escape(focused)}"]`)?.focus();
    });
    while (this.list.childElementCount > steps.length) this.list.lastChild.remove();
  }

  step({ name, title, state, said, view, fields = [], checks = [], actions = [], code }, at) {
    const typed = (this.typed[name] ??= {});
    const [tone, word] = SIGNS[state];
    const inputs = fields.map(({ name: field, label, value, placeholder }) => {
      typed[field] ??= value;
      const input = el("input", { "data-ol": `${name}.${field}`, placeholder, spellcheck: "false", autocomplete: "off", oninput: () => { typed[field] = input.value; } });
      input.value = typed[field];
      return el("label", {}, el("span", {}, label), input);
    });
    const boxes = checks.map(({ id, tone: how, text, ask, on }) => {
      const box = el("input", { type: "checkbox", "data-ol": `${name}.${id}`, onchange: () => this.ask({ do: "acknowledge", id, on: box.checked }) });
      box.checked = on;
      return el("li", {}, el("label", {}, box, el("span", { class: `ol-${how}` }, (GLYPHS[how] ?? "") + text)), el("div", { class: "ol-quiet" }, ask));
    });
    const act = (word) => {
      this.open.set(name, true); // what comes of it stays to be read
      this.ask({ do: "act", act: word, fields: { ...typed } });
    };
    const buttons = actions.map(({ act: word, label, off }) => el("button", { type: "submit", "data-ol": `${name}.${word}`, value: word, disabled: Boolean(off), title: off }, label));
    const line = codeLine();
    const copy = code ? [el("button", { type: "button", "data-ol": `${name}.code`, onclick: () => line.show(code) }, "Copy as code")] : [];
    queueMicrotask(() => { this.states[name] = state; });
    const form = el("form", { "aria-label": title, onsubmit: (event) => {
      event.preventDefault();
      const word = event.submitter?.value ?? actions[0]?.act;
      if (word) act(word);
    } }, ...inputs, ...(boxes.length ? [el("ul", { "aria-label": "to be acknowledged" }, ...boxes)] : []), el("div", { class: "ol-bar" }, ...buttons, ...copy), line.node);
    const off = actions.map((action) => action.off).filter(Boolean);
    const details = el("details", { open: (state === "open" && this.states[name] !== state) || (this.open.get(name) ?? state === "open"), ontoggle: () => this.open.set(name, details.open) }, el("summary", {}, el("span", { class: `ol-${tone}` }, `${GLYPHS[tone] ?? "· "}${at + 1}. ${title}`), el("span", { class: "ol-quiet" }, ` · ${[word, said].filter(Boolean).join(": ")}`)),
    ...(view ? [viewNode(view)] : []), form, ...off.map((text) => el("p", { class: "ol-warn" }, GLYPHS.warn + text)));
    return el("li", {}, details);
  }

  ask(message) {
    this.model.send(message);
    this.out.replaceChildren();
    this.status.textContent = "…";
    this.root.setAttribute("aria-busy", "true");
    clearTimeout(this.patience);
    this.patience = setTimeout(() => { this.status.textContent = BUSY; }, 1500);
  }

  free() {
    clearTimeout(this.patience);
    this.status.textContent = "";
    this.root.removeAttribute("aria-busy");
  }
}

export default () => ({
  render({ model, el: root }) {
    const view = new Release(model, root);
    return () => view.close();
  },
});
