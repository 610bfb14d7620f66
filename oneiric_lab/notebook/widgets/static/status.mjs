import { BUSY, GLYPHS, codeLine, el } from "./kit.mjs";
import { viewNode } from "./view.mjs";

/* What is wanted of components beside what is so; what travels is told in _status.py. */

const SOURCES = { fresh: "ok", stale: "warn", failing: "bad", never: "bad" };
const BAD = new Set(["failed", "stalled", "unhealthy"]);

const toned = (tone, text) => el("span", { class: `ol-${tone}` }, (GLYPHS[tone] ?? "") + text);
const button = (key, label, onclick, more = {}) => el("button", { type: "button", "data-ol": key, onclick, ...more }, label);

class Status {
  constructor(model, root) {
    Object.assign(this, { model, root, open: null, wide: model.get("plain") ? 6 : 7 });
    this.head = el("span", { role: "status" });
    this.filter = el("input", { type: "search", "aria-label": "filter components", placeholder: "filter", oninput: () => this.draw() });
    this.parts = el("div");
    this.failed = el("div", { "aria-live": "polite" });
    this.code = codeLine();
    root.classList.add("ol-widget", "ol-board");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "status");
    root.append(el("header", {}, el("strong", {}, "status"), this.head, this.filter), this.failed, this.parts, this.code.node);
    const hear = () => this.draw();
    const fail = ({ failed }) => failed && this.failed.replaceChildren(viewNode(failed));
    model.on("change:told", hear);
    model.on("msg:custom", fail);
    this.close = () => {
      model.off("change:told", hear);
      model.off("msg:custom", fail);
      clearTimeout(this.patience);
    };
    this.draw();
  }

  draw() {
    const { count, ill, listening, rows, deeds, sources } = this.model.get("told");
    if (!rows) return void (this.head.textContent = "loading…");
    clearTimeout(this.patience);
    const grid = () => this.parts.querySelector('[aria-label="components"]');
    const top = grid()?.scrollTop;
    const focused = this.root.getRootNode().activeElement?.dataset?.ol;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const seen = rows.filter((row) => words.every((word) => JSON.stringify(row).toLowerCase().includes(word)));
    const who = listening > 1 ? `${listening} processes` : `${listening || "no"} process`;
    this.head.replaceChildren(ill ? toned("warn", `${ill} not as wanted`) : listening ? toned("ok", "all as wanted") : toned("info", "nobody says how they are"), ` · ${count.toLocaleString("en")} components · ${who} listening`);
    const empty = rows.length ? "No component holds all of this." : "Nothing is declared here.";
    const more = count > rows.length ? [el("p", { class: "ol-quiet" }, `and ${(count - rows.length).toLocaleString("en")} more, all as wanted`)] : [];
    this.parts.replaceChildren(
      seen.length ? this.table("components", ["component", "wanted", "is", "in force", "leases", "process", "do"].slice(0, this.wide), seen.flatMap((row) => this.lines(row))) : el("p", {}, empty), ...more,
      ...(sources.length ? [el("h4", {}, "sync"), this.table("sources", ["source", "state", "last good"], sources.map(([name, state, good]) => [name, toned(SOURCES[state], state), good]))] : []),
      el("h4", {}, "events"),
      deeds.length ? this.table("events", ["at", "component", "what", "in force", "by", "detail"], deeds) : el("p", { class: "ol-quiet" }, "nothing was done yet"));
    if (top) grid()?.scrollTo({ top });
    if (focused) this.parts.querySelector(`[data-ol="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  table(label, heads, rows) {
    const line = (cells) => el("tr", {}, ...cells.map((cell) => (cell instanceof Element && cell.tagName === "TD" ? cell : el("td", {}, cell))));
    return el("div", { class: "ol-scroll", tabindex: 0, role: "group", "aria-label": label },
      el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows.map(line))));
  }

  /** The rows of one component: one for each process, and the form where a button opened it. */
  lines(row) {
    const { target, provider, wanted, who, why } = row;
    const name = [el("b", {}, target), " ", el("span", { class: "ol-quiet" }, provider || "nobody")];
    const wish = wanted === "running" ? wanted : [toned("warn", wanted), el("span", { class: "ol-quiet" }, ` ${[who, why].filter(Boolean).join(": ")}`)];
    const held = wanted !== "running";
    const act = held
      ? [button(`resume ${target}`, "Resume", () => this.want(target, "resume", ""), { "aria-label": `resume ${target}` })]
      : ["pause", "drain"].map((word) => button(`${word} ${target}`, word === "pause" ? "Pause…" : "Drain…", () => this.ask(target, word), { "aria-label": `${word} ${target}`, "aria-expanded": this.open?.key === `${word} ${target}` }));
    const cell = (...children) => el("td", {}, ...children);
    const is = row.is.length ? row.is : [["-", true, "", "", true, ""]];
    const lines = is.map(([word, well, force, leases, healthy, process], at) => {
      const tone = BAD.has(word) || !healthy ? "bad" : well ? (word === "-" ? "quiet" : "ok") : "warn";
      return [at ? "" : cell(...name), at ? "" : cell(...[wish].flat()), toned(tone, word), force, leases, process, at ? "" : cell(...act)].slice(0, this.wide);
    });
    if (this.open?.target === target && !held) lines.push([this.form()]);
    return lines;
  }

  form() {
    const { target, word, key, node } = this.open;
    if (node) return node; // with what was typed, and where
    const done = () => this.want(target, word, this.open.why);
    const note = el("input", { type: "text", value: this.open.why, "data-ol": "note", "aria-label": `why ${word} ${target}`, placeholder: "why, for those who meet it", onkeydown: (event) => {
      event.stopPropagation();
      if (event.key === "Enter") done();
      if (event.key === "Escape") this.shut(key);
    } });
    note.addEventListener("input", () => { this.open.why = note.value; });
    return this.open.node = el("td", { colspan: 7 }, el("div", { class: "ol-bar" }, note, button("do", `${word === "pause" ? "Pause" : "Drain"} ${target}`, done), button("cancel", "Cancel", () => this.shut(key))));
  }

  ask(target, word) {
    this.open = { target, word, why: "", key: `${word} ${target}` };
    this.draw();
    this.parts.querySelector('[data-ol="note"]')?.focus();
  }

  shut(key) {
    this.open = null;
    this.draw();
    this.parts.querySelector(`[data-ol="${CSS.escape(key)}"]`)?.focus();
  }

  want(target, word, why) {
    this.open = null;
    this.failed.replaceChildren();
    this.code.show(`%oneiric ${word} ${target}${why ? ` --why ${JSON.stringify(why)}` : ""}`);
    this.model.send({ do: "want", target, word, why });
    this.draw();
    this.patience = setTimeout(() => { this.head.textContent = BUSY; }, 1500);
  }
}

export default () => ({
  render({ model, el: root }) {
    const view = new Status(model, root);
    return () => view.close();
  },
});
