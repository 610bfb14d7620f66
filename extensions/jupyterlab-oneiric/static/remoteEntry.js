/* The container that JupyterLab asks for our modules, as module federation has it: `init` gives
   the modules that JupyterLab shares, `get` asks for one of ours. What a bundler would write here
   is a megabyte of its own runtime; the protocol is these two functions. */
(() => {
  const here = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const OURS = { "./extension": "./plugin.mjs", "./style": "./style.mjs" };
  let scope;

  const newer = (a, b) => a.localeCompare(b, "en", { numeric: true });

  /** A module that JupyterLab shares: the loaded one, else the newest, as webpack picks singletons. */
  const shared = async (name) => {
    const versions = scope?.[name];
    if (!versions) throw new Error(`JupyterLab shares no ${name}`);
    const [first, ...others] = Object.keys(versions);
    const pick = others.reduce((a, b) => (!versions[a].loaded && newer(a, b) < 0 ? b : a), first);
    return (await versions[pick].get())();
  };

  (window._JUPYTERLAB ??= {})["jupyterlab-oneiric"] = {
    init: (given) => {
      scope = given;
    },
    get: async (name) => {
      const { default: make } = await import(new URL(OURS[name], here).href);
      const made = await make(shared);
      return () => ({ __esModule: true, default: made });
    },
  };
})();
