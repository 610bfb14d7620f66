import { GLYPHS, codeLine, el, onTheme } from "./kit.mjs";

/* The live chart of a load run; what travels is told in _load.py, beside this folder. */

const METRICS = ["response", "service", "lag"];
const STAGES = {
  waiting: ["info", "waiting for its process"],
  running: ["info", "running"],
  paused: ["warn", "paused"],
  cancelling: ["warn", "cancelling"],
  cancelled: ["warn", "cancelled: what there is was kept"],
  failed: ["bad", "failed"],
  ended: ["ok", "ended"],
};
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";
const BANDS = 48; // six to a decade, from 1 µs
const LEFT = 58;
const PANELS = { rate: [18, 64], quantiles: [104, 104], heat: [230, 72], flight: [324, 30], events: [376, 12] };
const HEIGHT = 408;
const MOST = 2400;

const time = (us) => {
  if (us == null) return "n/a";
  if (us >= 1e6) return `${+(us / 1e6).toPrecision(3)} s`;
  return us >= 1000 ? `${+(us / 1000).toPrecision(3)} ms` : `${+us.toPrecision(3)} µs`;
};
const count = (value) => (value == null ? "n/a" : Math.round(value).toLocaleString("en"));

/** What one model holds for all its views: the ticks, told once and drawn by each. */
class Course {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.take(model.get("past"));
  }

  take(whole) {
    this.ticks = (whole?.ticks ?? []).slice();
    this.have = whole?.count ?? 0;
    this.tell();
  }

  told(message) {
    if (message.whole) {
      this.asked = false;
      this.take(message.whole);
    } else if (message.tick) {
      const [number] = message.tick;
      if (number <= this.have) return;
      if (number > this.have + 1) this.ask();
      this.have = number;
      this.ticks.push(message.tick);
      if (this.ticks.length > MOST) this.ticks = this.ticks.filter((_, at) => at % 2);
      this.tell();
    }
  }

  /** A message came before this module did: have them all again. */
  ask() {
    if (this.asked) return;
    this.asked = true;
    this.model.send({ do: "whole" });
  }

  tell() {
    for (const view of this.views) view();
  }
}

class Chart {
  constructor(model, course, root) {
    Object.assign(this, { model, course, root, cursor: null });
    this.plan = model.get("plan");
    this.operations = this.plan.operations ?? [];
    this.build();
    const later = () => {
      this.frame ??= requestAnimationFrame(() => {
        this.frame = null;
        this.draw();
      });
    };
    course.views.add(later);
    const changed = () => (this.settle(), later());
    const traits = ["stage", "end", "metric", "operation"].map((name) => `change:${name}`);
    for (const name of traits) model.on(name, changed);
    const theme = onTheme(later);
    const size = new ResizeObserver(later);
    size.observe(this.canvas);
    this.close = () => {
      course.views.delete(later);
      for (const name of traits) model.off(name, changed);
      theme();
      size.disconnect();
      cancelAnimationFrame(this.frame);
    };
    changed();
  }

  build() {
    const { plan, model } = this;
    this.status = el("span", { role: "status" });
    this.progress = el("progress", { max: plan.length, value: 0, "aria-label": "progress of the run" });
    this.left = el("span", { class: "ol-quiet" });
    this.code = codeLine();
    const order = (word, code) => () => {
      this.code.show(code);
      model.send({ do: word });
      clearTimeout(this.patience);
      this.patience = setTimeout(() => {
        this.left.textContent = "the kernel is busy with a cell, and hears this when it ends";
      }, 1500);
    };
    this.cancel = el("button", { type: "button", onclick: order("cancel", "job.cancel()") }, "Cancel");
    this.pause = el("button", {
      type: "button",
      onclick: () => {
        const word = model.get("stage") === "paused" ? "resume" : "pause";
        order(word, `job.${word}()`)();
      },
    }, "Pause");
    const choice = (name, label, values) => {
      const node = el("select", {
        "aria-label": label,
        onchange: () => {
          model.set(name, node.value);
          model.save_changes();
          const operation = JSON.stringify(model.get("operation"));
          this.code.show(`lab.ui.load(job, metric="${model.get("metric")}", operation=${operation})`);
        },
      }, ...values.map((value) => el("option", { value }, value)));
      return node;
    };
    this.metric = choice("metric", "metric", METRICS);
    this.operation = choice("operation", "operation", this.operations.map((o) => o.name));
    this.now = {};
    const key = (name) => el("span", { class: "ol-key", "data-ol": name, "aria-hidden": "true" });
    const figure = (name, label, ...before) => {
      this.now[name] = el("dd", {}, "–");
      return el("div", {}, ...before, el("dt", {}, label), this.now[name]);
    };
    const figures = el("dl", { class: "ol-now" },
      figure("at", "at"), figure("rate", "rate", key("rate")), figure("p50", "p50", key("p50")),
      figure("p99", "p99", key("p99")), figure("bad", "bad"), figure("flight", "in flight"));
    this.events = this.operations.map((o, at) => [o, at]).filter(([o]) => o.event);
    for (const [o, at] of this.events) figures.append(figure(`event${at}`, `${o.name}`));
    this.canvas = el("canvas", {
      tabindex: 0,
      role: "slider",
      "aria-label": "chart over time; the arrows move through it",
      "aria-valuemin": 0,
      "aria-valuemax": 0,
      "aria-valuenow": 0,
      height: HEIGHT,
      onkeydown: (event) => this.key(event),
      onpointermove: (event) => this.point(event),
      onpointerleave: () => this.move(null),
      onblur: () => this.move(null),
    });
    this.canvas.style.height = `${HEIGHT}px`;
    this.notes = el("ul", { class: "ol-end", "aria-label": "what came of it" });
    this.root.classList.add("ol-widget", "ol-load");
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", plan.name);
    this.root.append(
      el("header", {}, el("strong", {}, plan.name), this.status, this.progress, this.left),
      el("div", { class: "ol-tools" }, this.pause, this.cancel,
        el("label", {}, "metric ", this.metric), el("label", {}, "operation ", this.operation)),
      figures, this.canvas, this.notes, this.code.node);
  }

  /** Show what the kernel says of the run and of the settings. */
  settle() {
    const { model } = this;
    const stage = model.get("stage");
    const [tone, words] = STAGES[stage] ?? ["info", stage];
    if (this.stage !== stage) {
      this.stage = stage;
      clearTimeout(this.patience);
      this.status.className = `ol-${tone}`;
      this.status.textContent = GLYPHS[tone] + words;
    }
    const over = ["ended", "cancelled", "failed"].includes(stage);
    this.cancel.disabled = over || stage === "cancelling";
    this.pause.disabled = over || !["running", "paused"].includes(stage);
    this.pause.textContent = stage === "paused" ? "Resume" : "Pause";
    this.metric.value = model.get("metric");
    this.operation.value = model.get("operation");
    const end = model.get("end");
    if (end && !this.notes.childNodes.length) {
      const lines = [[end.tone, end.title], ...end.notes];
      this.notes.append(...lines.map(([tone, text]) => el("li", { class: `ol-${tone}` }, (GLYPHS[tone] ?? "") + text)));
      if (end.count > this.course.have) this.course.ask();
    }
  }

  /** The figures of a tick: those of the chosen operation and metric. */
  figures(tick) {
    const at = Math.max(0, this.operations.findIndex((o) => o.name === this.model.get("operation")));
    const column = 2 + 2 * METRICS.indexOf(this.model.get("metric"));
    const [rate, bad, ...times] = tick[5][at] ?? [];
    return { at: tick[1], window: tick[2], flight: tick[4], paused: tick[7], rate, bad, p50: times[column - 2], p99: times[column - 1],
      heat: tick[6][METRICS.indexOf(this.model.get("metric"))] ?? "", events: this.events.map(([, o]) => tick[5][o] ?? []) };
  }

  key(event) {
    const last = this.course.ticks.length - 1;
    const at = this.cursor ?? last;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - 10, PageDown: at + 10, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has uses of its own for arrows
    this.move(to === null ? null : Math.min(Math.max(to, 0), last));
  }

  point(event) {
    const { ticks } = this.course;
    const seconds = ((event.offsetX - LEFT) / (this.width - LEFT)) * this.span;
    let near = null;
    for (let at = 0; at < ticks.length; at++) {
      if (near === null || Math.abs(ticks[at][1] - seconds) < Math.abs(ticks[near][1] - seconds)) near = at;
    }
    this.move(near);
  }

  move(to) {
    this.cursor = to;
    this.draw();
  }

  draw() {
    const ticks = this.course.ticks.map((tick) => this.figures(tick));
    const last = ticks.length - 1;
    const at = Math.min(this.cursor ?? last, last);
    const seen = ticks[at];
    const { length } = this.plan;
    // A pause stands still: the run ends by as much later.
    const paused = ticks.reduce((sum, tick) => sum + (tick.paused ? tick.window : 0), 0);
    const done = last < 0 ? 0 : Math.min(ticks[last].at - paused, length);
    this.span = length + paused;
    this.progress.value = this.stage === "ended" ? length : done;
    if (["running", "paused", "waiting"].includes(this.stage)) {
      this.left.textContent = last < 0 ? `${length} s` : `${done.toFixed(1)} of ${length} s, ${Math.ceil(length - done)} s left`;
    } else {
      this.left.textContent = `${done.toFixed(1)} of ${length} s`;
    }
    if (seen) {
      const text = { at: `${seen.at.toFixed(2)} s`, rate: `${count(seen.rate)}/s`, p50: time(seen.p50), p99: time(seen.p99),
        bad: `${count(seen.bad)}/s`, flight: count(seen.flight) };
      this.events.forEach(([, o], n) => {
        const [rate, bad] = seen.events[n];
        text[`event${o}`] = `${count(rate)}/s` + (bad ? `, ${count(bad)} bad` : "");
      });
      for (const [name, value] of Object.entries(text)) this.now[name].textContent = value;
      this.now.bad.className = seen.bad ? "ol-bad" : "";
      this.canvas.setAttribute("aria-valuemax", last);
      this.canvas.setAttribute("aria-valuenow", at);
      this.canvas.setAttribute("aria-valuetext",
        `at ${text.at}: rate ${text.rate}, p50 ${text.p50}, p99 ${text.p99}, bad ${text.bad}, in flight ${text.flight}`);
    }
    this.paint(ticks, this.cursor === null ? null : seen);
  }

  paint(ticks, marked) {
    const { canvas } = this;
    this.width = canvas.clientWidth;
    if (!this.width) return;
    const ratio = globalThis.devicePixelRatio || 1;
    canvas.width = this.width * ratio;
    canvas.height = HEIGHT * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.root);
    // A browser gives colours of the system and of themes back as plain ones only for `color`.
    const color = (name) => ((canvas.style.color = `var(--ol-${name})`), getComputedStyle(canvas).color);
    const [fg, quiet, line, accent, second, bad] = ["fg", "fg-2", "line", "accent", "second", "bad"].map(color);
    pen.font = `11px ${style.fontFamily}`;
    const wide = this.width - LEFT;
    const x = (seconds) => LEFT + (Math.min(seconds, this.span) / this.span) * wide;

    const panel = (name, title, labels) => {
      const [top, high] = PANELS[name];
      pen.fillStyle = fg;
      pen.textAlign = "left";
      pen.fillText(title, LEFT, top - 5);
      pen.strokeStyle = line;
      pen.globalAlpha = 0.6;
      pen.strokeRect(LEFT + 0.5, top + 0.5, wide - 1, high);
      pen.fillStyle = quiet;
      pen.globalAlpha = 1;
      pen.textAlign = "right";
      for (const [text, y] of labels) pen.fillText(text, LEFT - 5, Math.min(Math.max(y + 4, top + 8), top + high + 2));
      return (part) => top + high - Math.min(Math.max(part, 0), 1) * high;
    };
    const path = (values, y, stroke, dash = []) => {
      pen.strokeStyle = stroke;
      pen.lineWidth = 1.6;
      pen.setLineDash(dash);
      pen.beginPath();
      let pen_is_down = false;
      ticks.forEach((tick, n) => {
        if (values[n] == null) return void (pen_is_down = false);
        pen[pen_is_down ? "lineTo" : "moveTo"](x(tick.at), y(values[n]));
        if (!pen_is_down && values[n + 1] == null) pen.lineTo(x(tick.at - tick.window), y(values[n]));
        pen_is_down = true;
      });
      pen.stroke();
      pen.setLineDash([]);
      pen.lineWidth = 1;
    };

    const shade = (from, upto, name) => {
      pen.globalAlpha = 0.1;
      pen.fillStyle = fg;
      pen.fillRect(x(from), 0, x(upto) - x(from), HEIGHT - 20);
      pen.globalAlpha = 1;
      pen.fillStyle = quiet;
      pen.textAlign = "right";
      if (x(upto) - x(from) > pen.measureText(name).width + 6) pen.fillText(name, x(upto) - 3, PANELS.rate[0] + 12);
    };
    if (this.plan.warmup) shade(0, this.plan.warmup, "warm-up");
    ticks.forEach((tick, n) => {
      if (tick.paused) shade(tick.at - tick.window, tick.at, ticks[n + 1]?.paused ? "" : "paused");
    });

    const operation = this.model.get("operation");
    const rates = ticks.map((tick) => tick.rate);
    const most = nice(Math.max(1, ...rates.map((rate) => rate ?? 0)));
    const y1 = panel("rate", `${operation} a second`, [[count(most), PANELS.rate[0]], ["0", PANELS.rate[0] + PANELS.rate[1]]]);
    path(rates, (rate) => y1(rate / most), accent);
    path(ticks.map((tick) => (tick.bad ? tick.bad : null)), (rate) => y1(rate / most), bad, [2, 2]);

    const known = ticks.flatMap((tick) => [tick.p50, tick.p99]).filter((us) => us > 0);
    const low = Math.floor(Math.log10(Math.min(1000, ...known)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1000, ...known))));
    const marks = Array.from({ length: high - low + 1 }, (_, n) => low + n);
    const [top, tall] = PANELS.quantiles;
    const part = (us) => (Math.log10(Math.max(us, 0.001)) - low) / (high - low);
    const y2 = panel("quantiles", `${this.model.get("metric")} of ${operation}: p50 —, p99 - -`,
      marks.map((mark) => [time(10 ** mark), top + tall - ((mark - low) / (high - low)) * tall]));
    pen.strokeStyle = line;
    pen.globalAlpha = 0.35;
    for (const mark of marks) {
      pen.beginPath();
      pen.moveTo(LEFT, y2((mark - low) / (high - low)));
      pen.lineTo(this.width, y2((mark - low) / (high - low)));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    path(ticks.map((tick) => tick.p50), (us) => y2(part(us)), accent);
    path(ticks.map((tick) => tick.p99), (us) => y2(part(us)), second, [5, 3]);

    const used = ticks.flatMap((tick) => [...tick.heat].flatMap((letter, band) => (letter === "0" ? [] : [band])));
    const from = Math.max(0, Math.floor(Math.min(18, ...used) / 6) * 6);
    const upto = Math.min(BANDS, Math.ceil((Math.max(23, ...used) + 1) / 6) * 6);
    const [heatTop, heatHigh] = PANELS.heat;
    const row = heatHigh / (upto - from);
    panel("heat", `where the ${this.model.get("metric")} of all lies`,
      [[time(10 ** (from / 6)), heatTop + heatHigh], [time(10 ** (upto / 6)), heatTop]]);
    pen.fillStyle = accent;
    for (const tick of ticks) {
      const start = x(tick.at - tick.window);
      [...tick.heat].forEach((letter, band) => {
        const level = LETTERS.indexOf(letter);
        if (level < 1) return;
        pen.globalAlpha = Math.min(1, 0.12 + level / 26);
        pen.fillRect(start, heatTop + heatHigh - (band - from + 1) * row, Math.max(1, x(tick.at) - start), row);
      });
    }
    pen.globalAlpha = 1;

    const flights = ticks.map((tick) => tick.flight);
    const full = nice(Math.max(1, ...flights));
    const y4 = panel("flight", "in flight", [[count(full), PANELS.flight[0]]]);
    path(flights, (flight) => y4(flight / full), accent);

    const [base, size] = PANELS.events;
    panel("events", this.events.map(([o]) => o.name).join(", ") || "no operation has a rate of its own", []);
    const busiest = Math.max(1, ...ticks.flatMap((tick) => tick.events.map(([rate]) => rate ?? 0)));
    for (const tick of ticks) {
      tick.events.forEach(([rate, wrong]) => {
        if (!rate) return;
        pen.fillStyle = wrong ? bad : second;
        const h = Math.max(3, (rate / busiest) * size);
        pen.fillRect(x(tick.at - tick.window) + 0.5, base + size - h, Math.max(1, x(tick.at) - x(tick.at - tick.window) - 1), h);
      });
    }

    pen.fillStyle = quiet;
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      pen.textAlign = share === 0 ? "left" : share === 1 ? "right" : "center";
      pen.fillText(`${+(this.span * share).toPrecision(3)} s`, LEFT + share * wide, HEIGHT - 4);
    }
    if (marked) {
      pen.strokeStyle = fg;
      pen.beginPath();
      pen.moveTo(Math.round(x(marked.at)) + 0.5, 12);
      pen.lineTo(Math.round(x(marked.at)) + 0.5, HEIGHT - 20);
      pen.stroke();
    }
  }
}

/** The next number of one digit, or of one and a half. */
const nice = (value) => {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((digit) => digit * size).find((mark) => mark >= value);
};

export default () => {
  let course;
  return {
    initialize({ model }) {
      course = new Course(model);
      const told = (message) => course.told(message);
      model.on("msg:custom", told);
      return () => model.off("msg:custom", told);
    },
    render({ model, el: root }) {
      const chart = new Chart(model, course, root);
      return () => chart.close();
    },
  };
};
