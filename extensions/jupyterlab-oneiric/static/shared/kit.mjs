/* What the modules of all widgets share. */

/**
 * A node with attributes (`on…` are listeners, `aria-…` say "true" or "false") and children; texts are texts, never HTML.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export const el = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true && !name.startsWith("aria-")) node.setAttribute(name, "");
    else if (value != null && (value !== false || name.startsWith("aria-"))) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};

/** The sign of a tone, since colour alone says nothing to many. */
export const GLYPHS = { ok: "✓ ", warn: "⚠ ", bad: "✗ ", info: "ℹ " };

/**
 * A text with its tone, or one that is said quietly.
 *
 * @param {string} tone
 * @param {any} text
 * @param {any} [tag]
 * @param {Record<string, any>} [more]
 * @returns {HTMLElement}
 */
export const toned = (tone, text, tag = "span", more) => el(tag, { class: `ol-${tone}`, ...more }, (GLYPHS[tone] ?? "") + text);

/** What is said while the kernel does not answer. */
export const BUSY = "the kernel is busy with a cell, or gone: this is answered when it is free";

/** A number of things in words. */
export const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;

/** Call `draw` when colours may have changed; returns what ends that. */
export const onTheme = (draw) => {
  const watch = new MutationObserver(draw);
  watch.observe(document.body, { attributes: true });
  const media = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) => matchMedia(query));
  for (const each of media) each.addEventListener("change", draw);
  return () => {
    watch.disconnect();
    for (const each of media) each.removeEventListener("change", draw);
  };
};

/** What shows the code that a click stands for, and copies it. */
export const codeLine = () => {
  const code = el("code");
  const said = el("span", { class: "ol-quiet", role: "status" });
  const copy = el("button", {
    type: "button",
    "aria-label": "Copy as code",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        said.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        said.textContent = "selected: copy it with the keyboard";
      }
    },
  }, "Copy");
  const node = el("div", { class: "ol-code", hidden: true }, toned("quiet", "as code:"), code, copy, said);
  const show = (text) => {
    node.hidden = false;
    code.textContent = text;
    said.textContent = "";
  };
  return { node, show };
};
