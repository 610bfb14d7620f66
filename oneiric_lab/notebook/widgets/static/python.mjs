/* What a click stands for, as code. */

/** A value as a literal of Python. */
export const py = (value) => {
  if (value == null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(py).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${py(name)}: ${py(one)}`).join(", ")}}`;
  return JSON.stringify(value);
};

/** Arguments of a call of Python; what is empty is left out. */
export const pyArguments = (named, ...first) =>
  [...first.map(py), ...Object.entries(named).map(([name, value]) => `${name}=${value.code ?? py(value)}`)].join(", ");
