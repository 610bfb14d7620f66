import { addRenderer, makeRenderer } from "./renderer.mjs";
import { makeFiles } from "./files.mjs";

/* The plugins that JupyterLab starts. A token that a front end lacks is None to it: Notebook 7 has
   no launcher, and everything else works there. */

const SETTINGS = "jupyterlab-oneiric:plugin";

export default async (shared) => {
  /** A token, or nothing where this front end has no such part. */
  const token = (module, name) => shared(module).then((found) => found[name], () => null);
  const known = async (...pairs) => (await Promise.all(pairs.map(([module, name]) => token(module, name)))).filter(Boolean);
  const { INotebookTracker } = await shared("@jupyterlab/notebook");
  const rendermime = await token("@jupyterlab/rendermime", "IRenderMimeRegistry");
  const settingRegistry = await token("@jupyterlab/settingregistry", "ISettingRegistry");
  const files = await makeFiles(shared);

  return [
    {
      id: SETTINGS,
      description: "Oneiric Lab: outputs that are live, or snapshots when their kernel is gone.",
      autoStart: true,
      requires: [INotebookTracker, rendermime],
      optional: [settingRegistry].filter(Boolean),
      async activate(app, notebooks, registry, settings) {
        const said = { live: true };
        const Output = await makeRenderer(shared, { live: () => said.live, openFile: files.opener(app) });
        addRenderer(Output, notebooks, registry);
        const loaded = await settings?.load(SETTINGS).catch(() => null);
        const take = () => Object.assign(said, loaded.composite);
        if (loaded) loaded.changed.connect(take), take();
      },
    },
  ];
};
