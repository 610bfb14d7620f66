import { BUSY, codeLine, el, many } from "./kit.mjs";

/* What every widget has: its root, what it hears of its model, patience with the kernel, and its controls. */

export const button = (text, onclick, more) => el("button", { type: "button", onclick, ...more }, text);

/** Give a choice its options, each a value or a pair of one and its words. */
export const offer = (choice, ...values) => {
  choice.replaceChildren(...values.map((one) => {
    const [value, text = value] = [one].flat();
    return el("option", { value }, text);
  }));
  return choice;
};

/** A choice that calls `act(value, choice)`. */
export const pick = (label, act, ...values) =>
  offer(el("select", { "aria-label": label, onchange: ({ target }) => act(target.value, target) }), ...values);

/** How many of all were found, in words. */
export const foundOf = (found, all, word) => (found === all ? "" : `${found.toLocaleString("en")} of `) + many(all, word);

/** Change what is in `root`, and leave the focus on what has the same `data-ol` as before, or else on `other`. */
export const keeping = (root, change, other) => {
  const held = root.getRootNode().activeElement;
  const name = root.contains(held) && held.dataset.ol;
  change();
  if (name) (root.querySelector(`[data-ol="${CSS.escape(name)}"]`) ?? other)?.focus({ preventScroll: true });
};

export class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} root
   * @param {string} name Of its class.
   * @param {string} label
   */
  constructor(model, root, name, label = name) {
    this.model = model;
    this.root = root;
    /** @type {(() => unknown)[]} */
    this.ends = [];
    root.classList.add("ol-widget", "ol-box", `ol-${name}`);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", label);
    this.status = el("span", { role: "status", class: "ol-quiet" });
    this.code = codeLine();
    this.copy = button("Copy as code", () => this.code.show(this.asCode()));
  }

  /** What is shown, as a cell asks for it: a view with a button that copies has its own. */
  asCode() {
    return "";
  }

  /**
   * Hear of the model, until the view is closed.
   *
   * @param {string} name
   * @param {(...told: any[]) => unknown} call
   */
  on(name, call) {
    this.model.on(name, call);
    this.ends.push(() => this.model.off(name, call));
  }

  /** Tell the kernel, and say so where it does not answer. */
  ask(message, say = (text) => { this.status.textContent = text; }) {
    this.model.send(message);
    clearTimeout(this.patience);
    this.patience = setTimeout(() => say(BUSY), 1500);
  }

  answered() {
    clearTimeout(this.patience);
  }

  /** The code that is shown is that of what is shown. */
  recode() {
    if (!this.code.node.hidden) this.code.show(this.asCode());
  }

  close() {
    this.answered();
    for (const end of this.ends) end();
  }
}

/** What one model holds for all its views, which are called when it has something new. */
export class Held {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    /** @type {Set<(...what: any[]) => unknown>} */
    this.views = new Set();
  }

  /** A message came before this module did: have all again. */
  ask() {
    if (!this.asked) this.model.send({ do: "whole" });
    this.asked = true;
  }

  tell(...what) {
    for (const view of this.views) view(...what);
  }
}

/**
 * A widget of a view, and of what its model holds for all of them.
 *
 * @param {new (model: Model, root: HTMLElement, held?: any) => View} Kind
 * @param {new (model: Model) => Held & { take(): unknown, told(...message: any[]): unknown }} [Holding]
 */
export const widget = (Kind, Holding) => () => {
  /** @type {InstanceType<Holding>} */
  let held;
  return {
    /** @param {{ model: Model }} given */
    initialize({ model }) {
      if (!Holding) return;
      held = new Holding(model);
      const told = (...message) => held.told(...message);
      const taken = () => held.take();
      model.on("msg:custom", told);
      model.on("change:sheet", taken);
      return () => {
        model.off("msg:custom", told);
        model.off("change:sheet", taken);
      };
    },
    /** @param {{ model: Model, el: HTMLElement }} given */
    render({ model, el: root }) {
      const view = new Kind(model, root, held);
      return () => view.close();
    },
  };
};
