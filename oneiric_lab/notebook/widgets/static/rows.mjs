import { el } from "./kit.mjs";

/* Rows of one height, of which only those that are seen are in the page; arrows move through them. */

const ROW = 24; // as in tokens.css
const SPARE = 6; // rows above and below what is seen
let made = 0;

export class Rows {
  /** `cells(item)` gives what stands in a row, `kind(item)` its class; `open(item)` answers Enter
      and a click, `toggle(item)` opens and closes one that has an `open` of its own, and
      `key(key, item)` any other key: it returns whether there is a use for it. */
  constructor({ role, label, heads, ...calls }) {
    Object.assign(this, calls, { list: [], at: 0, pool: [], id: `ol-rows-${++made}` });
    this.head = el("div", { role: "row", class: "ol-head", "aria-rowindex": 1 }, ...heads.map((text) => el("div", { role: "columnheader" }, text)));
    this.body = el("div", { role: "rowgroup", class: "ol-body" });
    this.node = el("div", {
      role, class: "ol-rows", tabindex: 0, "aria-label": label,
      onscroll: () => this.later(), onkeydown: (event) => this.press(event), onfocus: () => this.draw(), onblur: () => this.draw(),
    }, el("div", { role: "rowgroup", class: "ol-top" }, this.head), this.body);
    this.size = new ResizeObserver(() => this.draw());
    this.size.observe(this.node);
  }

  close() {
    this.size.disconnect();
    cancelAnimationFrame(this.frame);
  }

  get item() {
    return this.list[this.at];
  }

  /** Show other items; the place stays at `item` where that is given. */
  show(list, item) {
    this.list = list;
    const at = item === undefined ? this.at : Math.max(0, list.indexOf(item));
    this.at = Math.min(at, Math.max(0, list.length - 1));
    for (const line of this.pool) line.ol = null;
    this.body.style.height = `${list.length * ROW}px`;
    this.node.setAttribute("aria-rowcount", list.length + 1);
    this.draw();
  }

  go(at, quiet) {
    this.at = Math.min(Math.max(at, 0), Math.max(this.list.length - 1, 0));
    const high = this.node.clientHeight - this.head.offsetHeight;
    const place = this.at * ROW;
    if (place < this.node.scrollTop) this.node.scrollTop = place;
    else if (place + ROW > this.node.scrollTop + high) this.node.scrollTop = place + ROW - high;
    this.draw();
    if (!quiet) this.moved?.(this.item);
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const { node, list, pool } = this;
    const top = node.scrollTop;
    this.page = Math.max(1, Math.floor((node.clientHeight - this.head.offsetHeight) / ROW) - 1);
    const from = Math.max(0, Math.floor(top / ROW) - SPARE);
    const upto = Math.min(list.length, Math.ceil((top + node.clientHeight) / ROW) + SPARE);
    const focused = node.getRootNode().activeElement === node;
    for (let n = 0; n < Math.max(pool.length, upto - from); n++) {
      const at = from + n;
      const line = (pool[n] ??= this.body.appendChild(el("div", { role: "row", onclick: (event) => this.click(event, line) })));
      line.hidden = at >= upto;
      if (line.hidden) continue;
      if (line.ol !== list[at]) {
        line.ol = list[at];
        const { depth, open } = line.ol;
        line.className = this.kind(line.ol);
        line.setAttribute("aria-level", depth);
        if (open === undefined) line.removeAttribute("aria-expanded");
        else line.setAttribute("aria-expanded", open);
        line.replaceChildren(...this.cells(line.ol).map((cell) => el("div", { role: "gridcell" }, ...[cell].flat())));
      }
      line.style.transform = `translateY(${at * ROW}px)`;
      line.id = `${this.id}-${at}`;
      line.setAttribute("aria-rowindex", at + 2);
      line.setAttribute("aria-selected", at === this.at);
      line.toggleAttribute("data-ol", focused && at === this.at);
    }
    if (list.length) node.setAttribute("aria-activedescendant", `${this.id}-${this.at}`);
    else node.removeAttribute("aria-activedescendant");
  }

  click(event, line) {
    if (event.target.closest("a")) return;
    this.node.focus({ preventScroll: true });
    this.go(this.list.indexOf(line.ol));
    if (event.target.closest(".ol-twist")) this.side(line.ol, 0);
    else this.open(line.ol);
  }

  /** Open, close, or go: into what is open, or up to what holds it. */
  side(item, step) {
    if (item.open !== undefined && (step === 0 || (step > 0) !== item.open)) return this.toggle(item);
    let { at } = this;
    if (step > 0) at += 1;
    else while (at > 0 && this.list[at].depth >= item.depth) at -= 1;
    this.go(at);
  }

  press(event) {
    const { key } = event;
    if (event.target !== this.node || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowUp: this.at - 1, ArrowDown: this.at + 1, PageUp: this.at - this.page, PageDown: this.at + this.page, Home: 0, End: this.list.length - 1 }[key];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (to !== undefined) this.go(to);
    else if (step && this.item !== undefined) this.side(this.item, step);
    else if (key === "Enter" && this.item !== undefined) this.open(this.item, true);
    else if (!this.key(key, this.item)) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has uses of its own for these
  }
}

/** What stands before the cells of a row of a tree. */
export const lead = ({ depth, open }) => [
  el("span", { style: `padding-left:${(depth - 1) * 16}px` }),
  ...(open === undefined ? [] : [el("span", { class: "ol-twist", "aria-hidden": "true" }, open ? "▾ " : "▸ ")]),
];

/** A field for words that filter; its keys lead to the rows. */
export const search = (rows, act) => {
  const field = el("input", {
    type: "search", placeholder: "filter  ( / )", "aria-label": "filter by words", oninput: () => act(field.value),
    onkeydown: (event) => {
      event.stopPropagation();
      if (event.key === "Escape" && field.value) act((field.value = ""));
      else if (["ArrowDown", "Enter", "Escape"].includes(event.key)) rows.node.focus();
      else return;
      event.preventDefault();
    },
  });
  return field;
};
