import { targetAt } from "./cursor.mjs";
import { normal } from "./files.mjs";

/* What the palette, the launcher, menus and keys do. A command that asks something of a kernel
   writes a cell and runs it: what was pressed can be read, and run again. */

export const COMMANDS = {
  panel: "oneiric:open-panel",
  workspace: "oneiric:new-workspace",
  explorer: "oneiric:open-explorer",
  explain: "oneiric:explain-at-cursor",
  verify: "oneiric:verify-file",
  tour: "oneiric:run-tour",
};
const CATEGORY = "Oneiric";
const LOAD = "%load_ext oneiric_lab";
const RELEASE = /\.oneiric(-bundle)?\.json$/;
const COPY = `from shutil import copy
from oneiric_lab.lab import tutorials
for notebook in tutorials():
    copy(notebook, ".")`;

/** A name as a word of a magic, and as a literal of Python: both read it as JSON writes it. */
export const quoted = (name) => (/^[\w./-]+$/.test(name) ? name : JSON.stringify(name).replace(/[{}]/g, "$&$&"));

export const makeCommands = async (shared, parts) => {
  const { InputDialog, showErrorMessage } = await shared("@jupyterlab/apputils");
  const { NotebookActions } = await shared("@jupyterlab/notebook");
  const { app, notebooks, editors, browser, links, panel } = parts;
  const { commands, serviceManager } = app;

  const refuse = (title, why) => showErrorMessage(title, why);

  /** Write a cell below the active one of the notebook in front, and run it. */
  const run = async (code, notebook = notebooks.currentWidget) => {
    if (!notebook) return refuse("No notebook is open", "open one, and do it again");
    const known = ["live", "empty"].includes(links(notebook).state);
    const { content, sessionContext } = notebook;
    const needed = known || !code.includes("%oneiric") || code.includes(LOAD) ? "" : `${LOAD}\n`;
    if (content.activeCell?.model.sharedModel.getSource().trim()) NotebookActions.insertBelow(content);
    content.activeCell.model.sharedModel.setSource(needed + code);
    content.activeCell.node.scrollIntoView({ block: "nearest" });
    return NotebookActions.run(content, sessionContext);
  };

  /** A new notebook in the folder that is looked at, with a kernel that is ready. */
  const fresh = async (cwd) => {
    await serviceManager.kernelspecs.ready;
    const kernelName = serviceManager.kernelspecs.specs?.default;
    const notebook = await commands.execute("notebook:create-new", { cwd, kernelName });
    await notebook.context.ready;
    await notebook.sessionContext.ready;
    return notebook;
  };
  const folder = () => browser?.model.path.replace(/^[^/]*:/, "") ?? "";

  const add = (id, label, caption, execute) => commands.addCommand(id, { label, caption, execute });

  add(COMMANDS.panel, "Oneiric: Components", "Show the components of the notebook in front", () => app.shell.activateById(panel.widget.id));

  add(COMMANDS.workspace, "Oneiric: New Workspace…", "Make a folder with an oneiric.toml, and a notebook that opens it", async ({ name, cwd = folder() }) => {
    const asked = name ?? (await InputDialog.getText({ title: "New workspace", label: "Name of its folder", text: "workspace" })).value;
    const clean = normal(asked?.trim() ?? "");
    if (!clean) return asked ? refuse("No workspace was made", "the folder has to lie below this one") : undefined;
    const notebook = await fresh(cwd);
    await run(`${LOAD}\nfrom oneiric_lab import Lab\n\n%oneiric init ${quoted(clean)}`, notebook);
    return run(`lab = Lab.open(${JSON.stringify(clean)})\nlab.status()`, notebook);
  });

  add(COMMANDS.explorer, "Oneiric: Open Explorer", "All candidates of the notebook's lab as a grid", () => run("%oneiric ui explorer"));

  /** The text and the place of the cursor in whatever is in front: a cell, or a file. */
  const cursor = () => {
    const shown = app.shell.currentWidget;
    const isFile = editors?.has(shown);
    const editor = isFile ? shown.content.editor : notebooks.currentWidget?.content.activeCell?.editor;
    if (!editor) return null;
    const { line, column } = editor.getCursorPosition();
    const toml = isFile && shown.context.path.endsWith(".toml");
    return targetAt(editor.model.sharedModel.getSource(), line, column, { toml });
  };

  add(COMMANDS.explain, "Oneiric: Explain at Cursor", "Why the value or the component at the cursor is what it is", ({ target = cursor() }) => {
    if (!target) return refuse("Nothing to explain", "put the cursor on a path such as server.port, or on a component such as adapter:cache");
    app.shell.activateById(panel.widget.id);
    return panel.view.explain(target);
  });

  const chosen = () => {
    const selected = [...(browser?.selectedItems() ?? [])].map(({ path }) => path);
    return [app.shell.currentWidget?.context?.path, ...selected].find((path) => RELEASE.test(path ?? ""));
  };
  add(COMMANDS.verify, "Oneiric: Verify File", "What the signatures of a manifest or a bundle are worth here", ({ path = chosen() }) => {
    if (!path) return refuse("No release was chosen", "select a file *.oneiric.json or *.oneiric-bundle.json");
    return commands.execute("docmanager:open", { path, factory: "Oneiric release" });
  });

  add(COMMANDS.tour, "Oneiric: Run the Tour", "Open the first tutorial and run it", async () => {
    const name = "00-tour.ipynb";
    const there = (path) => serviceManager.contents.get(path, { content: false }).then(() => path, () => null);
    let path = (await there(name)) ?? (await there(`notebooks/${name}`));
    if (!path) {
      const notebook = await fresh("");
      await run(COPY, notebook);
      path = await there(name);
      if (!path) return refuse("The tour was not found", "the cell says why");
    }
    const tour = await commands.execute("docmanager:open", { path });
    await tour.context.ready;
    await tour.sessionContext.ready;
    return NotebookActions.runAll(tour.content, tour.sessionContext);
  });

  const addTo = (palette, launcher) => {
    for (const command of Object.values(COMMANDS)) palette?.addItem({ command, category: CATEGORY });
    for (const [rank, command] of [COMMANDS.workspace, COMMANDS.tour].entries()) launcher?.add({ command, category: CATEGORY, rank });
  };
  return { run, addTo };
};
