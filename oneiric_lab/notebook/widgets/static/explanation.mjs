import { el, toned } from "./kit.mjs";
import { View, button, keeping, pick, widget } from "./frame.mjs";
import { pyArguments } from "./python.mjs";
import { asItIs, compete } from "./ranking.mjs";
import { table, viewNode } from "./view.mjs";

/* Why a component is provided by whom, and who would if a few facts were others;
   what travels is told in _contest.py, beside this folder. */

const WISHES = [["", "not asked"], ["prefer", "preferred"], ["need", "needed"]];
const MEASURED = ["priority", "stack_level", "preferred"];

const group = (legend, ...inner) => (inner.length ? [el("fieldset", {}, el("legend", {}, legend), ...inner)] : []);
const named = (text, ...controls) => el("label", {}, el("span", { title: text }, text), ...controls);

class Explanation extends View {
  constructor(model, root) {
    super(model, root, "explanation");
    root.setAttribute("role", "region");
    root.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the notebook has uses of its own for keys
      if (event.key === "Escape") this.shut();
    });
    this.on("change:contest", () => this.take());
    this.on("msg:custom", (message) => this.told(message));
    this.take();
  }

  take() {
    const contest = this.model.get("contest");
    const opened = contest && !this.contest;
    const same = contest && contest.target === this.contest?.target;
    if (opened) {
      /** @type {any} */
      this.from = this.root.ownerDocument.activeElement;
    }
    this.contest = contest;
    this.root.hidden = !contest;
    if (!contest) return;
    this.root.setAttribute("aria-label", `explanation of ${contest.target}`);
    if (same) {
      // What is as it was goes on with how it is now; what was changed stays so.
      const { select, flags } = this.difference();
      this.whatIf = { ...this.whatIf, select: select === undefined ? contest.selection : select, flags: { ...contest.flags, ...flags } };
    } else {
      this.whatIf = asItIs(contest);
      this.code.node.hidden = true;
    }
    this.was = contest;
    this.show();
  }

  shut() {
    this.model.set("contest", null);
    this.model.save_changes();
    this.take();
    this.from?.focus();
  }

  told({ planned, failed }) {
    this.answered();
    if (planned && planned.target === this.contest?.target) {
      this.code.show(planned.code);
      this.planned.replaceChildren(viewNode(planned.view));
    } else if (failed) this.planned?.replaceChildren(viewNode(failed));
  }

  show() {
    const { contest } = this;
    this.verdict = el("div", { role: "status", class: "ol-verdict" });
    this.picture = el("div", { class: "ol-scroll" });
    this.refused = el("ul", { class: "ol-refused", tabindex: 0, "aria-label": "rejected" });
    this.planned = el("div", { class: "ol-planned", "aria-live": "polite" });
    const plan = () => {
      const say = (text) => this.planned.replaceChildren(el("p", {}, text));
      say("planning…");
      this.ask({ do: "plan", target: contest.target, asked: this.difference() }, say);
    };
    const reset = () => {
      this.whatIf = asItIs(contest);
      this.show();
    };
    const requires = contest.requires.map(([depth, tone, text]) => toned(tone, text, "li", { style: `margin-left:${depth * 18}px` }));
    keeping(this.root, () => this.root.replaceChildren(
      el("div", { class: "ol-bar" }, this.verdict, button("✕", () => this.shut(), { "aria-label": "close the explanation", "data-ol": "shut" })), this.picture, this.refused,
      ...group("requires", ...(requires.length ? [el("ul", {}, ...requires)] : [])), el("div", { class: "ol-what-if" }, ...this.controls()),
      el("div", { class: "ol-bar" }, button("Plan this", plan, { "data-ol": "plan" }), this.copy, button("As it is", reset, { "data-ol": "reset" })), this.code.node, this.planned));
    this.compete();
  }

  /** What can be asked otherwise, a group each. */
  controls() {
    const { contest, whatIf } = this;
    const changed = (change) => (value) => {
      change(value);
      this.compete();
    };
    const providers = new Set([...contest.candidates.map(({ provider }) => provider), ...(contest.selection == null ? [] : [contest.selection])]);
    const select = pick("selection", changed((value) => { whatIf.select = value === "" ? null : value; }), ["", "none"], ...providers);
    select.dataset.ol = "selection";
    select.value = whatIf.select ?? "";
    const numbers = contest.candidates.map(({ facts }) => facts.priority);
    const [least, most] = [Math.max(contest.priorities[0], Math.min(...numbers) - 50), Math.min(contest.priorities[1], Math.max(...numbers) + 50)];
    const sliders = contest.candidates.map(({ label: name, facts }) => {
      const value = whatIf.priority[name] ?? facts.priority;
      const out = el("output", {}, String(value));
      const moved = changed(({ target }) => {
        if (+target.value === facts.priority) delete whatIf.priority[name];
        else whatIf.priority[name] = +target.value;
        out.textContent = target.value;
      });
      return named(name, el("input", { type: "range", min: least, max: most, value, "aria-label": `priority of ${name}`, "data-ol": `priority ${name}`, oninput: moved }), out);
    });
    const flags = Object.keys(contest.flags).map((name) => {
      const box = el("input", { type: "checkbox", role: "switch", "data-ol": `flag ${name}`, onchange: changed(() => { whatIf.flags[name] = box.checked; }) });
      box.checked = whatIf.flags[name];
      return el("label", {}, box, name);
    });
    const wishes = [...new Set(contest.candidates.flatMap(({ capabilities }) => capabilities))].sort().map((name) => {
      const wish = pick(`capability ${name}`, changed((value) => {
        for (const list of ["need", "prefer"]) whatIf[list] = whatIf[list].filter((one) => one !== name);
        if (value) whatIf[value].push(name);
      }), ...WISHES);
      wish.dataset.ol = `capability ${name}`;
      wish.value = ["need", "prefer"].find((list) => whatIf[list].includes(name)) ?? "";
      return named(name, wish);
    });
    return [["selection", ...(contest.selectable ? [select] : [])], ["priority", ...sliders], ["flags", ...flags], ["capabilities", ...wishes]]
      .flatMap(([legend, ...inner]) => group(`what if: ${legend}`, ...inner));
  }

  /** What is asked other than it is. */
  difference() {
    const { was: contest, whatIf } = this;
    /** @type {{ select?: string | null, priority?: object, flags?: object, need?: string[], prefer?: string[] }} */
    const out = {};
    if (whatIf.select !== contest.selection) out.select = whatIf.select;
    if (Object.keys(whatIf.priority).length) out.priority = whatIf.priority;
    const flags = Object.entries(whatIf.flags).filter(([name, on]) => contest.flags[name] !== on);
    if (flags.length) out.flags = Object.fromEntries(flags);
    for (const wish of ["need", "prefer"]) if (whatIf[wish].length) out[wish] = whatIf[wish];
    return out;
  }

  asCode() {
    const changed = this.difference();
    const word = "select" in changed || changed.priority || changed.flags ? "what_if" : "explain";
    return `lab.${word}(${pyArguments(changed, this.contest.target)})`;
  }

  compete() {
    const { contest } = this;
    const now = compete(contest, asItIs(contest));
    const then = compete(contest, this.whatIf);
    const name = ({ winner }) => (winner ? `${winner.provider} ${winner.version}` : "nothing");
    this.verdict.replaceChildren(el("strong", {}, `${contest.target} → `), toned(then.winner ? "ok" : "bad", name(then), "strong"),
      ` decided by: ${then.decided} `, then.problem && toned("bad", then.problem), then.ambiguous ? toned("warn", "only names decide") : "",
      JSON.stringify(this.difference()) === "{}" ? "" : el("span", { class: "ol-warn" }, ` what if; as it is: ${name(now)}`));
    this.picture.replaceChildren(this.ranked(then));
    this.refused.hidden = !then.rejected.length;
    this.refused.replaceChildren(...then.rejected.flatMap(({ candidate, why }) => why.map(([code, reason]) =>
      el("li", {}, toned("bad", `${candidate.label} ${reason} `), toned("quiet", code, "small")))));
    this.recode();
  }

  ranked({ ranking, place }) {
    const { order } = this.contest;
    const decided = (at) => at === place && "ol-decided";
    const same = (at) => ranking.length > 1 && ranking.every(({ score }) => score[at] === ranking[0].score[at]) && "ol-same";
    const heads = order.map(([, word], at) => el("th", { scope: "col", class: decided(at) || same(at) }, decided(at) ? `◆ ${word}` : word));
    const spans = order.map((_, at) => {
      const column = ranking.map(({ score }) => score[at]);
      return [Math.min(0, ...column), Math.max(...column)];
    });
    const rows = ranking.map(({ candidate, score }, rank) => [String(rank + 1), el("th", { scope: "row", class: !rank && "ol-ok" }, candidate.label),
      ...score.map((value, at) => {
        const [low, high] = spans[at];
        const [field] = order[at];
        const text = { selected: value ? "yes" : "no", source_rank: candidate.source, version: candidate.version }[field] ?? String(value);
        const by = at === place && rank < 2 && MEASURED.includes(field) ? ranking[0].score[at] - ranking[1].score[at] : 0;
        const share = high > low ? (100 * (value - low)) / (high - low) : 0;
        return el("td", { class: decided(at) || same(at) }, text, by ? el("small", {}, rank ? ` −${by}` : ` +${by}`) : "", el("i", { "aria-hidden": "true", style: `width:${share}%` }));
      })]);
    return table(["rank", "candidate", ...heads], rows, { caption: "ranking: rules from left to right, the first that differs decides" });
  }
}

export default widget(Explanation);
