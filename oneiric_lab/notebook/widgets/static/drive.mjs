import { el, toned } from "./kit.mjs";
import { View, keeping, offer, widget } from "./frame.mjs";
import { viewNode } from "./view.mjs";

/* What a load run is asked for; what travels is told in _drive.py, beside this folder. */

const GROUPS = { "": "", params: "parameters of the scenario", more: "more" };

class Drive extends View {
  constructor(model, root) {
    super(model, root, "drive", "start a load run");
    this.open = { params: true };
    this.body = el("div");
    this.lines = el("ul", { "aria-label": "what would be driven", "aria-live": "polite" });
    this.start = el("button", { type: "submit" }, "Start");
    this.out = el("div", { "aria-live": "polite" });
    this.form = el("form", {
      "aria-label": "load run", oninput: () => this.changed(),
      onkeydown: (event) => event.stopPropagation(), // the notebook has uses of its own for keys
      onsubmit: (event) => {
        event.preventDefault();
        this.tell();
        this.ask({ do: "start" });
      },
    }, this.body, this.lines, el("div", { class: "ol-bar" }, this.start, this.status));
    root.append(this.form, this.code.node, this.out);
    this.on("change:fields", () => this.make());
    this.on("change:said", () => this.say());
    this.on("msg:custom", ({ failed, begun }) => {
      this.answered();
      this.status.textContent = begun ?? "";
      this.out.replaceChildren(...(failed ? [viewNode(failed)] : []));
    });
    this.ends.push(() => clearTimeout(this.saving));
    this.make();
    this.say();
  }

  /** The fields, those of a group together; who types goes on typing. */
  make() {
    const fields = this.model.get("fields") ?? [];
    const names = JSON.stringify(fields.map(({ name, placeholder }) => [name, placeholder]));
    if (names === this.names) return;
    this.names = names;
    const groups = Object.entries(GROUPS).map(([group, title]) => {
      const some = fields.filter((field) => field.group === group).map((field) => this.field(field));
      const grid = el("div", { class: "ol-fields" }, ...some);
      if (!title || !some.length) return grid;
      const details = el("details", { open: this.open[group], ontoggle: () => { this.open[group] = details.open; } }, el("summary", {}, title), grid);
      return details;
    });
    keeping(this.root, () => this.body.replaceChildren(...groups));
    this.hint();
  }

  field({ name, label, about, options, check, placeholder }) {
    const value = this.model.get("asked")[name];
    const more = { name, "data-ol": name, title: about };
    const input = options ? offer(el("select", more), ...options)
      : el("input", check ? { ...more, type: "checkbox" } : { ...more, spellcheck: "false", autocomplete: "off" });
    if (check) input.checked = value ?? false;
    else input.value = value ?? options?.[0] ?? "";
    input.ol = placeholder;
    return el("label", {}, el("span", {}, label), input);
  }

  /** What stands where a field is empty; that of the load follows how it is said. */
  hint() {
    /** @type {any} */
    const { elements } = this.form;
    for (const one of elements) if (one.ol) one.placeholder = one.ol[elements.kind.value] ?? one.ol;
  }

  changed() {
    /** @type {any[]} */
    const all = [...this.form.elements];
    const named = all.filter(({ name }) => name);
    this.model.set("asked", Object.fromEntries(named.map((one) => [one.name, one.type === "checkbox" ? one.checked : one.value])));
    this.hint();
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.tell(), 200);
  }

  tell() {
    clearTimeout(this.saving);
    this.model.save_changes();
  }

  say() {
    const { lines = [], code } = this.model.get("said") ?? {};
    this.lines.replaceChildren(...lines.map(([tone, text]) => toned(tone, text, "li")));
    this.start.disabled = !code;
    this.code.show(code);
    this.code.node.hidden = !code;
  }
}

export default widget(Drive);
