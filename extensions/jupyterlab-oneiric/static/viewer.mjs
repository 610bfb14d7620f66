import { codeLine, el, GLYPHS } from "./shared/kit.mjs";
import { compare } from "./compare.mjs";
import { folderOf, normal } from "./files.mjs";
import { Refused } from "./trust/strict.mjs";
import { NOT_HERE, headOf, inspect } from "./trust/inspect.mjs";

/* The viewer of manifests and bundles: what the signatures are worth here, who signed, the entries,
   and what differs from another file. It reads bytes, no text: a line end that a front end makes
   its own would be another file. */

const MANIFEST = ".oneiric.json";
const BUNDLE = ".oneiric-bundle.json";
const MOST_BYTES = 64 * 1024 * 1024;
const PAGE = 200;
const STATES = { passed: ["ok", "passed"], failed: ["bad", "failed"], skipped: ["quiet", "not asked"], untrusted: ["warn", "not trusted here"], good: ["ok", "good"] };
const SIGNS = { added: ["ok", "+ added"], removed: ["bad", "− removed"], changed: ["warn", "~ changed"] };

/** Both files of a release, whichever of them was opened. */
export const pairOf = (path) => {
  const stem = path.endsWith(BUNDLE) ? path.slice(0, -BUNDLE.length) : path.slice(0, -MANIFEST.length);
  return { manifest: stem + MANIFEST, bundle: stem + BUNDLE };
};

const short = (value) => {
  const text = value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
};
const toned = ([tone, words]) => el("span", { class: `ol-${tone}` }, (GLYPHS[tone] ?? "") + words);
const word = (name) => (/^[\w./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

const table = (label, heads, rows) =>
  el("div", { class: "ol-scroll", tabindex: 0, role: "group", "aria-label": label }, el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell)))))));

const section = (title, ...children) => el("section", {}, el("h2", {}, title), ...children);

export class ReleaseView {
  /** @param read Returns the bytes of a path, null where there is no such file. @param pins Digests of roots. */
  constructor(root, path, { read, pins, now = Date.now }) {
    this.root = root;
    this.path = path;
    this.read = read;
    this.pins = pins;
    this.now = now;
    this.turn = 0;
    this.files = pairOf(path);
    root.classList.add("ol-widget", "ol-page");
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", `release ${path}`);
    root.tabIndex = 0;
    this.title = el("h1");
    this.verdict = el("p", { role: "status", class: "ol-verdict" }, "reading…");
    this.more = el("div");
    this.entries = el("div");
    this.against = el("input", { type: "text", "aria-label": "file to compare with", placeholder: `another ${MANIFEST}`, onkeydown: (event) => event.key === "Enter" && this.compare() });
    this.compared = el("div", { "aria-live": "polite" });
    const button = el("button", { type: "button", onclick: () => this.compare() }, "Compare");
    const again = el("button", { type: "button", onclick: () => this.refresh() }, "Check again");
    root.replaceChildren(el("header", {}, this.title, again), this.verdict, this.more, this.entries,
      section("Compare", el("div", { class: "ol-bar" }, this.against, button), this.compared));
  }

  async refresh() {
    const turn = ++this.turn;
    try {
      const [bundle, manifest] = await Promise.all([this.read(this.files.bundle), this.read(this.files.manifest)]);
      const now = this.now();
      const found = await inspect({ bundle, manifest, pins: this.pins(), now });
      if (turn !== this.turn) return;
      this.head = found.head;
      this.draw(found, now);
    } catch (error) {
      if (turn !== this.turn) return;
      this.say("bad", `cannot be read: ${error.message}`);
      this.more.replaceChildren();
    }
  }

  say(tone, words) {
    this.root.dataset.tone = tone;
    this.verdict.className = `ol-verdict ol-${tone}`;
    this.verdict.textContent = (GLYPHS[tone] ?? "") + words;
  }

  draw(found, now) {
    const named = found.statement ?? found.head;
    this.title.textContent = named ? `${named.project} ${named.channel} ${named.version}` : this.path.split("/").pop();
    this.say(found.tone, found.verdict);
    const command = codeLine();
    command.show(`oneiric-lab manifest verify ${word(this.files.manifest)} --bundle ${word(this.files.bundle)}`);
    const at = new Date(now).toISOString().slice(0, 19);
    const limits = el("p", { class: "ol-quiet" }, found.checked
      ? `Found by this browser alone, as of ${at}Z. To verify, look at ${NOT_HERE} as well:`
      : "To verify:");
    /** @type {HTMLElement[]} */
    const parts = [limits, command.node];
    if (found.anchor && !found.trusted) {
      parts.push(el("p", {}, "The root in this file is ", el("code", {}, `sha256:${found.anchor}`),
        ". Compare it with one of its signers, by another way than the one on which this file came; then add it to “Trusted roots” in the settings."));
    }
    if (found.signatures.length) {
      parts.push(section("Signatures", table("signatures", ["signer", "key", "state", "why"], found.signatures.map(({ signer, keyid, state, why }) =>
        [signer ?? "–", `${keyid.slice(0, 16)}…`, toned(STATES[state] ?? ["bad", state]), why]))));
    }
    if (found.checks.length) {
      parts.push(section("Checks", table("checks", ["check", "state", "found"], found.checks.map(({ code, state, message }) => [code, toned(STATES[state]), message]))));
    }
    this.more.replaceChildren(...parts);
    this.list();
  }

  list() {
    if (!this.head) return this.entries.replaceChildren();
    const { entries } = this.head;
    const filter = el("input", { type: "search", "aria-label": "filter entries", placeholder: "filter", oninput: () => ((most = PAGE), show()) });
    const said = el("span", { class: "ol-quiet", role: "status" });
    const body = el("div");
    const more = el("button", { type: "button", onclick: () => ((most += PAGE), show()) }, `Show ${PAGE} more`);
    const texts = entries.map((entry) => JSON.stringify(entry).toLowerCase());
    let most = PAGE;
    const show = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = entries.filter((_, at) => words.every((one) => texts[at].includes(one)));
      said.textContent = `${fits.length.toLocaleString("en")} of ${entries.length.toLocaleString("en")}`;
      more.hidden = fits.length <= most;
      body.replaceChildren(table("entries", ["component", "provider", "version", "factory", "capabilities", "artifact"], fits.slice(0, most).map((entry) => {
        const capabilities = Array.isArray(entry.capabilities) ? entry.capabilities.map((one) => one?.name ?? one).join(", ") : "";
        return [`${entry.domain}:${entry.key}`, short(entry.provider), short(entry.version), short(entry.factory), short(capabilities), short(entry.artifact?.sha256 ?? entry.artifact?.uri ?? "–")];
      })));
    };
    show();
    this.entries.replaceChildren(section("Entries", el("div", { class: "ol-bar" }, filter, said), body, more));
  }

  async compare() {
    const name = this.against.value.trim();
    const path = name && normal(name.startsWith("/") ? name : `${folderOf(this.path)}/${name}`);
    const target = path && pairOf(path.endsWith(BUNDLE) || path.endsWith(MANIFEST) ? path : path + MANIFEST).manifest;
    const bytes = target ? await this.read(target) : null;
    const other = headOf(bytes);
    if (!other || !this.head) {
      this.compared.replaceChildren(el("p", { class: "ol-bad" }, `✗ ${!this.head ? "this manifest cannot be read" : bytes ? "no manifest of schema 3" : `${name || "nothing"} was not found beside this file`}`));
      return;
    }
    const { header, rows, kept } = compare(other, this.head);
    const count = (kind) => rows.filter((row) => row.kind === kind).length;
    const say = (changes) => el("ul", {}, ...changes.map(([field, old, now]) => el("li", {}, `${field}: `, el("s", {}, short(old)), " → ", short(now))));
    const code = codeLine();
    code.show(`oneiric-lab manifest diff ${word(target)} ${word(this.files.manifest)}`);
    this.compared.replaceChildren(
      el("p", { role: "status" }, `from ${name} to this: ${count("added")} added, ${count("removed")} removed, ${count("changed")} changed, ${kept} the same`),
      ...(header.length ? [say(header)] : []),
      ...(rows.length ? [table("differences", ["", "component", "provider", "what"], rows.slice(0, 5 * PAGE).map(({ kind, target, who, changes }) => [toned(SIGNS[kind]), target, who, say(changes)]))] : []),
      ...(rows.length > 5 * PAGE ? [el("p", { class: "ol-quiet" }, `and ${rows.length - 5 * PAGE} more`)] : []),
      el("p", { class: "ol-quiet" }, "Which risks that brings:"), code.node);
  }
}

/** Both kinds of files, and the viewer that opens them, for JupyterLab. */
export const addViewer = async (shared, app, pins, changed) => {
  const { Widget } = await shared("@lumino/widgets");
  const { ABCWidgetFactory, DocumentWidget } = await shared("@jupyterlab/docregistry");
  const { contents } = app.serviceManager;

  const read = async (path) => {
    const is = await contents.get(path, { content: false }).catch(() => null);
    if (!is) return null;
    if (is.size > MOST_BYTES) throw new Refused(`${path} is larger than ${MOST_BYTES / 1024 / 1024} MB`);
    const { content } = await contents.get(path, { type: "file", format: "base64", content: true });
    return Uint8Array.from(atob(content.replace(/\s/g, "")), (letter) => letter.charCodeAt(0));
  };

  class Factory extends ABCWidgetFactory {
    /** @param {object} options */
    constructor(options) {
      super(options);
    }

    createNewWidget(context) {
      const content = new Widget();
      const drive = contents.driveName(context.path);
      const lead = drive ? `${drive}:` : "";
      // JupyterLab names the node of a document itself.
      const view = new ReleaseView(content.node.appendChild(el("div")), contents.localPath(context.path), { pins, read: (path) => read(lead + path) });
      const refresh = () => void view.refresh();
      context.fileChanged.connect(refresh);
      const forget = changed(refresh);
      content.disposed.connect(forget);
      void context.ready.then(refresh);
      return new DocumentWidget({ content, context });
    }
  }
  const names = { "oneiric-manifest": [MANIFEST, "Oneiric manifest"], "oneiric-bundle": [BUNDLE, "Oneiric bundle"] };
  for (const [name, [extension, displayName]] of Object.entries(names)) {
    app.docRegistry.addFileType({ name, displayName, extensions: [extension], mimeTypes: ["application/json"], contentType: "file", fileFormat: "text" });
  }
  const fileTypes = Object.keys(names);
  app.docRegistry.addWidgetFactory(new Factory({ name: "Oneiric release", modelName: "text", fileTypes, defaultFor: fileTypes, readOnly: true }));
};
