import { el } from "./kit.mjs";

/* Rows of one height, of which only those that are seen are in the page; arrows move through them. */

const ROW = 24; // as in tokens.css
const SPARE = 6; // rows above and below what is seen
const REST = 150; // ms; a browser ends each step of a scroll that is told to it
let made = 0;

const within = (at, count) => Math.min(Math.max(at, 0), Math.max(count - 1, 0));

const attribute = (node, name, value) => {
  if (value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== `${value}`) node.setAttribute(name, value);
};

export class Rows {
  cells;
  kind;
  open;
  toggle;
  key;
  moved;
  names;

  /** `cells(item)` gives what stands in a row, `kind(item)` its class; `open(item)` answers Enter
      and a click, `toggle(item)` opens and closes one that has an `open` of its own, and
      `key(key, item)` any other key: it returns whether there is a use for it. Of a `grid` arrows
      go from cell to cell, and `names` tell its columns apart. */
  constructor({ role, label, heads, ...calls }) {
    Object.assign(this, calls);
    this.list = [];
    this.pool = [];
    this.at = this.field = 0;
    this.id = `ol-rows-${++made}`;
    this.isGrid = role === "grid";
    this.head = el("div", { role: "row", "aria-rowindex": 1 }, ...heads.map((text) => el("div", { role: "columnheader" }, text)));
    this.body = el("div", {
      role: "rowgroup", class: "ol-body",
      onpointerover: ({ target }) => { if (target.ol === true) target.title = target.textContent; },
    });
    this.node = el("div", {
      role, class: "ol-rows", tabindex: 0, "aria-label": label,
      onscroll: () => this.later(), onkeydown: (event) => this.press(event), onfocus: () => this.draw(), onblur: () => this.draw(),
    }, el("div", { role: "rowgroup", class: "ol-top" }, this.head), this.body);
    this.empty = el("p", { class: "ol-empty", hidden: true });
    this.frame = el("div", { class: "ol-frame" }, this.node, this.empty);
    this.size = new ResizeObserver(() => this.draw());
    this.size.observe(this.node);
  }

  close() {
    this.size.disconnect();
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.resting);
  }

  get item() {
    return this.list[this.at];
  }

  /** Show other items, or say why there are none; the place stays at `item` where that is given. */
  show(list, item, ...empty) {
    this.list = list;
    this.at = within(item === undefined ? this.at : list.indexOf(item), list.length);
    for (const line of this.pool) line.ol = null;
    this.body.style.height = `${list.length * ROW}px`;
    // No higher than its rows, unless it was: what stands below does not move when they are filtered.
    this.most = Math.max(this.most ?? 3, list.length);
    if (this.isGrid) this.node.style.maxHeight = `${this.head.offsetHeight + (this.most + 1) * ROW}px`;
    this.node.setAttribute("aria-rowcount", list.length + 1);
    this.empty.hidden = list.length > 0;
    this.empty.replaceChildren(...empty);
    this.draw();
    this.align();
  }

  go(at) {
    this.at = within(at, this.list.length);
    const high = this.node.clientHeight - this.head.offsetHeight;
    const place = this.at * ROW;
    if (place < this.node.scrollTop) this.node.scrollTop = place;
    else if (place + ROW > this.node.scrollTop + high) this.node.scrollTop = place + ROW - high;
    this.draw();
    this.moved?.(this.item);
  }

  later() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.align(), REST);
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  draw() {
    const { node, list, pool } = this;
    const top = node.scrollTop;
    this.page = Math.max(1, Math.floor((node.clientHeight - this.head.offsetHeight) / ROW) - 1);
    const from = (this.from = Math.max(0, Math.floor(top / ROW) - SPARE));
    const upto = Math.min(list.length, Math.ceil((top + node.clientHeight) / ROW) + SPARE);
    while (pool.length < upto - from) {
      const line = this.body.appendChild(el("div", { role: "row", onclick: (event) => this.click(event, line) }));
      pool.push(line);
    }
    // An item keeps its line while it is seen: a line is written anew only where it has left the view.
    for (let at = from; at < from + pool.length; at++) {
      const line = pool[at % pool.length];
      if (line.hidden !== at >= upto) line.hidden = at >= upto;
      if (at >= upto) continue;
      if (line.ol !== list[at]) this.fill(line, list[at]);
      if (line.at !== at) {
        line.style.transform = `translateY(${at * ROW}px)`;
        line.setAttribute("aria-rowindex", (line.at = at) + 2);
      }
      attribute(line, "aria-selected", at === this.at);
    }
    /** @type {any} */
    const root = node.getRootNode();
    this.mark(this.at >= from && this.at < upto ? pool[this.at % pool.length] : undefined, root.activeElement === node);
  }

  /** Who reads the page reads the rows in their order: put right when the scrolling rests. */
  align() {
    const { body, pool } = this;
    const first = this.from % pool.length;
    if (body.firstChild !== pool[first] || body.lastChild !== pool.at(first - 1)) body.append(...pool.slice(first), ...pool.slice(0, first));
  }

  fill(line, item) {
    line.ol = item;
    attribute(line, "class", this.kind(item));
    attribute(line, "aria-level", item.depth);
    attribute(line, "aria-expanded", item.open);
    const cells = this.cells(item);
    while (line.childElementCount > cells.length) line.lastChild.remove();
    cells.forEach((cell, field) => {
      const node = line.children[field] ?? line.appendChild(el("div", { role: "gridcell" }));
      attribute(node, "class", this.names && `ol-c-${this.names[field]}`);
      const isText = typeof cell === "string";
      if (isText && node.ol) node.firstChild.data = cell;
      else node.replaceChildren(...(isText ? [document.createTextNode(cell)] : [cell].flat()));
      node.ol = isText;
    });
  }

  /** Show where the place is: no other node has this id. */
  mark(line, focused) {
    for (const name of ["id", "data-ol-at"]) this.marked?.removeAttribute(name);
    this.marked = line && !line.hidden ? (this.isGrid ? line.children[this.field] : line) : undefined;
    attribute(this.node, "aria-activedescendant", this.marked && (this.marked.id = `${this.id}-${this.at}-${this.field}`));
    this.marked?.toggleAttribute("data-ol-at", focused);
  }

  click({ target }, line) {
    if (target.closest("a")) return;
    this.node.focus({ preventScroll: true });
    this.go(this.list.indexOf(line.ol));
    if (target.closest(".ol-twist")) this.side(line.ol, 0);
    else this.open(line.ol);
  }

  /** To the next cell; or open, close, or go: into what is open, or up to what holds it. */
  side(item, step) {
    if (this.isGrid) {
      this.field = within(this.field + step, this.head.childElementCount);
      this.draw();
      return this.marked?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    if (item.open !== undefined && (step === 0 || (step > 0) !== item.open)) return this.toggle(item);
    let { at } = this;
    if (step > 0) at += 1;
    else while (at > 0 && this.list[at].depth >= item.depth) at -= 1;
    this.go(at);
  }

  press(event) {
    const { key } = event;
    if (event.target !== this.node) {
      if (key === "Escape") this.node.focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
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
