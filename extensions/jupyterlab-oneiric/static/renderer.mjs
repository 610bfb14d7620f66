import { el } from "./shared/kit.mjs";
import { viewNode } from "./shared/view.mjs";

/* What a cell shows of us: the snapshot at once, and the live widget in its place as soon as the
   kernel is found to have its model. When the kernel goes, the snapshot returns: a page never
   says that a model was not found. */

export const VIEW = "application/vnd.oneiric.view+json";
const WIDGET = "application/vnd.jupyter.widget-view+json";
const MODELS = "jupyter.widget";
const GONE = new Set(["restarting", "autorestarting", "terminating", "dead"]);

/** Milliseconds between tries: the manager of widgets may come to a page after its outputs. */
const PATIENCE = [50, 300, 600, 1200, 2400];
const A_TRY = 1500;
const BROKEN = ".jupyter-widgets-error-widget";

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** The snapshot of an output as nodes; one that is no view of ours is shown as its text. */
export const snapshotNode = (data) => {
  try {
    if (data[VIEW].version !== 1) throw new Error("of a later version");
    return viewNode(data[VIEW]);
  } catch {
    const text = [data["text/plain"] ?? "this output cannot be shown by this version"].flat().join("");
    return el("pre", {}, text);
  }
};

/** Turn names of files in a view into links that `open(path, line)` follows. */
export const linkFiles = (node, open) => {
  for (const one of node.querySelectorAll("[data-ol-file]")) {
    const [, line] = /:(\d+)(?::\d+)?$/.exec(one.textContent) ?? [];
    const link = el("a", { href: "#", class: one.className, onclick: (event) => {
      event.preventDefault();
      open(one.dataset.olFile, Number(line ?? 1));
    } }, ...one.childNodes);
    one.replaceChildren(link);
  }
  return node;
};

/** Which models a kernel has; asked once for all outputs of a page that appear together. */
const asked = new WeakMap();
const modelsOf = (kernel) => {
  let found = asked.get(kernel);
  if (!found) {
    found = kernel.requestCommInfo({ target_name: MODELS }).then(({ content }) => new Set(Object.keys(content.comms ?? {})));
    asked.set(kernel, found);
    const forget = () => setTimeout(() => asked.delete(kernel), 200);
    found.then(forget, forget);
  }
  return found;
};

export const makeRenderer = async (shared, tools) => {
  const { Widget } = await shared("@lumino/widgets");
  const { MimeModel } = await shared("@jupyterlab/rendermime");

  /** One output. Its node says in `data-mode` whether it is `live` or a `snapshot`. */
  return class LiveOrSnapshot extends Widget {
    /** @param panel The notebook that it stands in; none for other places, which get snapshots. */
    constructor(panel) {
      super();
      this.panel = panel;
      this.turn = 0;
      this.addClass("ol-widget");
      this.addClass("ol-output");
      const context = panel?.sessionContext;
      this.heard = (_, status) => GONE.has(status) && this.goneWithKernel();
      this.changed = () => this.model && void this.renderModel(this.model);
      context?.statusChanged.connect(this.heard);
      context?.kernelChanged.connect(this.changed);
    }

    dispose() {
      if (this.isDisposed) return;
      this.panel?.sessionContext.statusChanged.disconnect(this.heard);
      this.panel?.sessionContext.kernelChanged.disconnect(this.changed);
      this.dropLive();
      super.dispose();
    }

    // The live view is no child in a layout: what is told to this output is told to it here.
    onAfterAttach(message) {
      super.onAfterAttach(message);
      this.attachLive();
    }

    onBeforeDetach(message) {
      if (this.inner?.isAttached) Widget.detach(this.inner);
      super.onBeforeDetach(message);
    }

    attachLive() {
      if (this.inner && this.isAttached && !this.inner.isAttached) Widget.attach(this.inner, this.node);
    }

    async renderModel(model) {
      this.model = model;
      this.showSnapshot();
      // What a widget's module does is code: a notebook that is not trusted gets no live view.
      if (this.panel && model.trusted && model.data[WIDGET] && tools.live()) void this.tryLive(++this.turn);
    }

    showSnapshot() {
      this.turn++;
      this.dropLive();
      const { data } = this.model;
      const node = linkFiles(snapshotNode(data), (path, line) => tools.openFile(this.panel, path, line));
      const note = data[WIDGET] ? [el("p", { class: "ol-quiet ol-hint" }, "snapshot: run the cell again for the live view")] : [];
      this.node.dataset.mode = "snapshot";
      this.node.replaceChildren(node, ...note);
    }

    hint(words) {
      this.node.querySelector(".ol-hint")?.replaceChildren(words);
    }

    dropLive() {
      this.inner?.dispose();
      this.inner = null;
    }

    goneWithKernel() {
      if (this.model && !this.isDisposed) this.showSnapshot();
    }

    /** Whether this is no longer what should be done. */
    isOver(turn) {
      return this.isDisposed || turn !== this.turn;
    }

    async tryLive(turn) {
      const { sessionContext } = this.panel;
      const id = this.model.data[WIDGET].model_id;
      await sessionContext.ready;
      const kernel = sessionContext.session?.kernel;
      if (!kernel || this.isOver(turn)) return;
      // A kernel that is busy with this cell answers when it ends, and has just made the model.
      if (kernel.status !== "busy" && !(await modelsOf(kernel)).has(id)) return;
      for (const wait of PATIENCE) {
        if (this.isOver(turn)) return;
        if (await this.tryOnce(turn)) return;
        await sleep(wait);
      }
    }

    /** Draw the live view apart, and let it take the place once it is there. */
    async tryOnce(turn) {
      const data = { [WIDGET]: { ...this.model.data[WIDGET] } };
      const inner = this.panel.content.rendermime.createRenderer(WIDGET);
      await Promise.race([inner.renderModel(new MimeModel({ data, trusted: true })), sleep(A_TRY)]);
      const [view] = inner.widgets ?? [];
      // Where a page lacks the widget's package, its manager draws the error in place of the view.
      const broken = view && (inner.node.querySelector(BROKEN) || view.node.matches(BROKEN));
      if (!view || broken || this.isOver(turn)) {
        inner.dispose();
        if (broken && !this.isOver(turn)) this.hint("this page cannot draw the live view: %oneiric doctor says why");
        return Boolean(broken) || inner.node.textContent.includes("not found");
      }
      this.inner = inner;
      this.node.dataset.mode = "live";
      this.node.replaceChildren();
      // An output that is out of sight may be out of the page: then when it comes back.
      this.attachLive();
      view.disposed.connect(() => this.inner === inner && this.goneWithKernel());
      return true;
    }
  };
};

/** Our renderer in each notebook, above the one of widgets; elsewhere below it. */
export const addRenderer = (Output, notebooks, rendermime) => {
  const factory = (panel) => ({ safe: true, mimeTypes: [VIEW], createRenderer: () => new Output(panel) });
  const hook = (panel) => panel.content.rendermime.addFactory(factory(panel), -20);
  notebooks.forEach(hook);
  notebooks.widgetAdded.connect((_, panel) => hook(panel));
  rendermime?.addFactory(factory(null), 30);
};
