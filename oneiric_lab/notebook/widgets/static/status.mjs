import { el, many, toned } from "./kit.mjs";
import { View, button, keeping, widget } from "./frame.mjs";
import { table, viewNode } from "./view.mjs";

/* What is wanted of components beside what is so; what travels is told in _status.py. */

const SOURCES = { fresh: "ok", stale: "warn", failing: "bad", never: "bad" };
const BAD = new Set(["failed", "stalled", "unhealthy"]);
const HEADS = ["component", "wanted", "is", "in force", "leases", "process", "do"];

class Status extends View {
  constructor(model, root) {
    super(model, root, "board", "status");
    this.open = null;
    this.wide = model.get("plain") ? 6 : 7;
    this.status.className = "";
    this.filter = el("input", { type: "search", "aria-label": "filter components", placeholder: "filter", oninput: () => this.draw() });
    this.parts = el("div", { class: "ol-parts" });
    this.failed = el("div", { "aria-live": "polite" });
    root.append(el("header", {}, el("strong", {}, "status"), this.status, this.filter), this.failed, this.parts, this.code.node);
    this.on("change:told", () => this.draw());
    this.on("msg:custom", ({ failed }) => failed && this.failed.replaceChildren(viewNode(failed)));
    this.draw();
  }

  draw() {
    const { count, ill, listening, rows, deeds, sources } = this.model.get("told");
    if (!rows) return void (this.status.textContent = "loading…");
    this.answered();
    const grid = () => this.parts.querySelector(".ol-components");
    const top = grid()?.scrollTop;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const seen = rows.filter((row) => words.every((word) => JSON.stringify(row).toLowerCase().includes(word)));
    const who = listening > 1 ? `${listening} processes` : `${listening || "no"} process`;
    this.status.replaceChildren(ill ? toned("warn", `${ill} not as wanted`) : listening ? toned("ok", "all as wanted") : toned("info", "nobody says how they are"), ` · ${many(count, "component")} · ${who} listening`);
    const quiet = (text) => toned("quiet", text, "p");
    // A narrow page has no room for heads: each cell knows its own.
    const headed = (heads) => (line) => line.map((cell, at) => (cell instanceof HTMLTableCellElement ? cell : el("td", { "data-head": at ? heads[at] : null }, ...[cell].flat())));
    const scroll = (label, heads, lines) => el("div", { class: `ol-scroll ol-${label}`, tabindex: 0, role: "group", "aria-label": label }, table(heads, lines.map(headed(heads))));
    const synced = sources.map(([name, state, good]) => [name, toned(SOURCES[state], state), good]);
    keeping(this.parts, () => this.parts.replaceChildren(
      seen.length ? scroll("components", HEADS.slice(0, this.wide), seen.flatMap((row) => this.lines(row)))
        : quiet(rows.length ? "No component holds all of this." : "Nothing is declared here: a plugin, plugins.packages or @lab.component brings components."),
      ...(count > rows.length ? [quiet(`and ${(count - rows.length).toLocaleString("en")} more, all as wanted`)] : []),
      ...(synced.length ? [el("h4", {}, "sync"), scroll("sources", ["source", "state", "last good"], synced)] : []),
      el("h4", {}, "events"),
      deeds.length ? scroll("events", ["at", "component", "what", "in force", "by", "detail"], deeds) : quiet("nothing was done yet")));
    if (top) grid()?.scrollTo({ top });
  }

  /** The rows of one component: one for each process, and the form where a button opened it. */
  lines(row) {
    const { target, provider, wanted, who, why } = row;
    const name = [el("b", {}, target), " ", toned("quiet", provider || "nobody")];
    const held = wanted !== "running";
    const wish = held ? [toned("warn", wanted), toned("quiet", ` ${[who, why].filter(Boolean).join(": ")}`)] : wanted;
    const order = (word, text, act, more) => button(text, act, { "data-ol": `${word} ${target}`, "aria-label": `${word} ${target}`, ...more });
    const acts = held ? [order("resume", "Resume", () => this.want(target, "resume", ""))]
      : [["pause", "Pause…"], ["drain", "Drain…"]].map(([word, text]) => order(word, text, () => this.begin(target, word), { "aria-expanded": this.open?.key === `${word} ${target}` }));
    const is = row.is.length ? row.is : [["-", true, "", "", true, ""]];
    const lines = is.map(([word, well, force, leases, healthy, process], at) => {
      const tone = BAD.has(word) || !healthy ? "bad" : well ? (word === "-" ? "quiet" : "ok") : "warn";
      return [at ? "" : name, at ? "" : wish, toned(tone, word), force, leases, process, at ? "" : acts].slice(0, this.wide);
    });
    if (this.open?.target === target && !held) lines.push([this.form()]);
    return lines;
  }

  form() {
    const { target, word, key, node } = this.open;
    if (node) return node; // with what was typed, and where
    const done = () => this.want(target, word, note.value);
    const note = el("input", { type: "text", "data-ol": "note", "aria-label": `why ${word} ${target}`, placeholder: "why, for those who meet it", onkeydown: (event) => {
      event.stopPropagation();
      if (event.key === "Enter") done();
      if (event.key === "Escape") this.shut(key);
    } });
    return this.open.node = el("td", { colspan: 7 }, el("div", { class: "ol-bar" }, note,
      button(`${word === "pause" ? "Pause" : "Drain"} ${target}`, done, { "data-ol": "do" }), button("Cancel", () => this.shut(key), { "data-ol": "cancel" })));
  }

  begin(target, word) {
    this.open = { target, word, key: `${word} ${target}` };
    this.draw();
    this.go("note");
  }

  shut(key) {
    this.open = null;
    this.draw();
    this.go(key);
  }

  /** To what has this name, where it is there. */
  go(name) {
    /** @type {HTMLElement | null} */
    const node = this.parts.querySelector(`[data-ol="${CSS.escape(name)}"]`);
    node?.focus();
  }

  want(target, word, why) {
    this.open = null;
    this.failed.replaceChildren();
    this.code.show(`%oneiric ${word} ${target}${why ? ` --why ${JSON.stringify(why)}` : ""}`);
    this.draw();
    this.ask({ do: "want", target, word, why });
  }
}

export default widget(Status);
