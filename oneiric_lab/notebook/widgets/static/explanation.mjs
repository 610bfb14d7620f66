import { BUSY, GLYPHS, codeLine, el } from "./kit.mjs";
import { pyArguments } from "./python.mjs";
import { asItIs, compete } from "./ranking.mjs";
import { viewNode } from "./view.mjs";

/* Why a component is provided by whom, and who would if a few facts were others;
   what travels is told in _contest.py, beside this folder. */


class Explanation {
  constructor(model, root) {
    Object.assign(this, { model, root });
    root.classList.add("ol-widget", "ol-explanation");
    root.setAttribute("role", "region");
    root.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the notebook has uses of its own for keys
      if (event.key === "Escape") this.shut();
    });
    this.code = codeLine();
    const changed = () => this.take();
    const told = (message) => this.told(message);
    model.on("change:contest", changed);
    model.on("msg:custom", told);
    this.close = () => {
      model.off("change:contest", changed);
      model.off("msg:custom", told);
      clearTimeout(this.patience);
    };
    this.take();
  }

  take() {
    const contest = this.model.get("contest");
    const opened = contest && !this.contest;
    const same = contest && contest.target === this.contest?.target;
    if (opened) this.from = this.root.ownerDocument.activeElement;
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
    clearTimeout(this.patience);
    if (planned && planned.target === this.contest?.target) {
      this.code.show(planned.code);
      this.planned.replaceChildren(viewNode(planned.view));
    } else if (failed) this.planned?.replaceChildren(viewNode(failed));
  }

  show() {
    const { contest, whatIf } = this;
    this.verdict = el("div", { role: "status", class: "ol-verdict" });
    this.picture = el("div", { class: "ol-scroll" });
    this.refused = el("ul", { class: "ol-refused", "aria-label": "rejected" });
    this.planned = el("div", { class: "ol-planned", "aria-live": "polite" });
    const changed = (change) => () => {
      change();
      this.compete();
    };
    const group = (legend, ...inner) => (inner.length ? [el("fieldset", {}, el("legend", {}, legend), ...inner)] : []);
    const providers = [...new Set([...contest.candidates.map(({ provider }) => provider), ...(contest.selection == null ? [] : [contest.selection])])];
    const select = el("select", { "aria-label": "selection", onchange: changed(() => { whatIf.select = select.value === "" ? null : select.value; }) },
      el("option", { value: "" }, "none"), ...providers.map((name) => el("option", { value: name }, name)));
    select.value = whatIf.select ?? "";
    const numbers = contest.candidates.map(({ facts }) => facts.priority);
    const [least, most] = [Math.max(contest.priorities[0], Math.min(...numbers) - 50), Math.min(contest.priorities[1], Math.max(...numbers) + 50)];
    const sliders = contest.candidates.map((candidate) => {
      const { label: name, facts } = candidate;
      const value = whatIf.priority[name] ?? facts.priority;
      const out = el("output", {}, String(value));
      const slider = el("input", { type: "range", min: least, max: most, value, "aria-label": `priority of ${name}`, oninput: changed(() => {
        if (+slider.value === facts.priority) delete whatIf.priority[name];
        else whatIf.priority[name] = +slider.value;
        out.textContent = slider.value;
      }) });
      return el("label", {}, el("span", {}, name), slider, out);
    });
    const flags = Object.keys(contest.flags).map((name) => {
      const box = el("input", { type: "checkbox", role: "switch", onchange: changed(() => { whatIf.flags[name] = box.checked; }) });
      box.checked = whatIf.flags[name];
      return el("label", {}, box, name);
    });
    const names = [...new Set(contest.candidates.flatMap(({ capabilities }) => capabilities))].sort();
    const wishes = names.map((name) => {
      const wish = el("select", { "aria-label": `capability ${name}`, onchange: changed(() => {
        for (const list of ["need", "prefer"]) whatIf[list] = whatIf[list].filter((one) => one !== name);
        if (wish.value) whatIf[wish.value].push(name);
      }) }, ...[["", "not asked"], ["prefer", "preferred"], ["need", "needed"]].map(([value, text]) => el("option", { value }, text)));
      wish.value = whatIf.need.includes(name) ? "need" : whatIf.prefer.includes(name) ? "prefer" : "";
      return el("label", {}, el("span", {}, name), wish);
    });
    const plan = el("button", { type: "button", onclick: () => {
      this.planned.replaceChildren(el("p", {}, "planning…"));
      this.model.send({ do: "plan", target: contest.target, asked: this.difference() });
      clearTimeout(this.patience);
      this.patience = setTimeout(() => this.planned.replaceChildren(el("p", {}, BUSY)), 1500);
    } }, "Plan this");
    const code = el("button", { type: "button", onclick: () => this.code.show(this.question()) }, "Copy as code");
    const reset = el("button", { type: "button", onclick: () => {
      this.whatIf = asItIs(contest);
      this.show();
    } }, "As it is");
    const shut = el("button", { type: "button", "aria-label": "close the explanation", onclick: () => this.shut() }, "✕");
    const requires = contest.requires.map(([depth, tone, text]) => el("li", { class: `ol-${tone}`, style: `margin-left:${depth * 18}px` }, (GLYPHS[tone] ?? "") + text));
    this.root.replaceChildren(
      el("div", { class: "ol-bar" }, this.verdict, shut), this.picture, this.refused,
      ...group("requires", ...(requires.length ? [el("ul", {}, ...requires)] : [])),
      el("div", { class: "ol-what-if" },
        ...group("what if: selection", ...(contest.selectable ? [select] : [])), ...group("what if: priority", ...sliders),
        ...group("what if: flags", ...flags), ...group("what if: capabilities", ...wishes)),
      el("div", { class: "ol-bar" }, plan, code, reset), this.code.node, this.planned);
    this.compete();
  }

  /** What is asked other than it is. */
  difference() {
    const { was: contest, whatIf } = this;
    const out = {};
    if (whatIf.select !== contest.selection) out.select = whatIf.select;
    if (Object.keys(whatIf.priority).length) out.priority = whatIf.priority;
    const flags = Object.entries(whatIf.flags).filter(([name, on]) => contest.flags[name] !== on);
    if (flags.length) out.flags = Object.fromEntries(flags);
    for (const wish of ["need", "prefer"]) if (whatIf[wish].length) out[wish] = whatIf[wish];
    return out;
  }

  question() {
    const changed = this.difference();
    const word = "select" in changed || changed.priority || changed.flags ? "what_if" : "explain";
    return `lab.${word}(${pyArguments(changed, this.contest.target)})`;
  }

  compete() {
    const { contest } = this;
    const now = compete(contest, asItIs(contest));
    const then = compete(contest, this.whatIf);
    const name = ({ winner }) => (winner ? `${winner.provider} ${winner.version}` : "nothing");
    const moved = JSON.stringify(this.difference()) !== "{}";
    const tone = then.winner ? "ok" : "bad";
    this.verdict.replaceChildren(el("strong", {}, `${contest.target} → `), el("strong", { class: `ol-${tone}` }, GLYPHS[tone] + name(then)),
      ` decided by: ${then.decided}`, ...(then.problem ? [el("span", { class: "ol-bad" }, ` ${GLYPHS.bad}${then.problem}`)] : []),
      ...(then.ambiguous ? [el("span", { class: "ol-warn" }, ` ${GLYPHS.warn}only names decide`)] : []),
      ...(moved ? [el("span", { class: "ol-warn" }, ` what if; as it is: ${name(now)}`)] : []));
    const spans = contest.order.map((_, at) => {
      const column = then.ranking.map(({ score }) => score[at]);
      return [Math.min(0, ...column), Math.max(...column)];
    });
    const heads = contest.order.map(([, word], at) => el("th", { scope: "col", class: at === then.place ? "ol-decided" : null }, at === then.place ? `◆ ${word}` : word));
    const rows = then.ranking.map(({ candidate, score }, rank) => el("tr", { class: rank ? null : "ol-first" },
      el("td", {}, String(rank + 1)), el("th", { scope: "row" }, candidate.label),
      ...score.map((value, at) => {
        const [low, high] = spans[at];
        const [field] = contest.order[at];
        const text = { selected: value ? "yes" : "no", source_rank: candidate.source, version: candidate.version }[field] ?? String(value);
        const bar = el("i", { "aria-hidden": "true" });
        bar.style.width = `${high > low ? (100 * (value - low)) / (high - low) : 0}%`;
        const [first, second] = then.ranking;
        const by = at === then.place && rank < 2 && ["priority", "stack_level", "preferred"].includes(field) ? first.score[at] - second.score[at] : 0;
        return el("td", { class: at === then.place ? "ol-decided" : null }, text, by ? el("small", {}, rank ? ` −${by}` : ` +${by}`) : "", bar);
      })));
    this.picture.replaceChildren(el("table", {}, el("caption", {}, "ranking: rules from left to right, the first that differs decides"),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "rank"), el("th", { scope: "col" }, "candidate"), ...heads)), el("tbody", {}, ...rows)));
    this.refused.replaceChildren(...then.rejected.flatMap(({ candidate, why }) => why.map(([code, reason]) =>
      el("li", { class: "ol-bad" }, `${GLYPHS.bad}${candidate.label} ${reason} `, el("small", { class: "ol-quiet" }, code)))));
    if (!this.code.node.hidden) this.code.show(this.question());
  }
}

export default () => ({
  render({ model, el: root }) {
    const view = new Explanation(model, root);
    return () => view.close();
  },
});
