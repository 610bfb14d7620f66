/* What this page and the server behind it have, for `doctor` in a kernel to compare. */

const PARTS = { extension: "jupyterlab-oneiric", anywidget: "anywidget", widgets: "@jupyter-widgets/jupyterlab-manager" };

export const makeVersions = async (shared, app) => {
  const { PageConfig, URLExt } = await shared("@jupyterlab/coreutils");
  const { ServerConnection } = await shared("@jupyterlab/services");
  const settings = app.serviceManager.serverSettings;
  const base = PageConfig.getOption("fullLabextensionsUrl");

  /** The version that an extension has on the server, or empty where it is not installed. */
  const installed = async (name) => {
    try {
      const url = new URL(URLExt.join(base, name, "package.json"), location.href).href;
      const answer = await ServerConnection.makeRequest(url, { cache: "no-store" }, settings);
      return answer.ok ? (await answer.json()).version : "";
    } catch {
      return "";
    }
  };
  const all = async () => Object.fromEntries(await Promise.all(Object.entries(PARTS).map(async ([part, name]) => [part, await installed(name)])));
  // What the page runs is what was there when it was loaded.
  const loaded = all();
  return async () => {
    const [then, now] = [await loaded, await all()];
    const page = Object.fromEntries(Object.entries(then).map(([part, version]) => [`page ${part}`, version]));
    const server = Object.fromEntries(Object.entries(now).map(([part, version]) => [`server ${part}`, version]));
    return { "page name": app.name, "page version": app.version, ...page, ...server };
  };
};
