/* What our modules take as given, for `make types-js`: nothing here is loaded by a browser. */

/** Asks JupyterLab for a module that it shares; see static/remoteEntry.js. */
type Shared = (name: string) => Promise<any>;

/** What anywidget gives a widget's module; `get`, `set` and the like are all that each front end has. */
interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(message: object): void;
  on(name: string, call: (...told: any[]) => unknown): void;
  off(name: string, call: (...told: any[]) => unknown): void;
}

interface Window {
  _JUPYTERLAB?: Record<string, { init(scope: unknown): void; get(name: string): Promise<() => object> }>;
}
