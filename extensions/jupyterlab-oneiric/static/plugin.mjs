import { makeCommands } from "./commands.mjs";
import { makeFiles } from "./files.mjs";
import { makeLinks } from "./link.mjs";
import { makePanel } from "./panel.mjs";
import { addRenderer, makeRenderer } from "./renderer.mjs";
import { makeVersions } from "./versions.mjs";
import { addViewer } from "./viewer.mjs";

/* The plugin that JupyterLab starts. A part that a front end lacks is nothing to it: Notebook 7 has
   no launcher, and everything else works there. */

const ID = "jupyterlab-oneiric:plugin";
const PARTS = {
  rendermime: ["@jupyterlab/rendermime", "IRenderMimeRegistry"],
  settings: ["@jupyterlab/settingregistry", "ISettingRegistry"],
  palette: ["@jupyterlab/apputils", "ICommandPalette"],
  launcher: ["@jupyterlab/launcher", "ILauncher"],
  restorer: ["@jupyterlab/application", "ILayoutRestorer"],
  browser: ["@jupyterlab/filebrowser", "IDefaultFileBrowser"],
  editors: ["@jupyterlab/fileeditor", "IEditorTracker"],
};

export default async (shared) => {
  const { INotebookTracker } = await shared("@jupyterlab/notebook");
  const token = ([module, name]) => shared(module).then((found) => found[name], () => null);
  const tokens = await Promise.all(Object.values(PARTS).map(token));
  const known = Object.keys(PARTS).filter((_, at) => tokens[at]);
  const files = await makeFiles(shared);

  return {
    id: ID,
    description: "Outputs that are live, or snapshots; a panel of components; commands; viewers of releases.",
    autoStart: true,
    requires: [INotebookTracker],
    optional: tokens.filter(Boolean),
    async activate(app, notebooks, ...given) {
      const part = Object.fromEntries(known.map((name, at) => [name, given[at]]));
      const said = { live: true, trustedRoots: [] };
      const hears = new Set();
      const changed = (hear) => (hears.add(hear), () => hears.delete(hear));
      const versions = await makeVersions(shared, app);
      const links = makeLinks(versions);
      const open = files.opener(app, (notebook) => notebook && links(notebook).panel?.lab?.root);
      addRenderer(await makeRenderer(shared, { live: () => said.live, openFile: open }), notebooks, part.rendermime);

      await addViewer(shared, app, () => said.trustedRoots, changed);

      const tools = {
        run: (code) => commands.run(code),
        reconnect: () => notebooks.currentWidget && links(notebooks.currentWidget).connect(true),
        openFile: (path, line) => open(notebooks.currentWidget, path, line),
      };
      const panel = await makePanel(shared, tools);
      app.shell.add(panel.widget, "left", { rank: 560 });
      part.restorer?.add(panel.widget, panel.widget.id);
      const commands = await makeCommands(shared, { ...part, app, notebooks, links, panel });
      commands.addTo(part.palette, part.launcher);
      const front = () => {
        const notebook = notebooks.currentWidget;
        panel.view.show(notebook && links(notebook), notebook?.context.path.split("/").pop());
      };
      notebooks.currentChanged.connect(front);
      front();

      const loaded = await part.settings?.load(ID).catch((error) => console.warn("oneiric: no settings", error));
      const take = () => {
        Object.assign(said, loaded.composite);
        for (const hear of hears) hear();
      };
      if (loaded) loaded.changed.connect(take), take();
    },
  };
};
