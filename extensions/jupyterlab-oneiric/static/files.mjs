/* Files that a view, a panel or a command names, opened where they stand. */

/** `a/b/../c.toml` and `./a` as JupyterLab names files; a path that leaves the root is none. */
export const normal = (path) => {
  const out = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      if (!out.length) return null;
      out.pop();
    } else if (part && part !== ".") out.push(part);
  }
  return out.join("/");
};

/** The path of a file below the server's root, of one that a kernel names; null where it is not below. */
export const below = (root, path) => {
  const [short, long] = [root.replace(/\/+$/, ""), path];
  return long === short ? "" : long.startsWith(`${short}/`) ? long.slice(short.length + 1) : null;
};

export const folderOf = (path) => path.split("/").slice(0, -1).join("/");

export const makeFiles = async (shared) => {
  const { PageConfig, PathExt } = await shared("@jupyterlab/coreutils");
  const { showErrorMessage } = await shared("@jupyterlab/apputils");
  const serverRoot = () => {
    const said = PageConfig.getOption("serverRoot");
    return said.startsWith("~") ? null : said;
  };

  /** Where a file named by a kernel may be: below the workspace that it told of, else beside the notebook. */
  const places = (panel, path, root) => {
    const server = serverRoot();
    if (path.startsWith("/")) return server === null ? [] : [below(server, path)];
    const own = panel ? folderOf(panel.context.path.replace(/^[^/]*:/, "")) : "";
    const told = root && server !== null ? below(server, root) : null;
    return [...(told === null ? [] : [normal(`${told}/${path}`)]), normal(`${own}/${path}`)];
  };

  const opener = (app, rootOf = (_) => null) => async (panel, path, line) => {
    const { contents } = app.serviceManager;
    for (const place of places(panel, path, rootOf(panel))) {
      if (!place || !(await contents.get(place, { content: false }).then(() => true, () => false))) continue;
      const shown = await app.commands.execute("docmanager:open", { path: place, factory: "Editor" });
      await shown?.context?.ready;
      await shown?.revealed;
      const editor = shown?.content?.editor;
      if (!editor) return;
      const at = { line: Math.min(line, editor.lineCount) - 1, column: 0 };
      editor.setCursorPosition(at);
      editor.revealPosition(at);
      editor.focus();
      return;
    }
    await showErrorMessage("The file was not found", `${path} is not below the folder that JupyterLab serves`);
  };
  return { opener, serverRoot, base: (path) => PathExt.basename(path) };
};
