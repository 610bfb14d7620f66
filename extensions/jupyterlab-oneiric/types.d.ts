/* What our modules take as given, for `make types-js`: nothing here is loaded by a browser. */

/** Asks JupyterLab for a module that it shares; see static/remoteEntry.js. */
type Shared = (name: string) => Promise<any>;

interface Window {
  _JUPYTERLAB?: Record<string, { init(scope: unknown): void; get(name: string): Promise<() => object> }>;
}
