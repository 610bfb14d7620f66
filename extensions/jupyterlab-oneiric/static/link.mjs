/* From a page to the kernel of a notebook: one comm, opened when the notebook speaks of us, opened
   anew behind another kernel. What travels is told in oneiric_lab/notebook/_pages.py. */

const TARGET = "oneiric.lab";
const OURS = /\boneiric/;
const GONE = new Set(["restarting", "autorestarting", "terminating", "dead"]);

/** How a notebook stands: `none` has no kernel, `silent` one that has not loaded us, `gone` one that
    ended or restarted, `empty` one without a lab, `live` one that tells. */
export class Link {
  /** @param context The session of a notebook. @param speaks Whether its cells speak of us. */
  constructor(context, speaks, versions) {
    this.context = context;
    this.versions = versions;
    this.state = "none";
    this.panel = this.comm = null;
    this.hears = new Set();
    this.asked = new Map();
    this.number = 0;
    this.speaks = speaks();
    this.told = (_, message) => {
      // What a cell says, it may have loaded; when the kernel has done it, we ask once.
      if (message.header.msg_type === "execute_input" && OURS.test(message.content.code)) this.speaks = true;
    };
    this.turned = (_, status) => {
      if (GONE.has(status)) this.drop("gone");
      else if (status === "idle") this.connect();
    };
    this.changed = () => (this.drop("none"), (this.speaks = speaks()), this.connect());
    context.iopubMessage.connect(this.told);
    context.statusChanged.connect(this.turned);
    context.kernelChanged.connect(this.changed);
    void context.ready.then(() => this.connect());
  }

  close() {
    this.context.iopubMessage.disconnect(this.told);
    this.context.statusChanged.disconnect(this.turned);
    this.context.kernelChanged.disconnect(this.changed);
    this.drop("none");
    this.hears.clear();
  }

  tell(state) {
    this.state = state;
    for (const hear of this.hears) hear(this);
  }

  drop(state) {
    const { comm } = this;
    this.comm = this.panel = null;
    this.speaks = false;
    for (const [, fail] of this.asked.values()) fail(new Error("the kernel is gone"));
    this.asked.clear();
    if (comm && !comm.isDisposed) comm.dispose();
    this.tell(state);
  }

  /** Open the comm, where the notebook has spoken of us, or `always`. */
  async connect(always = false) {
    const kernel = this.context.session?.kernel;
    if (!kernel || this.comm || kernel.status === "unknown") return;
    if (!(this.speaks || always)) return void (this.state === "none" && this.tell("silent"));
    this.speaks = false;
    const comm = (this.comm = kernel.createComm(TARGET));
    comm.onMsg = ({ content: { data } }) => this.comm === comm && this.hear(data);
    // A kernel closes what it does not know.
    comm.onClose = () => this.comm === comm && this.drop("silent");
    comm.open({ page: await this.versions() });
  }

  hear(data) {
    if (data.panel) {
      this.panel = data.panel;
      this.tell(data.panel.lab ? "live" : "empty");
    }
    const number = data.explained ?? data.failed;
    this.asked.get(number)?.[0](data);
    this.asked.delete(number);
  }

  /** What the lab says of a path or a component, as a view. */
  explain(target) {
    if (!this.comm || this.state !== "live") return Promise.reject(new Error("no lab is open in this notebook"));
    return new Promise((...done) => {
      this.asked.set(++this.number, done);
      this.comm.send({ do: "explain", target, number: this.number });
    });
  }
}

/** The links of all notebooks, made when they are first looked at. */
export const makeLinks = (versions) => {
  const links = new WeakMap();
  const speaks = (panel) => () => {
    const cells = panel.content.model?.cells;
    for (let at = 0; at < (cells?.length ?? 0); at++) if (OURS.test(cells.get(at).sharedModel.getSource())) return true;
    return false;
  };
  return (panel) => {
    let link = links.get(panel);
    if (!link) {
      link = new Link(panel.sessionContext, speaks(panel), versions);
      links.set(panel, link);
      panel.disposed.connect(() => link.close());
    }
    return link;
  };
};
