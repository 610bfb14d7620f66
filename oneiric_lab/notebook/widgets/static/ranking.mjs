/* Who wins, by the order that the kernel tells; what travels is told in _contest.py. */

const clash = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Why a candidate is out, in the fixed order; nothing where it may win. */
const refusals = (candidate, asked, selected) => {
  const out = candidate.refusals
    .filter(([, , unless]) => !(unless === "flag" && asked.flags[candidate.enabled_by]) && !(unless === "selected" && selected))
    .map(([code, reason]) => [code, reason]);
  const quoted = (names) => names.slice().sort(clash).map((name) => `\`${name}\``).join(", ");
  const lacking = asked.need.filter((name) => !candidate.capabilities.includes(name));
  if (lacking.length) out.push(["capability", `lacks ${quoted(lacking)}`]);
  if (asked.need_any.length && !asked.need_any.some((name) => candidate.capabilities.includes(name))) {
    out.push(["capability", `has none of ${quoted(asked.need_any)}`]);
  }
  return out;
};

/** Which rule set the first two apart, in words, and which place of the order it has; -1 where only names did. */
const decide = (order, ranking) => {
  const [first, second] = ranking;
  if (!first) return ["no candidate", null];
  if (!second) return ["only candidate", null];
  for (const [at, [field, word]] of order.entries()) {
    const [left, right] = [first.score[at], second.score[at]];
    if (left === right) continue;
    if (field === "selected") return [word, at];
    const [a, b] = [first.candidate, second.candidate];
    if (field === "source_rank") return [`${word} (${a.source} over ${b.source})`, at];
    return [field === "version" ? `${word} (${a.shown} > ${b.shown})` : `${word} (${left} > ${right})`, at];
  }
  const [a, b] = [first.candidate, second.candidate];
  if (a.provider !== b.provider) return [`name (${a.provider} before ${b.provider})`, -1];
  if (a.source_name !== b.source_name) return [`source name (${a.source_name || "-"} before ${b.source_name || "-"})`, -1];
  return [`spelling of the version (${a.version} before ${b.version})`, -1];
};

/** The facts as they are: what a what-if starts from. */
export const asItIs = (contest) => ({
  select: contest.selection,
  priority: {},
  flags: { ...contest.flags },
  need: [],
  need_any: [],
  prefer: [],
});

/** Rank the candidates of a contest as the registry does. */
export const compete = (contest, asked) => {
  const wished = new Set([...asked.prefer, ...asked.need_any]);
  const rejected = [];
  const ranking = [];
  for (const candidate of contest.candidates) {
    const selected = candidate.provider === asked.select;
    const why = refusals(candidate, asked, selected);
    if (why.length) {
      rejected.push({ candidate, why });
      continue;
    }
    const facts = {
      ...candidate.facts,
      selected: selected ? 1 : 0,
      preferred: candidate.capabilities.filter((name) => wished.has(name)).length,
      priority: asked.priority[candidate.label] ?? candidate.facts.priority,
    };
    ranking.push({ candidate, score: contest.order.map(([field]) => facts[field]) });
  }
  // Candidates come in the order of names, and the sort is stable.
  ranking.sort((a, b) => {
    for (const at of contest.order.keys()) if (a.score[at] !== b.score[at]) return b.score[at] - a.score[at];
    return 0;
  });
  const [decided, place] = decide(contest.order, ranking);
  const ambiguous = place === -1;
  const [first] = ranking;
  let problem = "";
  if (asked.select != null && first?.candidate.provider !== asked.select) {
    const known = contest.candidates.some(({ provider }) => provider === asked.select);
    problem = known ? `the selection names \`${asked.select}\`, which is refused`
      : `the selection names unknown provider \`${asked.select}\``;
  } else if (!first) problem = "no candidate may provide it";
  else if (ambiguous && contest.strict) problem = "only names decide, and the rules are strict";
  else if (first.candidate.blocked) problem = first.candidate.blocked;
  return { ranking, rejected, decided, place, ambiguous, problem, winner: problem ? null : first.candidate };
};
