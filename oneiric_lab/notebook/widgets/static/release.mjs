import { GLYPHS, codeLine, el, toned } from "./kit.mjs";
import { View, button, keeping, widget } from "./frame.mjs";
import { viewNode } from "./view.mjs";

/* The steps of a release, as the kernel tells them; what travels is told in _release.py, beside this folder. */

const SIGNS = { done: ["ok", "done"], open: ["info", "next"], later: ["quiet", "later"], failed: ["bad", "failed"] };

class Release extends View {
  constructor(model, root) {
    super(model, root, "release");
    this.shown = new Map();
    this.open = new Map();
    this.typed = {};
    this.states = {};
    root.addEventListener("keydown", (event) => event.stopPropagation()); // the notebook has uses of its own for keys
    this.title = el("strong");
    this.list = el("ol");
    this.out = el("div", { class: "ol-out", "aria-live": "polite" });
    root.append(el("header", {}, this.title, this.status), this.list, this.out);
    this.on("change:steps", () => this.take());
    this.on("msg:custom", ({ failed, did }) => {
      this.answered();
      /** @type {NodeListOf<HTMLInputElement>} */
      const boxes = this.list.querySelectorAll('[type="checkbox"]');
      for (const box of boxes) box.checked = box.defaultChecked; // as the file says
      this.status.textContent = did ?? "";
      this.root.removeAttribute("aria-busy");
      this.out.replaceChildren(...(failed ? [viewNode(failed)] : []));
    });
    this.take();
  }

  take() {
    const steps = this.model.get("steps") ?? [];
    this.title.textContent = this.model.get("title") ?? "";
    if (!steps.length) this.status.textContent = "loading…";
    else if (this.status.textContent === "loading…") this.status.textContent = "";
    // Only what changed is made anew: who types goes on typing.
    keeping(this.root, () => steps.forEach((step, at) => {
      const text = JSON.stringify(step);
      if (this.shown.get(step.name) === text) return;
      this.shown.set(step.name, text);
      const node = this.step(step, at);
      if (this.list.children[at]) this.list.children[at].replaceWith(node);
      else this.list.append(node);
    }));
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
    const boxes = checks.map(({ id, tone: how, about, text, ask, on, fixed }) => {
      const box = el("input", { type: "checkbox", checked: on, disabled: fixed, "data-ol": `${name}.${id}`, onchange: () => this.ask({ do: "acknowledge", id, on: box.checked }) });
      return el("li", {}, el("label", {}, box, el("span", {}, toned(how, about, "strong"), ` ${text}`)), toned("quiet", ask, "div"));
    });
    const buttons = actions.map(({ act, label, off }) => el("button", { type: "submit", "data-ol": `${name}.${act}`, value: act, disabled: Boolean(off), title: off }, label));
    const line = codeLine();
    if (code) buttons.push(button("Copy as code", () => line.show(code), { "data-ol": `${name}.code` }));
    const form = el("form", { "aria-label": title, onsubmit: (event) => {
      event.preventDefault();
      const act = event.submitter?.value ?? actions[0]?.act;
      if (!act) return;
      this.open.set(name, true); // what comes of it stays to be read
      this.ask({ do: "act", act, fields: { ...typed } });
    } }, ...inputs, ...(boxes.length ? [el("ul", { "aria-label": "to be acknowledged" }, ...boxes)] : []), el("div", { class: "ol-bar" }, ...buttons), line.node);
    const off = actions.flatMap((action) => (action.off ? [toned("warn", action.off, "p")] : []));
    const open = (state === "open" && this.states[name] !== state) || (this.open.get(name) ?? state === "open");
    this.states[name] = state;
    const details = el("details", { open, ontoggle: () => this.open.set(name, details.open) },
      el("summary", {}, el("span", { class: `ol-${tone}` }, `${GLYPHS[tone] ?? "· "}${at + 1}. ${title}`), toned("quiet", ` · ${[word, said].filter(Boolean).join(": ")}`)),
      ...(view ? [viewNode(view)] : []), form, ...off);
    return el("li", {}, details);
  }

  ask(message) {
    super.ask(message);
    this.out.replaceChildren();
    this.status.textContent = "…";
    this.root.setAttribute("aria-busy", "true");
  }
}

export default widget(Release);
